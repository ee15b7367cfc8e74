// Depthwise convolution whose kernel is one column wide, stride and dilation 1 in height: four channels of a column of
// the input at a time become four planes of 16-bit values, each a row of its own for depthwise_column_rows.c.
#include "kernels/m7/depthwise.h"
#include "kernels/m7/depthwise_column_rows.h"
#include "kernels/m7/split.h"

#define LANES 4
#define FEW 8 // outputs below which depthwise_direct.c is faster

typedef struct {
    uint32_t passes;     // of four taps of the even output; one more tap for the odd
    uint32_t *weights;   // of a lane: 4 * passes words
    uint32_t *planes;
    size_t plane_words;
    size_t outputs;      // of a strip at most, a multiple of 4
} plan_t;

static plan_t plan(const kws_linear_t *p, void *scratch) {
    size_t words = (size_t)kws_depthwise_conv2d_scratch_bytes(p->in, &p->window) / 4;
    plan_t s = {.passes = (p->window.kernel_h + 4u) / 4, .weights = scratch};
    size_t weights = (size_t)LANES * 4 * s.passes, least = 2 * s.passes + 1;
    if (words >= weights + LANES * least) {
        s.plane_words = (words - weights) / LANES;
        s.outputs = (2 * (s.plane_words - least) + 4) & ~(size_t)3;
    }
    s.planes = s.weights + weights;
    return s;
}

bool m7_depthwise_column_takes(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    return w->kernel_w == 1 && w->kernel_h > 1 && w->stride_h == 1 && w->dilation_h == 1 && p->in.c == p->out.c &&
           p->in.c >= LANES && p->out.h >= FEW && plan(p, NULL).outputs >= FEW;
}

// From position 0 on, which is input row y0, of the column at px; positions outside of the input are the zero point.
static void gather(const kws_linear_t *p, const plan_t *s, const int8_t *px, int32_t y0, int32_t positions) {
    const size_t row = (size_t)p->in.w * p->in.c;
    const uint32_t zero = m7_bytes(p->in_zero);
    const int32_t h = p->in.h;
    uint32_t *plane = s->planes;
    for (int32_t i = 0; i < positions;) {
        const int32_t y = y0 + i, rest = positions - i, valid = h - y < rest ? h - y : rest;
        int32_t words = 1;
        if (y >= 0 && valid >= 2) {
            words = valid / 2;
            m7_split(px + (size_t)y * row, row, 2 * row, true, true, zero, plane, 1, s->plane_words, (size_t)words);
        } else if (y >= 0 && valid == 1) {
            m7_split(px + (size_t)y * row, row, row, true, false, zero, plane, 1, s->plane_words, 1);
        } else if (y == -1 && rest >= 2) {
            m7_split(px, 0, row, false, true, zero, plane, 1, s->plane_words, 1);
        } else {
            m7_split(px, row, row, false, false, zero, plane, 1, s->plane_words, 1);
        }
        plane += words;
        i += 2 * words;
    }
}

// Four words for each four taps w0..w3: (w0, w1), (before, w0), (w2, w3), (w1, w2), doubled. A row ends with zeros.
static void expand(const plan_t *s, const int8_t *w, uint32_t bytes, uint32_t *to) {
    uint32_t before = 0;
    for (uint32_t i = 0; i < s->passes; i++, to += 4) {
        const uint32_t word = 4 * i < bytes ? m7_load(w + 4 * i) : 0;
        uint32_t w02 = m7_sxtb16(word), w13 = m7_sxtb16_odd(word);
        w02 = m7_add16(w02, w02);
        w13 = m7_add16(w13, w13);
        to[0] = m7_pack_low(w02, w13);
        to[1] = m7_pack_low(before, w02);
        to[2] = m7_pack_high(w02, w13);
        to[3] = m7_pack_low_high(w13, w02);
        before = w13 >> 16;
    }
}

// For a channel whose requantisation is not of the usual kind.
static void slow_lane(const kws_linear_t *p, size_t channel, const uint32_t *plane, size_t count, size_t step, int8_t *out) {
    const kws_channel_t *ch = &p->channels[channel];
    const int8_t *w = p->weights + channel * kws_row_bytes(p->window.kernel_h);
    const int16_t *x = (const int16_t *)(const void *)plane;
    for (size_t i = 0; i < count; i++, x++, out += step) {
        int32_t sum = ch->bias;
        for (size_t k = 0; k < p->window.kernel_h; k++) {
            sum += x[k] * w[k];
        }
        *out = fx_requantise_int8(sum, ch->mult, ch->shift, p->out_zero, INT8_MIN, INT8_MAX);
    }
}

// Whole blocks of four go to the output, the rest of a last one through a buffer.
static void fast_lane(m7_column_t *column, const uint32_t *plane, size_t count, int8_t *out) {
    const uint32_t step = column->step;
    column->blocks = (uint32_t)(count / 4);
    column->out = out;
    if (column->blocks > 0) {
        m7_column_run(plane, column);
    }
    if (count % 4 != 0) {
        int8_t last[4];
        out += (count & ~(size_t)3) * step;
        m7_column_t one = *column;
        one.blocks = 1;
        one.out = last;
        one.step = 1;
        m7_column_run(plane + count / 4 * 2, &one);
        for (size_t i = 0; i < count % 4; i++, out += step) {
            *out = last[i];
        }
    }
}

// Channels first..first + 3 of all columns; those before `from` are done already.
static void four_channels(const kws_linear_t *p, const plan_t *s, size_t first, size_t from, const int8_t *in, int8_t *out) {
    const size_t c = p->in.c, taps = p->window.kernel_h, out_row = (size_t)p->out.w * c;
    const uint32_t bytes = kws_row_bytes((uint32_t)taps);
    m7_column_t columns[LANES];
    bool fast[LANES];
    for (size_t i = from - first; i < LANES; i++) {
        const kws_channel_t *ch = &p->channels[first + i];
        m7_column_t *column = &columns[i]; // field by field: an initialiser would clear the structure first
        column->step = (uint32_t)out_row;
        column->weights = s->weights + i * 4 * s->passes;
        column->passes = s->passes;
        column->back = 8 * s->passes - 4;
        column->bias = 2 * ch->bias;
        fast[i] = m7_requantise_fast(&column->requantise, ch, p->out_zero, (uint32_t)taps);
        expand(s, p->weights + (first + i) * bytes, bytes, s->weights + i * 4 * s->passes);
    }
    for (size_t x = 0; x < p->out.w; x++) {
        const int32_t in_x = (int32_t)(x * p->window.stride_w) - p->window.pad_left;
        for (size_t y = 0, n; y < p->out.h; y += n) {
            n = p->out.h - y < s->outputs ? p->out.h - y : s->outputs;
            gather(p, s, in + (size_t)in_x * c + first, (int32_t)y - p->window.pad_top, (int32_t)(n + taps - 1));
            for (size_t i = from - first; i < LANES; i++) {
                const uint32_t *plane = s->planes + i * s->plane_words;
                int8_t *at = out + y * out_row + x * c + first + i;
                if (fast[i]) {
                    fast_lane(&columns[i], plane, n, at);
                } else {
                    slow_lane(p, first + i, plane, n, out_row, at);
                }
            }
        }
    }
}

void m7_depthwise_column(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const plan_t s = plan(p, scratch);
    for (size_t first = 0; first < p->in.c; first += LANES) {
        size_t begin = first + LANES <= p->in.c ? first : (size_t)p->in.c - LANES;
        four_channels(p, &s, begin, first, in, out);
    }
}
