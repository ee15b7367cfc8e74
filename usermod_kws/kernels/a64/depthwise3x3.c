// Depthwise 3x3, two rows of outputs at a time: twelve loads instead of eighteen, and weights and parameters once.
#include "kernels/a64/depthwise.h"

#define COLUMNS 3
#define ROWS 4 // of the input

// Rows [first, end) of the four lie inside the input.
typedef struct {
    int32_t first, end;
} rows_t;

// at[column][row] of the rows inside, the first of which is `first`; the others stay `outside`.
static inline void find_taps(const a64_depthwise_t *d, rows_t rows, const int8_t *first, int32_t out_x) {
    const kws_window_t *w = &d->p->window;
    const int32_t width = d->p->in.w;
    const ptrdiff_t c = (ptrdiff_t)d->c, row = width * c;
    const int8_t **at = d->at, *const outside = d->outside;
    int32_t x = out_x * w->stride_w - w->pad_left;
    for (int32_t j = 0; j < COLUMNS; j++, x += w->dilation_w, at += ROWS) {
        const int inside = x >= 0 && x < width;
        const int8_t *tap = inside ? first + x * c : outside;
        const ptrdiff_t step = inside ? row : 0;
        for (int32_t i = rows.first; i < rows.end; i++, tap += step) {
            at[i] = tap;
        }
    }
}

static inline void sixteen_channels(const a64_depthwise_t *d, size_t o, const int8_t *w, int8_t *y0, int8_t *y1) {
    const a64_lane_channels_t ch = a64_lane_channels(d->p->channels + o);
    a64_lanes_t s0 = a64_bias(&ch), s1 = s0;
    int8x16_t last0 = vdupq_n_s8(0), last1 = last0, last_w = last0;
    for (int j = 0; j < COLUMNS; j++) {
        const int8_t *const *at = d->at + j * ROWS;
        int8x16_t r0 = vld1q_s8(at[0] + o), r1 = vld1q_s8(at[1] + o);
        int8x16_t r2 = vld1q_s8(at[2] + o), r3 = vld1q_s8(at[3] + o);
        int8x16_t w0 = vld1q_s8(w + j * A64_LANES), w1 = vld1q_s8(w + (3 + j) * A64_LANES);
        int8x16_t w2 = vld1q_s8(w + (6 + j) * A64_LANES);
        s0 = a64_add_pair(s0, r0, w0, r1, w1);
        s1 = a64_add_pair(s1, r1, w0, r2, w1);
        // The third products of two columns make pairs.
        if (j == 1) {
            s0 = a64_add_pair(s0, last0, last_w, r2, w2);
            s1 = a64_add_pair(s1, last1, last_w, r3, w2);
        } else if (j == 2) {
            s0 = a64_add_one(s0, r2, w2);
            s1 = a64_add_one(s1, r3, w2);
        }
        last0 = r2, last1 = r3, last_w = w2;
    }
    vst1q_s8(y0 + o, a64_finish_lanes(d, s0, &ch));
    vst1q_s8(y1 + o, a64_finish_lanes(d, s1, &ch));
}

void a64_depthwise3x3_two_rows(const a64_depthwise_t *depthwise, const int8_t *in, int8_t *out, int32_t out_y) {
    // A copy that no store through a pointer can change: its fields stay in registers.
    const a64_depthwise_t d = *depthwise;
    const size_t c = d.c, row = (size_t)d.p->out.w * c;
    const int32_t width = d.p->out.w, start = out_y - d.p->window.pad_top, height = d.p->in.h - start;
    const rows_t rows = {start < 0 ? -start : 0, height < ROWS ? height : ROWS};
    for (int i = 0; i < COLUMNS * ROWS; i++) {
        d.at[i] = d.outside;
    }
    const int8_t *first = in + (size_t)(start + rows.first) * d.p->in.w * c;
    int8_t *y = out + out_y * row;
    for (int32_t x = 0; x < width; x++, y += c) {
        find_taps(&d, rows, first, x);
        const int8_t *w = d.turned;
        for (size_t i = 0; i < c; i += A64_LANES, w += 9 * A64_LANES) {
            sixteen_channels(&d, a64_first_lane(&d, i), w, y, y + row);
        }
    }
}
