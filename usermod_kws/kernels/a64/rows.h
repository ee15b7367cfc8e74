// Rows of input values by rows of weights, four by four, for convolutions and fully connected layers. The file that
// includes this has included dot_neon.h or dot_sdot.h before.
#ifndef KWS_A64_ROWS_H
#define KWS_A64_ROWS_H

#include <string.h>

#include "kernels/a64/requantise.h"

// What one call of a kernel works on.
typedef struct {
    const int8_t *weights;
    const kws_channel_t *channels;
    size_t n, w_step, c_out; // products, bytes from a row of weights to the next, output channels (>= 4)
    a64_output_t output;
    int in_pairs;  // see a64_dot16
    int all_right; // see a64_all_shift_right
} a64_rows_t;

static inline a64_rows_t a64_rows(const kws_linear_t *p, uint32_t n, int in_pairs) {
    return (a64_rows_t){
        .weights = p->weights,
        .channels = p->channels,
        .n = n,
        .w_step = kws_row_bytes(n),
        .c_out = p->out.c,
        .output = a64_output(p->out_zero, p->out_min, p->out_max),
        .in_pairs = in_pairs,
        .all_right = a64_all_shift_right(p->channels, p->out.c),
    };
}

// The last n & 15 of 16 bytes.
static inline int8x16_t a64_tail_mask(size_t n) {
    static const int8_t ends[32] = {[16] = -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return vld1q_s8(ends + (n & 15));
}

// n < 16 bytes and zeros behind them.
static inline int8x16_t a64_load_short(const int8_t *x, size_t n) {
    uint64_t low = 0, high = 0;
    if (n >= 8) {
        memcpy(&low, x, 8);
        memcpy(&high, x + n - 8, 8);
        high = n == 8 ? 0 : high >> (8 * (16 - n));
    } else if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, x, 4);
        memcpy(&last, x + n - 4, 4);
        low = first | (uint64_t)last << (8 * (n - 4));
    } else {
        for (size_t i = 0; i < n; i++) {
            low |= (uint64_t)(uint8_t)x[i] << (8 * i);
        }
    }
    return vreinterpretq_s8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}

// A row's sums with four rows of weights, still spread over four lanes each.
typedef struct {
    int32x4_t w0, w1, w2, w3;
} a64_sums_t;

typedef struct {
    int8x16_t r0, r1, r2, r3;
} a64_quad_t;

// Sixteen bytes of four rows; the parts of rows that are not there are those of the first.
A64_INLINE a64_quad_t a64_load(const int8_t *x, size_t step, int rows) {
    int8x16_t first = vld1q_s8(x);
    if (rows == 1) {
        return (a64_quad_t){first, first, first, first};
    }
    return (a64_quad_t){first, vld1q_s8(x + step), vld1q_s8(x + 2 * step), vld1q_s8(x + 3 * step)};
}

A64_INLINE a64_quad_t a64_load_short_rows(const int8_t *x, size_t step, int rows, size_t n) {
    int8x16_t first = a64_load_short(x, n);
    if (rows == 1) {
        return (a64_quad_t){first, first, first, first};
    }
    return (a64_quad_t){first, a64_load_short(x + step, n), a64_load_short(x + 2 * step, n),
                        a64_load_short(x + 3 * step, n)};
}

A64_INLINE a64_sums_t a64_add_row(a64_sums_t s, int8x16_t x, const a64_quad_t *w, int in_pairs) {
    s.w0 = a64_dot16(s.w0, x, w->r0, in_pairs);
    s.w1 = a64_dot16(s.w1, x, w->r1, in_pairs);
    s.w2 = a64_dot16(s.w2, x, w->r2, in_pairs);
    s.w3 = a64_dot16(s.w3, x, w->r3, in_pairs);
    return s;
}

typedef struct {
    a64_sums_t r0, r1, r2, r3;
} a64_block_t;

A64_INLINE void a64_add(a64_block_t *s, int rows, a64_quad_t x, a64_quad_t w, int in_pairs) {
    s->r0 = a64_add_row(s->r0, x.r0, &w, in_pairs);
    if (rows == 4) {
        s->r1 = a64_add_row(s->r1, x.r1, &w, in_pairs);
        s->r2 = a64_add_row(s->r2, x.r2, &w, in_pairs);
        s->r3 = a64_add_row(s->r3, x.r3, &w, in_pairs);
    }
}

A64_INLINE int32x4_t a64_reduce(a64_sums_t s) {
    return vpaddq_s32(vpaddq_s32(s.w0, s.w1), vpaddq_s32(s.w2, s.w3));
}

// Dot products of `rows` rows of x, 1 or 4, with four rows of weights. Of a last part shorter than 16 the values that
// were counted before are masked out; nothing outside of the rows is read.
A64_INLINE a64_block_t a64_dots(const a64_rows_t *a, int rows, const int8_t *x, size_t x_step, const int8_t *w,
                                int in_pairs) {
    const int32x4_t zero = vdupq_n_s32(0);
    const a64_sums_t zeros = {zero, zero, zero, zero};
    a64_block_t s = {zeros, zeros, zeros, zeros};
    const size_t n = a->n, whole = n & ~(size_t)15;
    for (size_t k = 0; k < whole; k += 16) {
        a64_add(&s, rows, a64_load(x + k, x_step, rows), a64_load(w + k, a->w_step, 4), in_pairs);
    }
    if (whole == n) {
        return s;
    }
    if (n < 16) {
        a64_add(&s, rows, a64_load_short_rows(x, x_step, rows, n), a64_load_short_rows(w, a->w_step, 4, n), in_pairs);
        return s;
    }
    const int8x16_t mask = a64_tail_mask(n);
    a64_quad_t last = a64_load(x + n - 16, x_step, rows);
    last.r0 = vandq_s8(last.r0, mask);
    last.r1 = vandq_s8(last.r1, mask);
    last.r2 = vandq_s8(last.r2, mask);
    last.r3 = vandq_s8(last.r3, mask);
    a64_add(&s, rows, last, a64_load(w + n - 16, a->w_step, 4), in_pairs);
    return s;
}

A64_INLINE int32x4_t a64_requantise_rows(const a64_rows_t *a, int once, a64_sums_t s, const a64_channels_t *ch) {
    int32x4_t x = vaddq_s32(a64_reduce(s), ch->bias);
    return once           ? a64_requantise_once(x, ch->mult, ch->shift)
           : a->all_right ? a64_requantise_right(x, ch->mult, ch->shift)
                          : a64_requantise(x, ch->mult, ch->shift);
}

// Four output channels of `rows` rows.
A64_INLINE void a64_four_channels(const a64_rows_t *a, int rows, int once, const int8_t *x, size_t x_step, int8_t *y,
                                  size_t o) {
    const int8_t *w = a->weights + o * a->w_step;
    a64_block_t s = a->in_pairs ? a64_dots(a, rows, x, x_step, w, 1) : a64_dots(a, rows, x, x_step, w, 0);
    a64_channels_t ch = a64_channels(a->channels + o);
    int32x4_t v0 = a64_requantise_rows(a, once, s.r0, &ch);
    if (rows == 1) {
        a64_store4(y + o, a64_finish4(v0, &a->output), 0);
        return;
    }
    int32x4_t v1 = a64_requantise_rows(a, once, s.r1, &ch);
    int32x4_t v2 = a64_requantise_rows(a, once, s.r2, &ch);
    int32x4_t v3 = a64_requantise_rows(a, once, s.r3, &ch);
    int8x16_t q = !once && a->all_right ? a64_finish_right(v0, v1, v2, v3, &a->output)
                                        : a64_finish(v0, v1, v2, v3, &a->output);
    a64_store4(y + o, q, 0);
    a64_store4(y + a->c_out + o, q, 1);
    a64_store4(y + 2 * a->c_out + o, q, 2);
    a64_store4(y + 3 * a->c_out + o, q, 3);
}

// All output channels of `rows` rows; those of the output lie one behind the other at y. The last four channels start
// further back when fewer are left, and are computed again.
A64_INLINE void a64_all_channels(const a64_rows_t *a, int rows, int once, const int8_t *x, size_t x_step, int8_t *y) {
    for (size_t o = 0; o < a->c_out; o += 4) {
        a64_four_channels(a, rows, once, x, x_step, y, o + 4 <= a->c_out ? o : a->c_out - 4);
    }
}

#endif
