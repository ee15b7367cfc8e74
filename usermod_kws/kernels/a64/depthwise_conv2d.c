// Depthwise 2-D convolution, sixteen channels of a pixel at a time. The weights are turned round first, so that a
// tap's lie side by side; each tap's input is found through a table of pointers, and a tap outside the input points to
// a row of zero points.
#include "kernels/a64/dot_neon.h"

#include "kernels/a64/a64.h"
#include "kernels/a64/patch.h"
#include "kernels/a64/requantise.h"

#define LANES 16

typedef struct {
    const kws_linear_t *p;
    size_t taps, c;
    a64_output_t output;
    int in_pairs, all_right;
    const int8_t **taps_at; // [taps]
    int8_t *outside;        // [c]
    int8_t *turned;         // [(c + 15) / 16][taps][16]; the last sixteen channels start further back
} depthwise_t;

// Shares the scratch out; 0 if it is too small, as it is with few or many taps of few channels.
static int place(depthwise_t *d, void *scratch) {
    uint8_t *at = scratch;
    const uint8_t *end = at + kws_depthwise_conv2d_scratch_bytes(d->p->in, &d->p->window);
    at += -(uintptr_t)at % sizeof(void *);
    d->taps_at = (const int8_t **)(void *)at;
    at += d->taps * sizeof(void *);
    d->outside = (int8_t *)at;
    at += d->c;
    d->turned = (int8_t *)at;
    at += d->taps * ((d->c + LANES - 1) & ~(size_t)(LANES - 1));
    return at <= end;
}

static size_t first_lane(const depthwise_t *d, size_t o) {
    return o + LANES <= d->c ? o : d->c - LANES;
}

static void turn(const depthwise_t *d) {
    size_t row = kws_row_bytes((uint32_t)d->taps);
    int8_t *to = d->turned;
    for (size_t o = 0; o < d->c; o += LANES) {
        const int8_t *w = d->p->weights + first_lane(d, o) * row;
        for (size_t t = 0; t < d->taps; t++, to += LANES) {
            for (size_t k = 0; k < LANES; k++) {
                to[k] = w[k * row + t];
            }
        }
    }
}

static void find_taps(const depthwise_t *d, const int8_t *in, int32_t out_y, int32_t out_x) {
    const kws_window_t *w = &d->p->window;
    const kws_shape_t shape = d->p->in;
    const int32_t y0 = out_y * w->stride_h - w->pad_top, x0 = out_x * w->stride_w - w->pad_left;
    const a64_taps_t rows = a64_taps(y0, w->dilation_h, w->kernel_h, shape.h);
    const a64_taps_t columns = a64_taps(x0, w->dilation_w, w->kernel_w, shape.w);
    const ptrdiff_t row = (ptrdiff_t)w->dilation_h * shape.w * shape.c, column = (ptrdiff_t)w->dilation_w * shape.c;
    if ((size_t)((rows.end - rows.first) * (columns.end - columns.first)) < d->taps) {
        for (size_t t = 0; t < d->taps; t++) {
            d->taps_at[t] = d->outside;
        }
    }
    for (int32_t i = rows.first; i < rows.end; i++) {
        const int8_t **at = d->taps_at + i * w->kernel_w;
        const int8_t *x = in + ((ptrdiff_t)y0 * shape.w + x0) * shape.c + i * row;
        for (int32_t j = columns.first; j < columns.end; j++) {
            at[j] = x + j * column;
        }
    }
}

typedef struct {
    int32x4_t c0, c4, c8, c12;
} sums_t;

A64_INLINE sums_t widen(sums_t s, int16x8_t low, int16x8_t high) {
    return (sums_t){vaddw_s16(s.c0, vget_low_s16(low)), vaddw_high_s16(s.c4, low), vaddw_s16(s.c8, vget_low_s16(high)),
                    vaddw_high_s16(s.c12, high)};
}

A64_INLINE sums_t sum_taps(const depthwise_t *d, sums_t s, size_t taps, size_t o, const int8_t *w, int in_pairs) {
    size_t t = 0;
    for (; in_pairs && t + 2 <= taps; t += 2, w += 2 * LANES) {
        int8x16_t x0 = vld1q_s8(d->taps_at[t] + o), x1 = vld1q_s8(d->taps_at[t + 1] + o);
        int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + LANES);
        int16x8_t low = vmull_s8(vget_low_s8(x0), vget_low_s8(w0)), high = vmull_high_s8(x0, w0);
        s = widen(s, vmlal_s8(low, vget_low_s8(x1), vget_low_s8(w1)), vmlal_high_s8(high, x1, w1));
    }
    for (; t < taps; t++, w += LANES) {
        int8x16_t x = vld1q_s8(d->taps_at[t] + o), w0 = vld1q_s8(w);
        s = widen(s, vmull_s8(vget_low_s8(x), vget_low_s8(w0)), vmull_high_s8(x, w0));
    }
    return s;
}

A64_INLINE int32x4_t requantise(const depthwise_t *d, int32x4_t sums, const a64_channels_t *ch) {
    return d->all_right ? a64_requantise_right(sums, ch->mult, ch->shift) : a64_requantise(sums, ch->mult, ch->shift);
}

A64_INLINE void pixel(const depthwise_t *d, size_t taps, int in_pairs, int8_t *out) {
    const int8_t *w = d->turned;
    for (size_t i = 0; i < d->c; i += LANES, w += taps * LANES) {
        size_t o = first_lane(d, i);
        const kws_channel_t *channels = d->p->channels + o;
        a64_channels_t c0 = a64_channels(channels), c4 = a64_channels(channels + 4);
        a64_channels_t c8 = a64_channels(channels + 8), c12 = a64_channels(channels + 12);
        sums_t s = sum_taps(d, (sums_t){c0.bias, c4.bias, c8.bias, c12.bias}, taps, o, w, in_pairs);
        s = (sums_t){requantise(d, s.c0, &c0), requantise(d, s.c4, &c4), requantise(d, s.c8, &c8),
                     requantise(d, s.c12, &c12)};
        vst1q_s8(out + o, d->all_right ? a64_finish_right(s.c0, s.c4, s.c8, s.c12, &d->output)
                                       : a64_finish(s.c0, s.c4, s.c8, s.c12, &d->output));
    }
}

static void pixel_any(const depthwise_t *d, int8_t *out) {
    if (d->in_pairs) {
        pixel(d, d->taps, 1, out);
    } else {
        pixel(d, d->taps, 0, out);
    }
}

static void pixel_nine_taps(const depthwise_t *d, int8_t *out) {
    pixel(d, 9, 1, out);
}

void kws_depthwise_conv2d_neon(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const size_t taps = (size_t)p->window.kernel_h * p->window.kernel_w, c = p->in.c, n = kws_row_bytes((uint32_t)taps);
    depthwise_t d = {.p = p, .taps = taps, .c = c, .output = a64_output(p)};
    if (c == 1) {
        // One input channel: the weights lie as those of a convolution do.
        kws_conv2d_neon(p, in, out, scratch);
        return;
    }
    if (p->out.c != c || c < LANES || !place(&d, scratch)) {
        kws_depthwise_conv2d_c(p, in, out, scratch);
        return;
    }
    d.in_pairs = a64_in_pairs(p->weights, c * n);
    d.all_right = a64_all_shift_right(p->channels, c);
    turn(&d);
    memset(d.outside, p->in_zero, c);
    for (int32_t y = 0; y < p->out.h; y++) {
        for (int32_t x = 0; x < p->out.w; x++, out += c) {
            find_taps(&d, in, y, x);
            if (taps == 9 && d.in_pairs) {
                pixel_nine_taps(&d, out);
            } else {
                pixel_any(&d, out);
            }
        }
    }
}
