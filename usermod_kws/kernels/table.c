// The plain table. An architecture's folder brings its own table.c, and this one is then left out of the build.
#include "kernels/kernels.h"

const kws_kernels_t *kws_kernels(void) {
    static const kws_kernels_t kernels = {
        .name = "c",
        .conv2d = kws_conv2d_c,
        .depthwise_conv2d = kws_depthwise_conv2d_c,
        .fully_connected = kws_fully_connected_c,
        .avg_pool2d = kws_avg_pool2d_c,
        .max_pool2d = kws_max_pool2d_c,
        .avg_pool_step = kws_avg_pool_step_c,
        .mean = kws_mean_c,
        .add = kws_add_c,
        .mul = kws_mul_c,
        .prelu = kws_prelu_c,
        .lut = kws_lut_c,
        .softmax = kws_softmax_c,
        .copy = kws_copy_c,
        .svdf = kws_svdf_c,
    };
    return &kernels;
}
