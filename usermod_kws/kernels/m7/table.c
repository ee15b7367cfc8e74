// The table of the Cortex-M7.
#include "kernels/m7/m7.h"

const kws_kernels_t *kws_kernels(void) {
    static const kws_kernels_t kernels = {
        .name = "m7",
        .conv2d = kws_conv2d_m7,
        .depthwise_conv2d = kws_depthwise_conv2d_m7,
        .fully_connected = kws_fully_connected_m7,
        .avg_pool2d = kws_avg_pool2d_m7,
        .max_pool2d = kws_max_pool2d_m7,
        .avg_pool_step = kws_avg_pool_step_m7,
        .mean = kws_mean_m7,
        .add = kws_add_m7,
        .mul = kws_mul_m7,
        .prelu = kws_prelu_c,
        .lut = kws_lut_m7,
        .softmax = kws_softmax_c,
        .copy = kws_copy_c,
        .svdf = kws_svdf_m7,
    };
    return &kernels;
}
