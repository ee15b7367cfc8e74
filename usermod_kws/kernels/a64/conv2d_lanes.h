// Convolution with SDOT by lane: eight pixels by four output channels, each sum in a lane of its own, so that nothing
// is left to add up. For that the four rows of weights are interleaved word by word, in the scratch.
#ifndef KWS_A64_CONV2D_LANES_H
#define KWS_A64_CONV2D_LANES_H

#include "kernels/a64/conv2d.h"

#define A64_LANE_PIXELS 8
// Eight patches and four rows of weights fit conv2d's scratch.
typedef char a64_scratch_suffices[KWS_CONV_PIXELS * 2 >= A64_LANE_PIXELS + 4 ? 1 : -1];

// to[word][channel] of four rows of n bytes, a multiple of 4 and at least 16. The last part may overlap the one before.
A64_INLINE void a64_interleave(const int8_t *w, size_t step, size_t n, int8_t *to) {
    for (size_t k = 0; k < n; k += 16) {
        size_t at = k + 16 <= n ? k : n - 16;
        int32x4x4_t rows = {{
            vreinterpretq_s32_s8(vld1q_s8(w + at)),
            vreinterpretq_s32_s8(vld1q_s8(w + step + at)),
            vreinterpretq_s32_s8(vld1q_s8(w + 2 * step + at)),
            vreinterpretq_s32_s8(vld1q_s8(w + 3 * step + at)),
        }};
        vst4q_s32((void *)(to + 4 * at), rows);
    }
}

// Eight pixels' sums of four output channels.
typedef struct {
    int32x4_t p0, p1, p2, p3, p4, p5, p6, p7;
} a64_pixels_t;

A64_INLINE int32x4_t a64_dot_lanes(int32x4_t sum, const int8_t *x, const int8x16x4_t *w) {
    const int8x16_t v = vld1q_s8(x);
    sum = vdotq_laneq_s32(sum, w->val[0], v, 0);
    sum = vdotq_laneq_s32(sum, w->val[1], v, 1);
    sum = vdotq_laneq_s32(sum, w->val[2], v, 2);
    return vdotq_laneq_s32(sum, w->val[3], v, 3);
}

// The last `words` words of sixteen bytes, 1 to 3.
A64_INLINE int32x4_t a64_dot_last_lanes(int32x4_t sum, const int8_t *x, const int8x16x4_t *w, size_t words) {
    const int8x16_t v = vld1q_s8(x);
    if (words == 3) {
        sum = vdotq_laneq_s32(sum, w->val[1], v, 1);
    }
    if (words >= 2) {
        sum = vdotq_laneq_s32(sum, w->val[2], v, 2);
    }
    return vdotq_laneq_s32(sum, w->val[3], v, 3);
}

A64_INLINE a64_pixels_t a64_dot_eight(const a64_pixels_t s, const int8_t *x, size_t step, const int8_t *w) {
    const int8x16x4_t v = vld1q_s8_x4(w);
    return (a64_pixels_t){
        a64_dot_lanes(s.p0, x, &v),
        a64_dot_lanes(s.p1, x + step, &v),
        a64_dot_lanes(s.p2, x + 2 * step, &v),
        a64_dot_lanes(s.p3, x + 3 * step, &v),
        a64_dot_lanes(s.p4, x + 4 * step, &v),
        a64_dot_lanes(s.p5, x + 5 * step, &v),
        a64_dot_lanes(s.p6, x + 6 * step, &v),
        a64_dot_lanes(s.p7, x + 7 * step, &v),
    };
}

A64_INLINE a64_pixels_t a64_dot_last_eight(const a64_pixels_t s, const int8_t *x, size_t step, const int8_t *w,
                                           size_t words) {
    const int8x16x4_t v = vld1q_s8_x4(w);
    return (a64_pixels_t){
        a64_dot_last_lanes(s.p0, x, &v, words),
        a64_dot_last_lanes(s.p1, x + step, &v, words),
        a64_dot_last_lanes(s.p2, x + 2 * step, &v, words),
        a64_dot_last_lanes(s.p3, x + 3 * step, &v, words),
        a64_dot_last_lanes(s.p4, x + 4 * step, &v, words),
        a64_dot_last_lanes(s.p5, x + 5 * step, &v, words),
        a64_dot_last_lanes(s.p6, x + 6 * step, &v, words),
        a64_dot_last_lanes(s.p7, x + 7 * step, &v, words),
    };
}

// Dot products of eight rows of x with four interleaved rows of weights, n bytes each.
A64_INLINE a64_pixels_t a64_dot_rows(a64_pixels_t s, const int8_t *x, size_t step, const int8_t *w, size_t n) {
    const size_t whole = n & ~(size_t)15;
    for (size_t k = 0; k < whole; k += 16) {
        s = a64_dot_eight(s, x + k, step, w + 4 * k);
    }
    x += n - 16;
    w += 4 * (n - 16);
    switch (n - whole) {
    case 4:
        return a64_dot_last_eight(s, x, step, w, 1);
    case 8:
        return a64_dot_last_eight(s, x, step, w, 2);
    case 12:
        return a64_dot_last_eight(s, x, step, w, 3);
    default:
        return s;
    }
}

A64_INLINE void a64_store_four(const a64_rows_t *a, int32x4_t s0, int32x4_t s1, int32x4_t s2, int32x4_t s3,
                               const a64_channels_t *ch, int8_t *y) {
    int8x16_t q = a->all_right ? a64_finish_right(a64_requantise_right(s0, ch->mult, ch->shift),
                                                  a64_requantise_right(s1, ch->mult, ch->shift),
                                                  a64_requantise_right(s2, ch->mult, ch->shift),
                                                  a64_requantise_right(s3, ch->mult, ch->shift), &a->output)
                               : a64_finish(a64_requantise(s0, ch->mult, ch->shift),
                                            a64_requantise(s1, ch->mult, ch->shift),
                                            a64_requantise(s2, ch->mult, ch->shift),
                                            a64_requantise(s3, ch->mult, ch->shift), &a->output);
    a64_store4(y, q, 0);
    a64_store4(y + a->c_out, q, 1);
    a64_store4(y + 2 * a->c_out, q, 2);
    a64_store4(y + 3 * a->c_out, q, 3);
}

// Output channels [o, o + 4) of eight pixels, which lie one behind the other at y; w: their weights interleaved.
A64_INLINE void a64_eight_pixels(const a64_rows_t *a, const int8_t *x, size_t step, const int8_t *w, size_t o,
                                 int8_t *y) {
    const a64_channels_t ch = a64_channels(a->channels + o);
    const int32x4_t b = ch.bias;
    const a64_pixels_t s = a64_dot_rows((a64_pixels_t){b, b, b, b, b, b, b, b}, x, step, w, a->w_step);
    a64_store_four(a, s.p0, s.p1, s.p2, s.p3, &ch, y + o);
    a64_store_four(a, s.p4, s.p5, s.p6, s.p7, &ch, y + 4 * a->c_out + o);
}

static inline size_t a64_last_fits(size_t i, size_t block, size_t n) {
    return i + block <= n ? i : n - block;
}

// At least eight pixels, four output channels and sixteen bytes a row of weights. The last block of pixels or channels
// starts further back when fewer are left, and computes some again.
static void a64_conv2d_lanes(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const uint32_t n = (uint32_t)p->window.kernel_h * p->window.kernel_w * p->in.c, pixels = kws_shape_pixels(p->out);
    const a64_rows_t a = a64_rows(p, n, 1);
    a64_direct_t direct = a64_direct(p);
    int8_t *const w = scratch, *const patches = w + 4 * a.w_step;
    if (n != a.w_step) {
        direct.end = 0; // a row of the input is shorter than one of weights
    }
    if (direct.first == 0 && direct.end == pixels) {
        for (size_t i = 0; i < a.c_out; i += 4) {
            const size_t o = a64_last_fits(i, 4, a.c_out);
            a64_interleave(a.weights + o * a.w_step, a.w_step, a.w_step, w);
            for (size_t j = 0; j < pixels; j += A64_LANE_PIXELS) {
                const size_t pixel = a64_last_fits(j, A64_LANE_PIXELS, pixels);
                const int8_t *x = in + direct.offset + pixel * direct.step;
                a64_eight_pixels(&a, x, direct.step, w, o, out + pixel * a.c_out);
            }
        }
        return;
    }
    for (size_t j = 0; j < pixels; j += A64_LANE_PIXELS) {
        const size_t pixel = a64_last_fits(j, A64_LANE_PIXELS, pixels);
        const int8_t *x = patches;
        size_t step = a.w_step;
        if (pixel >= direct.first && pixel + A64_LANE_PIXELS <= direct.end) {
            x = in + (direct.offset + (ptrdiff_t)(pixel * direct.step));
            step = direct.step;
        } else {
            a64_gather_pixels(p, in, (uint32_t)pixel, A64_LANE_PIXELS, step, patches);
        }
        for (size_t i = 0; i < a.c_out; i += 4) {
            const size_t o = a64_last_fits(i, 4, a.c_out);
            a64_interleave(a.weights + o * a.w_step, a.w_step, a.w_step, w);
            a64_eight_pixels(&a, x, step, w, o, out + pixel * a.c_out);
        }
    }
}

#endif
