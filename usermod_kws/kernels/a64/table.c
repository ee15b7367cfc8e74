// Which kernels a 64-bit Arm runs, found out at run time.
#include <sys/auxv.h>

#include "kernels/a64/a64.h"

// getauxval's bit for the dot product instructions; arm64's ABI, so that no kernel header is needed.
#define HWCAP_DOT_PRODUCT (1ul << 20)

#define KERNELS(variant)                                                                                               \
    {                                                                                                                  \
        .name = #variant, .conv2d = kws_conv2d_##variant, .depthwise_conv2d = kws_depthwise_conv2d_##variant,          \
        .fully_connected = kws_fully_connected_##variant, .avg_pool2d = kws_avg_pool2d_neon,                           \
        .max_pool2d = kws_max_pool2d_c, .avg_pool_step = kws_avg_pool_step_c, .mean = kws_mean_c, .add = kws_add_neon, \
        .mul = kws_mul_c, .prelu = kws_prelu_c, .lut = kws_lut_c, .softmax = kws_softmax_c, .copy = kws_copy_c,        \
        .svdf = kws_svdf_c,                                                                                            \
    }

const kws_kernels_t kws_kernels_neon = KERNELS(neon);
const kws_kernels_t kws_kernels_sdot = KERNELS(sdot);

// No state: the C library looks the bits up in what the system gave the process at its start.
const kws_kernels_t *kws_kernels(void) {
    return getauxval(AT_HWCAP) & HWCAP_DOT_PRODUCT ? &kws_kernels_sdot : &kws_kernels_neon;
}
