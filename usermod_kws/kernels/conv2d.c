// 2-D convolution. Two output pixels by two output channels at a time: each value that is loaded is used twice, and
// the four sums, four pointers and four operands still fit a Cortex-M's registers.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

typedef struct {
    int32_t x0w0, x0w1, x1w0, x1w1;
} dot2x2_t;

static inline dot2x2_t dot2x2(const int8_t *x0, const int8_t *x1, const int8_t *w0, const int8_t *w1, size_t n) {
    int32_t a = 0, b = 0, c = 0, d = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) {
        a += x0[i] * w0[i];
        b += x0[i] * w1[i];
        c += x1[i] * w0[i];
        d += x1[i] * w1[i];
    }
    return (dot2x2_t){a, b, c, d};
}

static inline int8_t finish(const kws_linear_t *p, const kws_channel_t *ch, int32_t sum) {
    return fx_requantise_int8(sum + ch->bias, ch->mult, ch->shift, p->out_zero, p->out_min, p->out_max);
}

// All output channels of two pixels. An odd last channel is computed twice, which is cheaper than a loop of its own.
static void two_pixels(const kws_linear_t *p, const int8_t *x0, const int8_t *x1, size_t n, int8_t *y0, int8_t *y1) {
    size_t last = (size_t)p->out.c - 1;
    for (size_t o = 0; o <= last; o += 2) {
        size_t o2 = o < last ? o + 1 : o;
        dot2x2_t s = dot2x2(x0, x1, p->weights + o * n, p->weights + o2 * n, n);
        y0[o] = finish(p, &p->channels[o], s.x0w0);
        y1[o] = finish(p, &p->channels[o], s.x1w0);
        y0[o2] = finish(p, &p->channels[o2], s.x0w1);
        y1[o2] = finish(p, &p->channels[o2], s.x1w1);
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
    for (uint32_t i = 0; i < pixels; i += 2) {
        // An odd last pixel is its own partner, and its results are written twice.
        uint32_t pair[2] = {i, i + 1 < pixels ? i + 1 : i};
        const int8_t *x[2];
        for (int k = 0; k < 2; k++) {
            int8_t *patch = (int8_t *)scratch + k * n;
            if (!direct) {
                kws_patch_gather(patch, in, p->in, &p->window, p->in_zero, (int32_t)(pair[k] / p->out.w),
                                 (int32_t)(pair[k] % p->out.w));
            }
            x[k] = direct ? in + pair[k] * n : patch;
        }
        two_pixels(p, x[0], x[1], n, out + (size_t)pair[0] * p->out.c, out + (size_t)pair[1] * p->out.c);
    }
}
