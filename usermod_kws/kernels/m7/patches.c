#include "kernels/m7/patches.h"

// The last 1 to 3 bytes of a row; the weights behind them are 0, so the rest may be anything.
static uint32_t load_part(const int8_t *in, uint32_t bytes) {
    uint32_t word = (uint8_t)in[0];
    if (bytes > 1) {
        word |= (uint32_t)(uint8_t)in[1] << 8;
    }
    if (bytes > 2) {
        word |= (uint32_t)(uint8_t)in[2] << 16;
    }
    return word;
}

void m7_widen_rows(uint32_t *x, const int8_t *in, size_t stride, uint32_t rows, uint32_t bytes) {
    uint32_t words = bytes / 4, step = 2 * rows, row = 0;
    for (; row + 2 <= rows; row += 2, in += 2 * stride) {
        const int8_t *from = in;
        uint32_t *to = x + 2 * row;
        for (uint32_t i = 0; i < words; i++, from += 4, to += step) {
            uint32_t a = m7_load(from), b = m7_load(from + stride);
            m7_widen(to, a);
            m7_widen(to + 2, b);
        }
        if (bytes % 4 != 0) {
            m7_widen(to, load_part(from, bytes % 4));
            m7_widen(to + 2, load_part(from + stride, bytes % 4));
        }
    }
    if (row < rows) {
        uint32_t *to = x + 2 * row;
        for (uint32_t i = 0; i < words; i++, in += 4, to += step) {
            m7_widen(to, m7_load(in));
        }
        if (bytes % 4 != 0) {
            m7_widen(to, load_part(in, bytes % 4));
        }
    }
}

// Where the next group of a pixel goes.
typedef struct {
    uint32_t *to;
    uint32_t step;
    uint32_t word, bytes; // a group that is not whole yet: `bytes` of it, at the upper end of `word`
} writer_t;

static inline void put_word(writer_t *w, uint32_t word) {
    m7_widen(w->to, word);
    w->to += w->step;
}

static inline void put_byte(writer_t *w, int32_t value) {
    w->word = w->word >> 8 | (uint32_t)value << 24;
    if (++w->bytes == 4) {
        put_word(w, w->word);
        w->bytes = 0;
    }
}

static void put_bytes(writer_t *w, const int8_t *in, uint32_t bytes) {
    if (w->bytes == 0) {
        for (; bytes >= 4; bytes -= 4, in += 4) {
            put_word(w, m7_load(in));
        }
    }
    for (; bytes > 0; bytes--) {
        put_byte(w, *in++);
    }
}

static void put_zeros(writer_t *w, int32_t zero, uint32_t bytes) {
    uint32_t word = (uint32_t)(uint8_t)zero * UINT32_C(0x01010101);
    if (w->bytes == 0) {
        for (; bytes >= 4; bytes -= 4) {
            put_word(w, word);
        }
    }
    for (; bytes > 0; bytes--) {
        put_byte(w, zero);
    }
}

// What of a kernel's row lies left of the input, in it, and right of it, in bytes.
typedef struct {
    uint32_t left, inside, right;
    int32_t offset; // of the first byte inside, in the input's row
} span_t;

static span_t span_of(const kws_linear_t *p, int32_t x) {
    int32_t c = p->in.c, begin = x * c, end = begin + p->window.kernel_w * c, limit = p->in.w * c;
    int32_t from = begin < 0 ? 0 : begin, to = end > limit ? limit : end;
    return (span_t){(uint32_t)(from - begin), (uint32_t)(to - from), (uint32_t)(end - to), from};
}

// Kernel rows without dilation in width: one run of bytes each, but for what lies outside.
static void put_rows(writer_t *w, const kws_linear_t *p, const int8_t *in, int32_t y, int32_t x) {
    span_t span = span_of(p, x);
    uint32_t row = (uint32_t)p->in.w * p->in.c, bytes = (uint32_t)p->window.kernel_w * p->in.c;
    // One word a row that does not lie inside is shifted into its place, as first layers have it.
    int shifted = bytes == 4 && row >= 4;
    uint32_t zeros = (uint32_t)(uint8_t)p->in_zero * UINT32_C(0x01010101);
    uint32_t up = 8 * span.left, down = 8 * span.right;
    uint32_t fill = span.left ? zeros >> (32 - up) : span.right ? zeros << (32 - down) : 0;
    const int8_t *from = in + (span.right ? (int32_t)row - 4 : span.offset);
    shifted = shifted && (span.left == 0 || span.right == 0);
    for (int32_t i = 0; i < p->window.kernel_h; i++, y += p->window.dilation_h) {
        if (y < 0 || y >= p->in.h) {
            put_zeros(w, p->in_zero, bytes);
        } else if (shifted) {
            put_word(w, m7_load(from + (uint32_t)y * row) << up >> down | fill);
        } else {
            put_zeros(w, p->in_zero, span.left);
            put_bytes(w, in + (uint32_t)y * row + span.offset, span.inside);
            put_zeros(w, p->in_zero, span.right);
        }
    }
}

static void put_taps(writer_t *w, const kws_linear_t *p, const int8_t *in, int32_t y, int32_t x) {
    uint32_t c = p->in.c, row = (uint32_t)p->in.w * c;
    for (int32_t i = 0; i < p->window.kernel_h; i++, y += p->window.dilation_h) {
        int32_t column = x;
        for (int32_t j = 0; j < p->window.kernel_w; j++, column += p->window.dilation_w) {
            if (y < 0 || y >= p->in.h || column < 0 || column >= p->in.w) {
                put_zeros(w, p->in_zero, c);
            } else {
                put_bytes(w, in + (uint32_t)y * row + (uint32_t)column * c, c);
            }
        }
    }
}

void m7_patches(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels) {
    const kws_window_t *window = &p->window;
    uint32_t row = first / p->out.w, column = first % p->out.w;
    for (uint32_t i = 0; i < pixels; i++, x += 2) {
        writer_t w = {x, 2 * pixels, 0, 0};
        int32_t top = (int32_t)(row * window->stride_h) - window->pad_top;
        int32_t left = (int32_t)(column * window->stride_w) - window->pad_left;
        if (window->dilation_w == 1) {
            put_rows(&w, p, in, top, left);
        } else {
            put_taps(&w, p, in, top, left);
        }
        if (w.bytes > 0) {
            m7_widen(w.to, w.word >> (32 - 8 * w.bytes));
        }
        if (++column == p->out.w) {
            column = 0;
            row++;
        }
    }
}
