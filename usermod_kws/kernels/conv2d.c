// 2-D convolution. Three output pixels by two output channels at a time: each value that is loaded is used two or
// three times, and the six sums, five pointers and the operands still fit a Cortex-M's registers.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

#define PIXELS 3

typedef struct {
    int32_t w0[PIXELS], w1[PIXELS];
} sums_t;

static inline sums_t dot3x2(const int8_t *const x[PIXELS], const int8_t *w0, const int8_t *w1, size_t n) {
    const int8_t *x0 = x[0], *x1 = x[1], *x2 = x[2];
    int32_t a0 = 0, a1 = 0, a2 = 0, b0 = 0, b1 = 0, b2 = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) {
        a0 += x0[i] * w0[i];
        a1 += x1[i] * w0[i];
        a2 += x2[i] * w0[i];
        b0 += x0[i] * w1[i];
        b1 += x1[i] * w1[i];
        b2 += x2[i] * w1[i];
    }
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

// All output channels of three pixels. An odd last channel is computed twice, which is cheaper than a loop of its own.
static void three_pixels(const kws_linear_t *p, const int8_t *const x[PIXELS], size_t n, int8_t *const y[PIXELS]) {
    size_t last = (size_t)p->out.c - 1;
    for (size_t o = 0; o <= last; o += 2) {
        size_t o2 = o < last ? o + 1 : o;
        sums_t s = dot3x2(x, p->weights + o * n, p->weights + o2 * n, n);
        finish(p, o, s.w0, y);
        finish(p, o2, s.w1, y);
    }
}

static int is_pointwise(const kws_window_t *w) {
    return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 && w->pad_top == 0 &&
           w->pad_left == 0;
}

void kws_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    size_t n = (size_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    uint32_t pixels = kws_shape_pixels(p->out);
    int direct = is_pointwise(&p->window) && pixels == kws_shape_pixels(p->in);
    for (uint32_t i = 0; i < pixels; i += PIXELS) {
        const int8_t *x[PIXELS];
        int8_t *y[PIXELS];
        for (uint32_t k = 0; k < PIXELS; k++) {
            // Behind the end the last pixel stands in, and its results are written again.
            uint32_t pixel = i + k < pixels ? i + k : pixels - 1;
            int8_t *patch = (int8_t *)scratch + k * n;
            if (!direct) {
                kws_patch_gather(patch, in, p->in, &p->window, p->in_zero, (int32_t)(pixel / p->out.w),
                                 (int32_t)(pixel % p->out.w));
            }
            x[k] = direct ? in + pixel * n : patch;
            y[k] = out + (size_t)pixel * p->out.c;
        }
        three_pixels(p, x, n, y);
    }
}
