// 3x3 depthwise convolution, four channels at a time: a strip of the input's rows is split into one plane a channel,
// widened to 16 bits and padded with the zero point; then depthwise3x3_rows.c goes down each plane.
//
// The output is cut into blocks, columns of up to five pixels (three with stride 2), so that a row of the input under a
// block is always the same four words. All channels of a block come before the next block, so that the words that are
// padding only are written once.
#include "kernels/m7/depthwise.h"

#include "kernels/m7/depthwise3x3_rows.h"
#include "kernels/m7/split.h"

#define LANES 4
#define PLANE_ROWS 16
#define PLANE (PLANE_ROWS * M7_PLANE_WORDS) // words; LANES of them are KWS_DEPTHWISE_STRIP_BYTES

typedef struct {
    size_t width;        // pixels of the output
    size_t out_x;
    int32_t in_x, count; // first column of the input under it, and how many; some may lie outside
    enum { PADDING, LEFT, RIGHT, BOTH } inside[M7_PLANE_WORDS]; // which of a word's columns lie inside
} block_t;

typedef struct {
    size_t out_y, rows;            // of the output
    size_t above, inside, below;   // rows of the input: padding, from in_y, padding
    size_t in_y;
} strip_t;

bool m7_depthwise3x3_takes(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    return w->kernel_h == 3 && w->kernel_w == 3 && w->dilation_h == 1 && w->dilation_w == 1 && w->stride_w <= 2 &&
           p->in.c >= LANES;
}

// A column of words that is padding.
static void fill_column(uint32_t *plane, uint32_t zero) {
    for (uint32_t *const end = plane + LANES * PLANE; plane < end; plane += M7_PLANE_WORDS) {
        *plane = zero;
    }
}

static void fill_rows(uint32_t *plane, size_t rows, uint32_t zero) {
    for (size_t i = 0; i < rows * M7_PLANE_WORDS; i++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            plane[lane * PLANE + i] = zero;
        }
    }
}

static __attribute__((noinline)) void gather(const kws_linear_t *p, const block_t *b, const strip_t *s, const int8_t *in,
                                             uint32_t *planes) {
    size_t c = p->in.c, row = (size_t)p->in.w * c;
    uint32_t halves = m7_halves(p->in_zero), bytes = m7_bytes(p->in_zero);
    fill_rows(planes, s->above, halves);
    uint32_t *inside = planes + s->above * M7_PLANE_WORDS;
    fill_rows(inside + s->inside * M7_PLANE_WORDS, s->below, halves);
    const int8_t *px = in + (int32_t)(s->in_y * row) + b->in_x * (int32_t)c;
    for (size_t i = 0; i < M7_PLANE_WORDS; i++, px += 2 * c, inside++) {
        if (b->inside[i] == BOTH) {
            m7_split(px, c, row, true, true, bytes, inside, M7_PLANE_WORDS, PLANE, s->inside);
        } else if (b->inside[i] == LEFT) {
            m7_split(px, c, row, true, false, bytes, inside, M7_PLANE_WORDS, PLANE, s->inside);
        } else if (b->inside[i] == RIGHT) {
            m7_split(px, c, row, false, true, bytes, inside, M7_PLANE_WORDS, PLANE, s->inside);
        }
    }
}

// False where the channel's requantisation is not of the usual kind.
static bool set_lane(m7_lane_t *lane, const kws_linear_t *p, size_t channel) {
    const int8_t *w = p->weights + channel * kws_row_bytes(9);
    lane->bias = 2 * p->channels[channel].bias;
    lane->back = (int32_t)sizeof(uint32_t) * M7_PLANE_WORDS * (p->window.stride_h - 3);
    for (size_t i = 0; i < 3; i++, w += 3) {
        uint32_t word = m7_load(w), w02 = m7_sxtb16(word), w13 = m7_sxtb16_odd(word);
        w02 = m7_add16(w02, w02);
        w13 = m7_add16(w13, w13);
        lane->weights[i][0] = m7_pack_low(w02, w13);
        lane->weights[i][1] = m7_pack_low_high(w13, w02);
    }
    return m7_requantise_fast(&lane->requantise, &p->channels[channel], p->out_zero, 9);
}

// The loop in C, for such a channel.
static __attribute__((noinline)) void slow_lane(const kws_linear_t *p, size_t channel, const uint32_t *plane,
                                                const block_t *b, size_t rows, int8_t *out) {
    const kws_channel_t *ch = &p->channels[channel];
    const int8_t *w = p->weights + channel * kws_row_bytes(9);
    for (size_t y = 0; y < rows; y++, out += (size_t)p->out.w * p->out.c) {
        for (size_t x = 0; x < b->width; x++) {
            const int16_t *px = (const int16_t *)(plane + y * p->window.stride_h * M7_PLANE_WORDS) + x * p->window.stride_w;
            int32_t sum = ch->bias;
            for (size_t i = 0; i < 9; i++) {
                sum += px[i / 3 * 2 * M7_PLANE_WORDS + i % 3] * w[i];
            }
            out[x * p->out.c] = fx_requantise_int8(sum, ch->mult, ch->shift, p->out_zero, -128, 127);
        }
    }
}

// The strip that begins at output row y.
static strip_t strip_at(const kws_linear_t *p, size_t y) {
    size_t stride = p->window.stride_h, most = (PLANE_ROWS - 3) / stride + 1, left = p->out.h - y;
    strip_t s = {.out_y = y, .rows = left < most ? left : most};
    int32_t rows = (int32_t)((s.rows - 1) * stride + 3), first = (int32_t)(y * stride) - p->window.pad_top;
    int32_t last = first + rows, begin = first > 0 ? first : 0, end = last < p->in.h ? last : p->in.h;
    s.above = (size_t)(begin - first);
    s.inside = end > begin ? (size_t)(end - begin) : 0;
    s.below = (size_t)rows - s.above - s.inside;
    s.in_y = (size_t)begin;
    return s;
}

// Input channels first..first + 3 of a block; those before `from` are done already. s: the first strip.
static void four_channels(const kws_linear_t *p, const block_t *b, strip_t s, size_t first, size_t from, const int8_t *in,
                          int8_t *out, uint32_t *planes) {
    m7_rows_t *run = (p->window.stride_w == 1 ? m7_rows_stride1 : m7_rows_stride2)[b->width];
    const size_t c = p->out.c, row = (size_t)p->out.w * c, multiplier = c / p->in.c;
    m7_lane_t lanes[LANES];
    bool fast[LANES];
    for (bool ready = false;; ready = multiplier == 1) {
        gather(p, b, &s, in + first, planes);
        for (size_t i = from - first; i < LANES; i++) {
            for (size_t m = 0; m < multiplier; m++) {
                const size_t channel = (first + i) * multiplier + m;
                int8_t *at = out + s.out_y * row + b->out_x * c + channel;
                if (!ready) {
                    fast[i] = set_lane(&lanes[i], p, channel);
                }
                if (fast[i]) {
                    m7_lane_steps(&lanes[i], at, s.rows, row, b->width, c);
                    run(planes + i * PLANE, at, c, &lanes[i]);
                } else {
                    slow_lane(p, channel, planes + i * PLANE, b, s.rows, at);
                }
            }
        }
        if (s.out_y + s.rows == p->out.h) {
            break;
        }
        s = strip_at(p, s.out_y + s.rows);
    }
}

// The block of `width` pixels at out_x; writes the words of the planes that are padding.
static block_t block_at(const kws_linear_t *p, size_t out_x, size_t width, uint32_t *planes) {
    size_t stride = p->window.stride_w;
    block_t b = {.width = width, .out_x = out_x, .in_x = (int32_t)(out_x * stride) - p->window.pad_left,
                 .count = (int32_t)((width - 1) * stride + 3)};
    for (int32_t i = 0; i < M7_PLANE_WORDS; i++) {
        int32_t x = b.in_x + 2 * i;
        bool left = 2 * i < b.count && x >= 0 && x < p->in.w;
        bool right = 2 * i + 1 < b.count && x + 1 >= 0 && x + 1 < p->in.w;
        b.inside[i] = (left ? LEFT : PADDING) | (right ? RIGHT : PADDING);
        if (b.inside[i] == PADDING) {
            fill_column(planes + i, m7_halves(p->in_zero));
        }
    }
    return b;
}

void m7_depthwise3x3(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    uint32_t *planes = scratch;
    size_t widest = p->window.stride_w == 1 ? M7_BLOCK_1 : M7_BLOCK_2;
    strip_t top = strip_at(p, 0);
    size_t blocks = (p->out.w + widest - 1) / widest;
    for (size_t x = 0; blocks > 0; blocks--) {
        block_t b = block_at(p, x, (p->out.w - x) / blocks, planes);
        for (size_t first = 0; first < p->in.c; first += LANES) {
            size_t begin = first + LANES <= p->in.c ? first : (size_t)p->in.c - LANES;
            four_channels(p, &b, top, begin, first, in, out, planes);
        }
        x += b.width;
    }
}
