// 2-D convolution. Three output pixels by two output channels at a time: each value that is loaded is used two or
// three times. Patches are widened to 16 bits, once for all output channels: compilers have an instruction for that.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

#define PIXELS 3

typedef struct {
    int32_t w0[PIXELS], w1[PIXELS];
} sums_t;

// Rows of n values: three at x, n apart, and two of weights.
static inline sums_t dot3x2(const int16_t *x, const int8_t *w0, const int8_t *w1, size_t n) {
    const int16_t *x1 = x + n, *x2 = x1 + n;
    sums_t s = {{0}, {0}};
    for (size_t i = 0; i < n; i++) {
        int16_t u = w0[i], v = w1[i];
        s.w0[0] += x[i] * u;
        s.w0[1] += x1[i] * u;
        s.w0[2] += x2[i] * u;
        s.w1[0] += x[i] * v;
        s.w1[1] += x1[i] * v;
        s.w1[2] += x2[i] * v;
    }
    return s;
}

// One output channel of three pixels.
static inline void finish(const kws_linear_t *p, size_t channel, const int32_t sum[PIXELS], int8_t *const y[PIXELS]) {
    kws_channel_t ch = p->channels[channel];
    for (size_t k = 0; k < PIXELS; k++) {
        y[k][channel] =
            fx_requantise_int8(sum[k] + ch.bias, ch.mult, ch.shift, p->out_zero, p->out_min, p->out_max);
    }
}

// All output channels of three pixels, whose patches lie one behind the other at x.
static void three_pixels(const kws_linear_t *p, const int16_t *x, size_t n, int8_t *const y[PIXELS]) {
    const int8_t *w = p->weights;
    size_t row = kws_row_bytes((uint32_t)n), o = 0;
    for (; o + 2 <= p->out.c; o += 2, w += 2 * row) {
        sums_t s = dot3x2(x, w, w + row, n);
        finish(p, o, s.w0, y);
        finish(p, o + 1, s.w1, y);
    }
    if (o < p->out.c) {
        sums_t s = dot3x2(x, w, w, n);
        finish(p, o, s.w0, y);
    }
}

void kws_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    size_t n = (size_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    uint32_t pixels = kws_shape_pixels(p->out);
    int16_t *const wide = scratch;
    int8_t *const narrow = (int8_t *)(wide + PIXELS * n);
    for (uint32_t i = 0; i < pixels; i += PIXELS) {
        // The last three start further back when fewer are left, and compute some again.
        uint32_t first = i + PIXELS <= pixels ? i : pixels >= PIXELS ? pixels - PIXELS : 0;
        int8_t *y[PIXELS];
        for (uint32_t k = 0; k < PIXELS; k++) {
            // In an output of one or two pixels the last one stands in for those that are not there.
            uint32_t pixel = first + k < pixels ? first + k : pixels - 1;
            kws_patch_gather(narrow, in, p->in, &p->window, p->in_zero, (int32_t)(pixel / p->out.w),
                             (int32_t)(pixel % p->out.w));
            for (size_t t = 0; t < n; t++) {
                wide[k * n + t] = narrow[t];
            }
            y[k] = out + (size_t)pixel * p->out.c;
        }
        three_pixels(p, wide, n, y);
    }
}
