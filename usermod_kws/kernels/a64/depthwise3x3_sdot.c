// Depthwise 3x3 with the dot product instructions, which add four products of neighbouring bytes. A column of four rows
// of the input, interleaved, makes a column of taps of two rows of outputs, of the second with the column moved down by
// a byte. It is interleaved once for all the outputs that it is under.
#include "kernels/a64/dot_sdot.h"

#include "kernels/a64/depthwise.h"

#define ROWS 4           // of the input
#define COLUMN_BYTES 128 // four rows of sixteen channels as they are, and moved down

// Four bytes of each of sixteen channels.
A64_INLINE int8x16x4_t interleave(int8x16_t r0, int8x16_t r1, int8x16_t r2, int8x16_t r3) {
    const int16x8_t low01 = vreinterpretq_s16_s8(vzip1q_s8(r0, r1)), high01 = vreinterpretq_s16_s8(vzip2q_s8(r0, r1));
    const int16x8_t low23 = vreinterpretq_s16_s8(vzip1q_s8(r2, r3)), high23 = vreinterpretq_s16_s8(vzip2q_s8(r2, r3));
    return (int8x16x4_t){{
        vreinterpretq_s8_s16(vzip1q_s16(low01, low23)),
        vreinterpretq_s8_s16(vzip2q_s16(low01, low23)),
        vreinterpretq_s8_s16(vzip1q_s16(high01, high23)),
        vreinterpretq_s8_s16(vzip2q_s16(high01, high23)),
    }};
}

A64_INLINE int8x16_t moved_down(int8x16_t v) {
    return vreinterpretq_s8_u32(vshrq_n_u32(vreinterpretq_u32_s8(v), 8));
}

// Four rows of sixteen channels from some column on. A row outside the input is one pixel of zero points that does not
// move.
typedef struct {
    const int8_t *row[ROWS];
    size_t step[ROWS];
} rows_t;

static inline void store_column(int8_t *to, int8x16x4_t v) {
    vst1q_s8_x4(to, v);
    vst1q_s8_x4(to + 64, (int8x16x4_t){{moved_down(v.val[0]), moved_down(v.val[1]), moved_down(v.val[2]),
                                       moved_down(v.val[3])}});
}

// Columns [first, first + n) of the input, `width` wide; what lies outside is zero points.
static inline void interleave_columns(rows_t r, int32_t width, int32_t first, int32_t n, int8_t zero, int8_t *to) {
    const int8x16_t z = vdupq_n_s8(zero);
    const int32_t end = first + n, inside = end < width ? end : width;
    int32_t x = first;
    for (; x < 0; x++, to += COLUMN_BYTES) {
        store_column(to, (int8x16x4_t){{z, z, z, z}});
    }
    const int8_t *r0 = r.row[0] + x * r.step[0], *r1 = r.row[1] + x * r.step[1];
    const int8_t *r2 = r.row[2] + x * r.step[2], *r3 = r.row[3] + x * r.step[3];
    for (; x < inside; x++, to += COLUMN_BYTES) {
        store_column(to, interleave(vld1q_s8(r0), vld1q_s8(r1), vld1q_s8(r2), vld1q_s8(r3)));
        r0 += r.step[0], r1 += r.step[1], r2 += r.step[2], r3 += r.step[3];
    }
    for (; x < end; x++, to += COLUMN_BYTES) {
        store_column(to, (int8x16x4_t){{z, z, z, z}});
    }
}

// Column j of the kernel for sixteen channels: three weights and a zero. A channel's row of weights is twelve bytes.
A64_INLINE int8x16x4_t weights_column(const int8_t *w, uint8_t j) {
    static const uint8_t first[16] = {0, 3, 6, 128, 12, 15, 18, 128, 24, 27, 30, 128, 36, 39, 42, 128};
    const uint8x16_t bytes = vaddq_u8(vld1q_u8(first), vdupq_n_u8(j)); // beyond the table: zero
    return (int8x16x4_t){{
        vqtbl3q_s8(vld1q_s8_x3(w), bytes),
        vqtbl3q_s8(vld1q_s8_x3(w + 48), bytes),
        vqtbl3q_s8(vld1q_s8_x3(w + 96), bytes),
        vqtbl3q_s8(vld1q_s8_x3(w + 144), bytes),
    }};
}

A64_INLINE a64_lanes_t add_column(a64_lanes_t s, const int8_t *column, int8x16x4_t w) {
    const int8x16x4_t v = vld1q_s8_x4(column);
    return (a64_lanes_t){vdotq_s32(s.c0, v.val[0], w.val[0]), vdotq_s32(s.c4, v.val[1], w.val[1]),
                         vdotq_s32(s.c8, v.val[2], w.val[2]), vdotq_s32(s.c12, v.val[3], w.val[3])};
}

// What stays the same for a block of sixteen channels.
typedef struct {
    int8x16x4_t w0, w1, w2; // the kernel's columns
    a64_lane_channels_t channels;
} block_t;

A64_INLINE int8x16_t output(const a64_depthwise_t *d, const block_t *b, const int8_t *columns) {
    a64_lanes_t s = add_column(a64_bias(&b->channels), columns, b->w0);
    s = add_column(add_column(s, columns + COLUMN_BYTES, b->w1), columns + 2 * COLUMN_BYTES, b->w2);
    return a64_finish_lanes(d, s, &b->channels);
}

// Output rows y and, where there is one, y + 1 of the sixteen channels from o on, `tile` columns at a time.
static inline void two_rows(const a64_depthwise_t *d, const block_t *b, const int8_t *in, int8_t *out, int32_t y,
                            size_t o, int32_t tile, int8_t *columns) {
    const kws_linear_t *const p = d->p;
    const int32_t width = p->out.w, in_width = p->in.w, left = p->window.pad_left, two = y + 1 < p->out.h;
    const int8_t zero = (int8_t)p->in_zero;
    const size_t c = d->c, row = (size_t)width * c;
    int8_t outside[A64_LANES];
    vst1q_s8(outside, vdupq_n_s8(zero));
    rows_t rows;
    for (int32_t r = 0; r < ROWS; r++) {
        const int32_t in_y = y - p->window.pad_top + r, inside = in_y >= 0 && in_y < p->in.h;
        rows.row[r] = inside ? in + (size_t)in_y * in_width * c + o : outside;
        rows.step[r] = inside ? c : 0;
    }
    out += (size_t)y * row + o;
    for (int32_t x = 0; x < width; x += tile) {
        const int32_t n = x + tile <= width ? tile : width - x;
        interleave_columns(rows, in_width, x - left, n + 2, zero, columns);
        const int8_t *column = columns;
        for (int32_t i = 0; i < n; i++, column += COLUMN_BYTES, out += c) {
            vst1q_s8(out, output(d, b, column));
            if (two) {
                vst1q_s8(out + row, output(d, b, column + 64));
            }
        }
    }
}

void a64_depthwise3x3_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const a64_depthwise_t d = {
        .p = p,
        .c = p->in.c,
        .output = a64_output(p->out_zero, p->out_min, p->out_max),
        .all_right = a64_all_shift_right(p->channels, p->in.c),
    };
    const int32_t height = p->out.h;
    const int32_t tile = (int32_t)(kws_depthwise_conv2d_scratch_bytes(p->in, &p->window) / COLUMN_BYTES) - 2;
    for (size_t i = 0; i < d.c; i += A64_LANES) {
        const size_t o = a64_first_lane(&d, i);
        const int8_t *const w = p->weights + o * 12;
        const block_t b = {weights_column(w, 0), weights_column(w, 1), weights_column(w, 2),
                           a64_lane_channels(p->channels + o)};
        for (int32_t y = 0; y < height; y += 2) {
            two_rows(&d, &b, in, out, y, o, tile, scratch);
        }
    }
}
