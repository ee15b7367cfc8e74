// Depthwise convolution of any geometry, one input channel at a time: a strip of the channel's rows is gathered, widened
// to 16 bits and padded with the zero point, and each of its output channels runs over it with SMLAD. 3x3 kernels of
// the usual kind have a faster way: depthwise3x3.c.
//
// "Along" is the axis in which neighbouring values share a word, "across" the other. Along is the width, or the height
// for kernels that are one column wide.
#include "kernels/m7/depthwise.h"
#include "kernels/m7/requantise.h"
#include "kernels/m7/simd.h"

typedef struct {
    int32_t in, out, kernel, stride, dilation, pad;
    size_t in_step, out_step; // bytes from one to the next
} axis_t;

typedef struct {
    axis_t along, across;
    bool rolling;      // stride and dilation 1 along: see block_rolling
    size_t pitch;      // int16 values in a row of the strip
    size_t phase;      // with dilation d along, a row holds columns 0, d, 2d, ..., then 1, d + 1, ...: values of each
    size_t rows;       // of the input that the scratch holds
    size_t row_words;  // words of weights for a row of the kernel
    uint32_t *weights; // expanded and doubled, behind the strip
    int16_t *strip;
} plan_t;

static plan_t plan(const kws_linear_t *p, void *scratch) {
    const kws_window_t *w = &p->window;
    size_t in_row = (size_t)p->in.w * p->in.c, out_row = (size_t)p->out.w * p->out.c;
    plan_t s = {
        .across = {p->in.h, p->out.h, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, in_row, out_row},
        .along = {p->in.w, p->out.w, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left, p->in.c, p->out.c},
        .strip = scratch,
    };
    size_t bytes = (size_t)kws_depthwise_conv2d_scratch_bytes(p->in, w);
    size_t column = (size_t)(p->out.h - 1) * w->stride_h + (size_t)(w->kernel_h - 1) * w->dilation_h + 1 + w->dilation_h;
    if (w->kernel_w == 1 && w->kernel_h > 1 && 2 * column + 4 * (w->kernel_h + 2u) + 4 <= bytes) {
        axis_t swap = s.along;
        s.along = s.across;
        s.across = swap;
    }
    const axis_t *a = &s.along;
    size_t values = (size_t)(a->out - 1) * a->stride + (size_t)(a->kernel - 1) * a->dilation + 1;
    s.rolling = a->stride == 1 && a->dilation == 1;
    s.phase = (values + a->dilation - 1) / a->dilation;
    s.pitch = (s.phase * a->dilation + 2) & ~(size_t)1;
    s.row_words = s.rolling ? 2 * (((size_t)a->kernel + 2) / 2) : ((size_t)a->kernel + 1) / 2;
    size_t weight_bytes = 4 * s.row_words * s.across.kernel;
    s.rows = (bytes - weight_bytes) / (2 * s.pitch);
    s.weights = (uint32_t *)scratch + (bytes - weight_bytes) / 4;
    return s;
}

static inline uint32_t pair(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xffff) | (uint32_t)high << 16;
}

// Pairs (w0, w1), (w2, w3), ...; for block_rolling each with the pair of the output beside it, (0, w0), (w1, w2), ...
static void expand(const plan_t *s, const int8_t *w) {
    uint32_t *to = s->weights;
    int32_t n = s->along.kernel;
    for (int32_t i = 0; i < s->across.kernel; i++, w += n) {
        int32_t before = 0;
        for (int32_t k = 0; k < n + s->rolling; k += 2) {
            int32_t first = k < n ? 2 * w[k] : 0, second = k + 1 < n ? 2 * w[k + 1] : 0;
            *to++ = pair(first, second);
            if (s->rolling) {
                *to++ = pair(before, first);
                before = second;
            }
        }
    }
}

// Every step-th value from index first on; indices outside 0..a->in - 1 count as the zero point.
static void gather_values(const axis_t *a, int32_t first, int32_t step, size_t count, const int8_t *in, int32_t zero,
                          int16_t *to) {
    int32_t x = first;
    int16_t *const end = to + count;
    for (; to < end && x < 0; x += step) {
        *to++ = (int16_t)zero;
    }
    const size_t at_step = a->in_step * (size_t)step;
    for (size_t at = a->in_step * (size_t)x; to < end && x < a->in; x += step, at += at_step) {
        *to++ = in[at];
    }
    while (to < end) {
        *to++ = (int16_t)zero;
    }
}

// Rows of the strip from input row first on, a dilation apart.
static void gather(const plan_t *s, int32_t first, size_t rows, int32_t dilation, const int8_t *in, int32_t zero) {
    const axis_t *a = &s->along;
    int16_t *to = s->strip;
    for (int32_t y = first; rows > 0; rows--, y += dilation, to += s->pitch) {
        bool inside = y >= 0 && y < s->across.in;
        const int8_t *row = inside ? in + (size_t)y * s->across.in_step : in;
        const axis_t nothing = {0};
        for (int32_t phase = 0; phase < a->dilation; phase++) {
            gather_values(inside ? a : &nothing, phase - a->pad, a->dilation, s->phase, row, zero, to + phase * s->phase);
        }
        to[s->pitch - 1] = 0;
    }
}

// Sums of outputs x..x + 3 along a row, x even, from words that all of them share: output x + 1 lies half a word on and
// has weights for that, output x + 2 lies a word on. x: word of the first. pairs: words of weights a row, over 2.
static inline void block_rolling(const uint32_t *x, size_t row_words, const uint32_t *w, size_t pairs, int32_t rows,
                                 int32_t sums[4]) {
    int32_t s0 = sums[0], s1 = s0, s2 = s0, s3 = s0;
    for (; rows > 0; rows--, x += row_words) {
        const uint32_t *px = x;
        uint32_t here = *px++;
        for (const uint32_t *const end = w + 2 * pairs; w < end; w += 2) {
            uint32_t next = *px++, even = w[0], odd = w[1];
            s0 = m7_smlad(here, even, s0);
            s1 = m7_smlad(here, odd, s1);
            s2 = m7_smlad(next, even, s2);
            s3 = m7_smlad(next, odd, s3);
            here = next;
        }
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

// The first two of them.
static inline void block_rolling_2(const uint32_t *x, size_t row_words, const uint32_t *w, size_t pairs, int32_t rows,
                                   int32_t sums[4]) {
    int32_t s0 = sums[0], s1 = s0;
    for (; rows > 0; rows--, x += row_words) {
        const uint32_t *px = x;
        for (const uint32_t *const end = w + 2 * pairs; w < end; w += 2) {
            uint32_t here = *px++;
            s0 = m7_smlad(here, w[0], s0);
            s1 = m7_smlad(here, w[1], s1);
        }
    }
    sums[0] = s0, sums[1] = s1;
}

// Sums of four outputs anywhere: at[] is where their rows begin.
static inline void block_any(const int16_t *const at[4], size_t pitch, const uint32_t *w, size_t pairs, int32_t rows,
                             int32_t sums[4]) {
    int32_t s0 = sums[0], s1 = s0, s2 = s0, s3 = s0;
    for (size_t offset = 0; rows > 0; rows--, offset += pitch) {
        const int16_t *p0 = at[0] + offset, *p1 = at[1] + offset, *p2 = at[2] + offset, *p3 = at[3] + offset;
        for (const uint32_t *const end = w + pairs; w < end; w++, p0 += 2, p1 += 2, p2 += 2, p3 += 2) {
            s0 = m7_smlad(m7_load(p0), *w, s0);
            s1 = m7_smlad(m7_load(p1), *w, s1);
            s2 = m7_smlad(m7_load(p2), *w, s2);
            s3 = m7_smlad(m7_load(p3), *w, s3);
        }
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

typedef struct {
    const kws_channel_t *channel;
    m7_requantise_t requantise;
    int32_t zero;
    bool fast;
} finish_t;

static inline int8_t finish(const finish_t *f, int32_t sum2) {
    if (f->fast) {
        return m7_requantise(&f->requantise, sum2);
    }
    return fx_requantise_int8(sum2 >> 1, f->channel->mult, f->channel->shift, f->zero, INT8_MIN, INT8_MAX);
}

// One row of outputs from the strip's rows at `row`, row_step values apart.
static void run_row(const plan_t *s, const int16_t *row, size_t row_step, const finish_t *f, int8_t *out) {
    const axis_t *a = &s->along;
    const int32_t bias = 2 * f->channel->bias, rows = s->across.kernel;
    for (int32_t x = 0; x < a->out; x += 4) {
        int32_t sums[4] = {bias}, n = a->out - x < 4 ? a->out - x : 4;
        if (s->rolling && n > 2) {
            block_rolling((const uint32_t *)(const void *)(row + x), row_step / 2, s->weights, s->row_words / 2, rows, sums);
        } else if (s->rolling) {
            block_rolling_2((const uint32_t *)(const void *)(row + x), row_step / 2, s->weights, s->row_words / 2, rows, sums);
        } else {
            const int16_t *at[4];
            for (int32_t i = 0; i < 4; i++) { // those behind the last read it once more
                size_t first = (size_t)(x + (i < n ? i : n - 1)) * (size_t)a->stride;
                at[i] = a->dilation == 1 ? row + first : row + first % a->dilation * s->phase + first / a->dilation;
            }
            block_any(at, row_step, s->weights, s->row_words, rows, sums);
        }
        for (int32_t i = 0; i < n; i++, out += a->out_step) {
            *out = finish(f, sums[i]);
        }
    }
}

// All output channels of one input channel.
static void channel(const kws_linear_t *p, const plan_t *s, size_t multiplier, size_t first, const int8_t *in, int8_t *out) {
    const axis_t *a = &s->across;
    const size_t row_bytes = kws_row_bytes((uint32_t)p->window.kernel_h * p->window.kernel_w);
    for (int32_t y = 0, n; y < a->out; y += n) {
        n = 1;
        if (a->dilation == 1) {
            int32_t fit = ((int32_t)s->rows - a->kernel) / a->stride + 1;
            n = a->out - y < fit ? a->out - y : fit;
        }
        gather(s, y * a->stride - a->pad, (size_t)((n - 1) * a->stride + a->kernel), a->dilation, in, p->in_zero);
        for (size_t o = first; o < first + multiplier; o++) {
            finish_t f = {.channel = &p->channels[o], .zero = p->out_zero};
            f.fast = m7_requantise_fast(&f.requantise, f.channel, p->out_zero, (uint32_t)(s->across.kernel * s->along.kernel));
            expand(s, p->weights + o * row_bytes);
            for (int32_t i = 0; i < n; i++) {
                run_row(s, s->strip + (size_t)(i * a->stride) * s->pitch, s->pitch, &f, out + (size_t)(y + i) * a->out_step + o);
            }
        }
    }
}

void m7_depthwise_strips(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const plan_t s = plan(p, scratch);
    const size_t multiplier = p->out.c / p->in.c;
    for (size_t i = 0; i < p->in.c; i++) {
        channel(p, &s, multiplier, i * multiplier, in + i, out);
    }
}
