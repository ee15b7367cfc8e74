// 3x3 and 1x3 depthwise convolution, four channels at a time: a strip of the input's rows is split into one plane a
// channel, widened to 16 bits and padded with the zero point; then depthwise3x3_rows.c goes down each plane.
//
// Without dilation the rows lie in the plane as in the input. With it every output row has three rows of its own, one for
// each row of the kernel.
//
// The output is cut into blocks, columns of up to five pixels (three with stride 2), so that a row of the input under a
// block is always the same four words. Of some blocks, all of four channels come before the next four.
#include "kernels/m7/depthwise.h"

#include "kernels/m7/depthwise3x3_rows.h"
#include "kernels/m7/split.h"

#define LANES 4
#define PLANE_ROWS 16
#define PLANE (PLANE_ROWS * M7_PLANE_WORDS) // words; LANES of them are KWS_DEPTHWISE_STRIP_BYTES
#define BLOCKS 4                            // at a time

typedef struct {
    size_t width;  // pixels of the output
    size_t out_x;
    int32_t in_x;  // first column of the input under it; may lie outside
    enum { PADDING, LEFT, RIGHT, BOTH, UNUSED } inside[M7_PLANE_WORDS]; // which of a word's columns lie inside
} block_t;

// Consecutive rows of the input: `above` and `below` are padding, those inside begin at in_y.
typedef struct {
    size_t above, inside, below, in_y;
} part_t;

bool m7_depthwise3x3_takes(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    const bool height = w->kernel_h == 1 || (w->kernel_h == 3 && (w->dilation_h == 1 || w->stride_h == 1));
    return height && w->kernel_w == 3 && w->dilation_w == 1 && w->stride_w <= 2 && p->in.c >= LANES;
}

// step: words from row to row.
static void fill_rows(uint32_t *plane, size_t rows, size_t step, uint32_t zero) {
    for (; rows > 0; rows--, plane += step) {
        for (size_t i = 0; i < LANES * PLANE; i += PLANE) {
            plane[i] = plane[i + 1] = plane[i + 2] = plane[i + 3] = zero;
        }
    }
}

// `rows` rows of the input from row `first` on.
static inline part_t part_at(const kws_linear_t *p, int32_t first, int32_t rows) {
    const int32_t last = first + rows, begin = first > 0 ? first : 0, end = last < p->in.h ? last : p->in.h;
    part_t part = {.above = (size_t)(begin - first < rows ? begin - first : rows), .in_y = (size_t)begin};
    part.inside = end > begin ? (size_t)(end - begin) : 0;
    part.below = (size_t)rows - part.above - part.inside;
    return part;
}

// step: words from row to row of the part; a constant.
static inline __attribute__((always_inline)) void gather_part(const kws_linear_t *p, const block_t *b, part_t part,
                                                              bool sides, const int8_t *in, uint32_t *plane, size_t step) {
    const size_t c = p->in.c, row = (size_t)p->in.w * c;
    const uint32_t halves = m7_halves(p->in_zero), bytes = m7_bytes(p->in_zero);
    fill_rows(plane, part.above, step, halves);
    uint32_t *inside = plane + part.above * step;
    fill_rows(inside + part.inside * step, part.below, step, halves);
    const int8_t *px = in + (int32_t)(part.in_y * row) + b->in_x * (int32_t)c;
    for (size_t i = 0; i < M7_PLANE_WORDS; i++, px += 2 * c, inside++) {
        if (b->inside[i] == BOTH) {
            m7_split(px, c, row, true, true, bytes, inside, step, PLANE, part.inside);
        } else if (b->inside[i] == LEFT) {
            m7_split(px, c, row, true, false, bytes, inside, step, PLANE, part.inside);
        } else if (b->inside[i] == RIGHT) {
            m7_split(px, c, row, false, true, bytes, inside, step, PLANE, part.inside);
        } else if (b->inside[i] == PADDING && sides) {
            m7_split(px, 0, 0, false, false, bytes, inside, step, PLANE, part.inside);
        }
    }
}

static bool is_dilated(const kws_linear_t *p) {
    return p->window.kernel_h > 1 && p->window.dilation_h > 1;
}

// Rows of the plane from one window to the next.
static int32_t plane_stride(const kws_linear_t *p) {
    return is_dilated(p) ? p->window.kernel_h : p->window.stride_h;
}

// The plane for the output rows from y on. sides: whether to write the words that are padding, too; they stay as they
// are while there is one block only.
typedef void gather_t(const kws_linear_t *p, const block_t *b, size_t y, size_t rows, bool sides, const int8_t *in,
                      uint32_t *planes);

static void gather_together(const kws_linear_t *p, const block_t *b, size_t y, size_t rows, bool sides, const int8_t *in,
                            uint32_t *planes) {
    const int32_t stride = p->window.stride_h, first = (int32_t)y * stride - p->window.pad_top;
    gather_part(p, b, part_at(p, first, (int32_t)(rows - 1) * stride + p->window.kernel_h), sides, in, planes,
                M7_PLANE_WORDS);
}

static void gather_apart(const kws_linear_t *p, const block_t *b, size_t y, size_t rows, bool sides, const int8_t *in,
                         uint32_t *planes) {
    int32_t first = (int32_t)y * p->window.stride_h - p->window.pad_top;
    for (size_t i = 0; i < 3; i++, first += p->window.dilation_h) {
        gather_part(p, b, part_at(p, first, (int32_t)rows), sides, in, planes + i * M7_PLANE_WORDS, 3 * M7_PLANE_WORDS);
    }
}

static inline void set_weights(uint32_t to[2], const int8_t *w) {
    uint32_t word = m7_load(w), w02 = m7_sxtb16(word), w13 = m7_sxtb16_odd(word);
    w02 = m7_add16(w02, w02);
    w13 = m7_add16(w13, w13);
    to[0] = m7_pack_low(w02, w13);
    to[1] = m7_pack_low_high(w13, w02);
}

// False where the channel's requantisation is not of the usual kind.
static bool set_lane(m7_lane_t *lane, const kws_linear_t *p, size_t channel) {
    const bool three = p->window.kernel_h == 3;
    const int8_t *w = p->weights + channel * (three ? kws_row_bytes(9) : kws_row_bytes(3));
    lane->bias = 2 * p->channels[channel].bias;
    set_weights(lane->weights[0], w);
    if (three) {
        set_weights(lane->weights[1], w + 3);
        set_weights(lane->weights[2], w + 6);
    }
    return m7_requantise_fast(&lane->requantise, &p->channels[channel], p->out_zero, 9);
}

// The loop in C, for such a channel.
static __attribute__((noinline)) void slow_lane(const kws_linear_t *p, size_t channel, const uint32_t *plane,
                                                const block_t *b, size_t rows, int8_t *out) {
    const kws_channel_t *ch = &p->channels[channel];
    const size_t products = 3 * (size_t)p->window.kernel_h, step = (size_t)plane_stride(p) * M7_PLANE_WORDS;
    const int8_t *w = p->weights + channel * kws_row_bytes((uint32_t)products);
    for (size_t y = 0; y < rows; y++, out += (size_t)p->out.w * p->out.c) {
        for (size_t x = 0; x < b->width; x++) {
            const int16_t *px = (const int16_t *)(plane + y * step) + x * p->window.stride_w;
            int32_t sum = ch->bias;
            for (size_t i = 0; i < products; i++) {
                sum += px[i / 3 * 2 * M7_PLANE_WORDS + i % 3] * w[i];
            }
            out[x * p->out.c] = fx_requantise_int8(sum, ch->mult, ch->shift, p->out_zero, -128, 127);
        }
    }
}

// Input channels first..first + 3 of some blocks, `most` rows at a time; those before `from` are done already.
static void four_channels(const kws_linear_t *p, const block_t *b, const block_t *end, size_t most, bool sides, size_t first,
                          size_t from, const int8_t *in, int8_t *out, uint32_t *planes) {
    gather_t *const gather = is_dilated(p) ? gather_apart : gather_together;
    m7_rows_t *const *rows_of = m7_rows[p->window.kernel_h == 3][p->window.stride_w - 1];
    const size_t c = p->out.c, row = (size_t)p->out.w * c, multiplier = c / p->in.c;
    m7_lane_t lanes[LANES];
    for (size_t i = 0; i < LANES; i++) {
        lanes[i].back = (int32_t)sizeof(uint32_t) * M7_PLANE_WORDS * (plane_stride(p) - p->window.kernel_h);
    }
    bool fast[LANES], ready = false;
    for (; b < end; b++) {
        m7_rows_t *const run = rows_of[b->width];
        int8_t *const block = out + b->out_x * c;
        for (size_t y = 0, rows; y < p->out.h; y += rows) {
            rows = p->out.h - y < most ? p->out.h - y : most;
            gather(p, b, y, rows, sides, in + first, planes);
            for (size_t i = from - first; i < LANES; i++) {
                for (size_t m = 0; m < multiplier; m++) {
                    const size_t channel = (first + i) * multiplier + m;
                    int8_t *at = block + y * row + channel;
                    if (!ready) {
                        fast[i] = set_lane(&lanes[i], p, channel);
                    }
                    if (fast[i]) {
                        m7_lane_steps(&lanes[i], at, rows, row, b->width, c);
                        run(planes + i * PLANE, at, c, &lanes[i]);
                    } else {
                        slow_lane(p, channel, planes + i * PLANE, b, rows, at);
                    }
                }
            }
            ready = multiplier == 1;
        }
    }
}

// The block of `width` pixels at out_x.
static block_t block_at(const kws_linear_t *p, size_t out_x, size_t width) {
    const int32_t stride = p->window.stride_w, count = (int32_t)(width - 1) * stride + 3;
    block_t b = {.width = width, .out_x = out_x, .in_x = (int32_t)out_x * stride - p->window.pad_left};
    for (int32_t i = 0; i < M7_PLANE_WORDS; i++) {
        int32_t x = b.in_x + 2 * i;
        bool left = x >= 0 && x < p->in.w;
        bool right = 2 * i + 1 < count && x + 1 >= 0 && x + 1 < p->in.w;
        b.inside[i] = 2 * i < count ? (left ? LEFT : PADDING) | (right ? RIGHT : PADDING) : UNUSED;
    }
    return b;
}

void m7_depthwise3x3(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const size_t widest = p->window.stride_w == 1 ? M7_BLOCK_1 : M7_BLOCK_2;
    const size_t rows = (size_t)((PLANE_ROWS - p->window.kernel_h) / plane_stride(p)) + 1; // of the output, in a plane
    size_t left = (p->out.w + widest - 1) / widest;
    for (size_t x = 0; left > 0;) {
        block_t blocks[BLOCKS];
        size_t n = 0;
        for (; n < BLOCKS && left > 0; n++, left--) {
            blocks[n] = block_at(p, x, (p->out.w - x) / left);
            x += blocks[n].width;
        }
        for (size_t first = 0; first < p->in.c; first += LANES) {
            size_t begin = first + LANES <= p->in.c ? first : (size_t)p->in.c - LANES;
            four_channels(p, blocks, blocks + n, rows, n > 1 || first == 0, begin, first, in, out, scratch);
        }
    }
}
