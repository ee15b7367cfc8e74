#include "kernels/kernels.h"

const kws_kernels_t kws_kernels = {
    .name = "c",
    .conv2d = kws_conv2d_c,
    .depthwise_conv2d = kws_depthwise_conv2d_c,
    .fully_connected = kws_fully_connected_c,
    .avg_pool2d = kws_avg_pool2d_c,
    .max_pool2d = kws_max_pool2d_c,
    .add = kws_add_c,
    .relu = kws_relu_c,
    .softmax = kws_softmax_c,
    .reshape = kws_reshape_c,
};
