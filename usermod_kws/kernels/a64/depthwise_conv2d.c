// Depthwise 2-D convolution, see depthwise.h. One input channel makes an ordinary convolution; several output channels
// for each of several input channels, fewer than sixteen channels, and what does not fit the scratch are the
// reference's.
#include "kernels/a64/dot_neon.h"

#include "kernels/a64/a64.h"
#include "kernels/a64/depthwise.h"

// Shares the scratch out; 0 if it is too small, as it is with few or many taps of few channels.
static int place(a64_depthwise_t *d, void *scratch) {
    uint8_t *at = scratch;
    const uint8_t *end = at + kws_depthwise_conv2d_scratch_bytes(d->p->in, &d->p->window);
    at += -(uintptr_t)at % sizeof(void *);
    d->at = (const int8_t **)(void *)at;
    at += (d->taps > A64_TWO_ROWS_TAPS ? d->taps : A64_TWO_ROWS_TAPS) * sizeof(void *);
    d->outside = (int8_t *)at;
    at += d->c;
    d->turned = (int8_t *)at;
    at += d->taps * ((d->c + A64_LANES - 1) & ~(size_t)(A64_LANES - 1));
    return at <= end;
}

static void turn(const a64_depthwise_t *d) {
    size_t row = kws_row_bytes((uint32_t)d->taps);
    int8_t *to = d->turned;
    for (size_t o = 0; o < d->c; o += A64_LANES) {
        const int8_t *w = d->p->weights + a64_first_lane(d, o) * row;
        for (size_t t = 0; t < d->taps; t++, to += A64_LANES) {
            for (size_t k = 0; k < A64_LANES; k++) {
                to[k] = w[k * row + t];
            }
        }
    }
}

static void find_taps(const a64_depthwise_t *d, const int8_t *in, int32_t out_y, int32_t out_x) {
    const kws_window_t *w = &d->p->window;
    const kws_shape_t shape = d->p->in;
    const int32_t y0 = out_y * w->stride_h - w->pad_top, x0 = out_x * w->stride_w - w->pad_left;
    const a64_taps_t rows = a64_taps(y0, w->dilation_h, w->kernel_h, shape.h);
    const a64_taps_t columns = a64_taps(x0, w->dilation_w, w->kernel_w, shape.w);
    const ptrdiff_t row = (ptrdiff_t)w->dilation_h * shape.w * shape.c, column = (ptrdiff_t)w->dilation_w * shape.c;
    if ((size_t)((rows.end - rows.first) * (columns.end - columns.first)) < d->taps) {
        for (size_t t = 0; t < d->taps; t++) {
            d->at[t] = d->outside;
        }
    }
    for (int32_t i = rows.first; i < rows.end; i++) {
        const int8_t **at = d->at + i * w->kernel_w;
        const ptrdiff_t x = ((ptrdiff_t)y0 * shape.w + x0) * shape.c + i * row;
        for (int32_t j = columns.first; j < columns.end; j++) {
            at[j] = in + (x + j * column);
        }
    }
}

A64_INLINE a64_lanes_t sum_taps(const a64_depthwise_t *d, a64_lanes_t s, size_t o, const int8_t *w) {
    size_t t = 0;
    for (; d->in_pairs && t + 2 <= d->taps; t += 2, w += 2 * A64_LANES) {
        s = a64_add_pair(s, vld1q_s8(d->at[t] + o), vld1q_s8(w), vld1q_s8(d->at[t + 1] + o), vld1q_s8(w + A64_LANES));
    }
    for (; t < d->taps; t++, w += A64_LANES) {
        s = a64_add_one(s, vld1q_s8(d->at[t] + o), vld1q_s8(w));
    }
    return s;
}

static void one_row(const a64_depthwise_t *d, const int8_t *in, int8_t *out, int32_t out_y) {
    int8_t *y = out + (size_t)out_y * d->p->out.w * d->c;
    for (int32_t x = 0; x < d->p->out.w; x++, y += d->c) {
        find_taps(d, in, out_y, x);
        const int8_t *w = d->turned;
        for (size_t i = 0; i < d->c; i += A64_LANES, w += d->taps * A64_LANES) {
            const size_t o = a64_first_lane(d, i);
            const a64_lane_channels_t ch = a64_lane_channels(d->p->channels + o);
            vst1q_s8(y + o, a64_finish_lanes(d, sum_taps(d, a64_bias(&ch), o, w), &ch));
        }
    }
}

typedef void (*conv2d_t)(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

static void depthwise(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch, conv2d_t conv2d) {
    const kws_window_t *w = &p->window;
    const size_t taps = (size_t)w->kernel_h * w->kernel_w, c = p->in.c;
    a64_depthwise_t d = {.p = p, .taps = taps, .c = c, .output = a64_output(p->out_zero, p->out_min, p->out_max)};
    if (c == 1) {
        conv2d(p, in, out, scratch);
        return;
    }
    if (p->out.c != c || c < A64_LANES || !place(&d, scratch)) {
        kws_depthwise_conv2d_c(p, in, out, scratch);
        return;
    }
    d.in_pairs = a64_in_pairs(p->weights, c * kws_row_bytes((uint32_t)taps));
    d.all_right = a64_all_shift_right(p->channels, c);
    turn(&d);
    memset(d.outside, p->in_zero, c);
    int32_t y = 0;
    if (w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 && w->dilation_h == 1 && d.in_pairs) {
        for (; y + 2 <= p->out.h; y += 2) {
            a64_depthwise3x3_two_rows(&d, in, out, y);
        }
    }
    for (; y < p->out.h; y++) {
        one_row(&d, in, out, y);
    }
}

void kws_depthwise_conv2d_neon(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    depthwise(p, in, out, scratch, kws_conv2d_neon);
}

void kws_depthwise_conv2d_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const kws_window_t *w = &p->window;
    if (w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 && w->stride_w == 1 && w->dilation_h == 1 &&
        w->dilation_w == 1 && p->out.c == p->in.c && p->in.c >= A64_LANES) {
        a64_depthwise3x3_sdot(p, in, out, scratch);
        return;
    }
    depthwise(p, in, out, scratch, kws_conv2d_sdot);
}
