// 2-D convolution: patches of up to six pixels, widened into scratch, times all weights (gemm.h).
#include "kernels/m7/m7.h"
#include "kernels/m7/patches.h"

// The input's pixels in their order are the patches.
static int is_pointwise(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    return w->kernel_h == 1 && w->kernel_w == 1 && w->pad_top == 0 && w->pad_left == 0 && p->out.h == p->in.h &&
           p->out.w == p->in.w && w->stride_h == 1 && w->stride_w == 1;
}

void kws_conv2d_m7(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    uint32_t products = (uint32_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    uint32_t all = kws_shape_pixels(p->out), pixels;
    int pointwise = is_pointwise(p);
    for (uint32_t i = 0; i < all; i += pixels, out += pixels * p->out.c) {
        pixels = all - i < M7_GEMM_PIXELS ? all - i : M7_GEMM_PIXELS;
        if (pointwise) {
            m7_widen_rows(scratch, in + (size_t)i * products, products, pixels, products);
        } else {
            m7_patches(scratch, p, in, i, pixels);
        }
        m7_gemm(p, products, M7_ROUND_TWICE, scratch, pixels, out);
    }
}
