// 2-D convolution: patches of pixels, widened into scratch, times all weights (gemm.h).
#include "kernels/m7/m7.h"
#include "kernels/m7/patches.h"

// The input's pixels in their order are the patches.
static bool is_pointwise(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    return w->kernel_h == 1 && w->kernel_w == 1 && w->pad_top == 0 && w->pad_left == 0 && p->out.h == p->in.h &&
           p->out.w == p->in.w && w->stride_h == 1 && w->stride_w == 1;
}

static void widen(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels,
                  bool pointwise) {
    if (pointwise) {
        m7_widen_rows(x, in + (size_t)first * p->in.c, p->in.c, pixels, p->in.c);
    } else {
        m7_patches(x, p, in, first, pixels);
    }
}

void kws_conv2d_m7(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    uint32_t products = (uint32_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    uint32_t block_words = kws_row_bytes(products) / 4 * M7_GEMM_PIXELS * 2;
    uint32_t at_once = kws_conv2d_pixels(products) / M7_GEMM_PIXELS;
    uint32_t pixel = 0, end = kws_shape_pixels(p->out);
    bool pointwise = is_pointwise(p);
    if (end >= 2 * M7_GEMM_PIXELS && m7_gemm_blocks_take(p, products)) {
        bool usual = m7_usual_channels(p, 0) == p->out.c;
        while (end - pixel >= M7_GEMM_PIXELS) {
            uint32_t blocks = (end - pixel) / M7_GEMM_PIXELS, first = pixel;
            blocks = blocks < at_once ? blocks : at_once;
            for (uint32_t i = 0; i < blocks; i++, pixel += M7_GEMM_PIXELS) {
                widen((uint32_t *)scratch + i * block_words, p, in, pixel, M7_GEMM_PIXELS, pointwise);
            }
            m7_gemm_blocks(p, products, scratch, blocks, usual, out + (size_t)first * p->out.c);
        }
    }
    while (pixel < end) {
        uint32_t pixels = end - pixel < M7_GEMM_PIXELS ? end - pixel : M7_GEMM_PIXELS;
        widen(scratch, p, in, pixel, pixels, pointwise);
        m7_gemm(p, m7_all_channels(p), products, M7_ROUND_TWICE, scratch, pixels, out + (size_t)pixel * p->out.c);
        pixel += pixels;
    }
}
