// 2-D convolution. Three output pixels by two output channels at a time: each value that is loaded is used two or
// three times, and the sums, pointers and operands still fit a Cortex-M's registers.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

#define PIXELS 3

typedef struct {
    int32_t w0[PIXELS], w1[PIXELS];
} sums_t;

// Rows of n values: three at x, two at w, each right behind the other. One pointer for all rows of a kind, the others
// by register offset: this is 13 instructions for 6 products on a Cortex-M, and unrolling makes it spill.
static inline sums_t dot3x2(const int8_t *x, const int8_t *w, size_t n) {
    const int8_t *const end = x + n;
    int32_t a0 = 0, a1 = 0, a2 = 0, b0 = 0, b1 = 0, b2 = 0;
    do {
        int32_t w0 = w[0], w1 = w[n], x0 = x[0], x1 = x[n], x2 = x[2 * n];
        a0 += x0 * w0;
        a1 += x1 * w0;
        a2 += x2 * w0;
        b0 += x0 * w1;
        b1 += x1 * w1;
        b2 += x2 * w1;
        w++;
    } while (++x != end);
    return (sums_t){{a0, a1, a2}, {b0, b1, b2}};
}

// One output channel of three pixels. Everything is read before the first write, which might alias it for all that
// the compiler knows.
static inline void finish(const kws_linear_t *p, size_t channel, const int32_t sum[PIXELS], int8_t *const y[PIXELS]) {
    kws_channel_t ch = p->channels[channel];
    int32_t zero = p->out_zero, lo = p->out_min, hi = p->out_max;
    int8_t q0 = fx_requantise_int8(sum[0] + ch.bias, ch.mult, ch.shift, zero, lo, hi);
    int8_t q1 = fx_requantise_int8(sum[1] + ch.bias, ch.mult, ch.shift, zero, lo, hi);
    int8_t q2 = fx_requantise_int8(sum[2] + ch.bias, ch.mult, ch.shift, zero, lo, hi);
    y[0][channel] = q0;
    y[1][channel] = q1;
    y[2][channel] = q2;
}

// All output channels of three pixels, whose patches lie one behind the other at x.
static void three_pixels(const kws_linear_t *p, const int8_t *x, size_t n, int8_t *const y[PIXELS]) {
    const int8_t *w = p->weights;
    size_t o = 0;
    for (; o + 2 <= p->out.c; o += 2, w += 2 * n) {
        sums_t s = dot3x2(x, w, n);
        finish(p, o, s.w0, y);
        finish(p, o + 1, s.w1, y);
    }
    if (o < p->out.c) {
        int32_t sum[PIXELS] = {0};
        for (size_t i = 0; i < n; i++) {
            sum[0] += x[i] * w[i];
            sum[1] += x[n + i] * w[i];
            sum[2] += x[2 * n + i] * w[i];
        }
        finish(p, o, sum, y);
    }
}

static int is_pointwise(const kws_window_t *w) {
    return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 && w->pad_top == 0 &&
           w->pad_left == 0;
}

void kws_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    size_t n = (size_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    uint32_t pixels = kws_shape_pixels(p->out);
    int direct = is_pointwise(&p->window) && pixels == kws_shape_pixels(p->in) && pixels >= PIXELS;
    for (uint32_t i = 0; i < pixels; i += PIXELS) {
        // The last three start further back when fewer are left, and compute some again.
        uint32_t first = i + PIXELS <= pixels ? i : pixels >= PIXELS ? pixels - PIXELS : 0;
        int8_t *y[PIXELS];
        for (uint32_t k = 0; k < PIXELS; k++) {
            // In an output of one or two pixels the last one stands in for those that are not there.
            uint32_t pixel = first + k < pixels ? first + k : pixels - 1;
            if (!direct) {
                kws_patch_gather((int8_t *)scratch + k * n, in, p->in, &p->window, p->in_zero,
                                 (int32_t)(pixel / p->out.w), (int32_t)(pixel % p->out.w));
            }
            y[k] = out + (size_t)pixel * p->out.c;
        }
        three_pixels(p, direct ? in + first * n : (const int8_t *)scratch, n, y);
    }
}
