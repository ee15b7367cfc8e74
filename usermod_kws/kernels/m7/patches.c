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
    uint32_t step = 2 * rows;
    for (uint32_t i = 0; i < rows; i++, in += stride, x += 2) {
        uint32_t *to = m7_widen_words(x, step, in, bytes / 4);
        if (bytes % 4 != 0) {
            m7_widen(to, load_part(in + (bytes & ~3u), bytes % 4));
        }
    }
}

#define BUFFER 256
#define SHORT 32 // bytes below which a run is copied, not widened from where it lies

// Takes a patch in runs of bytes and widens them when there are enough. Runs are copied in whole words, so that up to
// three bytes behind the last one are written; the next run overwrites them.
typedef struct {
    uint32_t *to;      // the next group of the pixel
    size_t step;
    const int8_t *end; // of the input, behind which nothing may be read
    uint32_t zeros;    // four zero points
    int32_t fill;
    uint32_t buffer[BUFFER / 4 + 1];
} writer_t;

// Widens all whole words.
static void flush(writer_t *w) {
    int8_t *buffer = (int8_t *)w->buffer;
    w->to = m7_widen_words(w->to, w->step, buffer, (uint32_t)w->fill / 4);
    m7_store(buffer, m7_load(buffer + (w->fill & ~3)));
    w->fill &= 3;
}

// 1..BUFFER - 3 bytes.
static inline void put_short(writer_t *w, const int8_t *from, int32_t n) {
    if (w->fill + n > BUFFER) {
        flush(w);
    }
    int8_t *to = (int8_t *)w->buffer + w->fill;
    w->fill += n;
    for (; n > 3; n -= 4, from += 4, to += 4) {
        m7_store(to, m7_load(from));
    }
    if (n > 0) {
        m7_store(to, w->end - from >= 4 ? m7_load(from) : load_part(from, (uint32_t)n));
    }
}

static void put_long(writer_t *w, const int8_t *from, int32_t n) {
    if (w->fill >= 4) {
        flush(w);
    }
    if (w->fill == 0) {
        w->to = m7_widen_words(w->to, w->step, from, (uint32_t)n / 4);
        from += n & ~3;
        n &= 3;
    }
    for (int32_t part; n > 0; n -= part, from += part) {
        part = n < BUFFER / 2 ? n : BUFFER / 2;
        put_short(w, from, part);
    }
}

static inline void put(writer_t *w, const int8_t *from, int32_t n) {
    if (n < SHORT) {
        put_short(w, from, n);
    } else {
        put_long(w, from, n);
    }
}

static __attribute__((noinline)) void put_zeros(writer_t *w, int32_t n) {
    for (int32_t part; n > 0; n -= part) {
        part = n < BUFFER / 2 ? n : BUFFER / 2;
        if (w->fill + part > BUFFER) {
            flush(w);
        }
        int8_t *to = (int8_t *)w->buffer + w->fill;
        w->fill += part;
        for (int32_t i = 0; i < part; i += 4) {
            m7_store(to + i, w->zeros);
        }
    }
}

// A kernel's row in a row of the input: n bytes, of which `left` and `right` lie outside.
typedef struct {
    int32_t n, left, right;
} span_t;

// Zero points: `bytes` of each of `rows` rows that lie n apart.
static void put_margin(int8_t *to, int32_t n, int32_t rows, int32_t bytes, int8_t zero) {
    for (; bytes > 0; bytes--, to++) {
        int8_t *at = to;
        for (int32_t row = rows; row > 0; row--, at += n) {
            *at = zero;
        }
    }
}

// Short rows, all at once and word by word: first the end of each, which writes up to three bytes behind it, then its
// whole words, and last the zero points beside it.
static void put_block(writer_t *w, const int8_t *from, size_t step, span_t s, int32_t rows) {
    int8_t *const first = (int8_t *)w->buffer + w->fill, *to = first + s.left;
    int32_t inside = s.n - s.left - s.right, whole = inside & ~3;
    w->fill += s.n * rows;
    if (inside > whole) {
        const int8_t *in = from + whole, *const last = w->end - 4;
        int8_t *at = to + whole;
        for (int32_t row = rows; row > 0; row--, in += step, at += s.n) {
            m7_store(at, in <= last ? m7_load(in) : load_part(in, (uint32_t)(inside - whole)));
        }
    }
    for (; whole > 0; whole -= 4, from += 4, to += 4) {
        const int8_t *in = from;
        int8_t *at = to;
        for (int32_t row = rows; row > 0; row--, in += step, at += s.n) {
            m7_store(at, m7_load(in));
        }
    }
    put_margin(first, s.n, rows, s.left, (int8_t)w->zeros);
    put_margin(first + s.n - s.right, s.n, rows, s.right, (int8_t)w->zeros);
}

// Kernel rows without dilation in width: one run each, but for what lies left and right of the input.
static __attribute__((noinline)) void put_rows(writer_t *w, const kws_linear_t *p, const m7_kernel_rows_t *rows, int32_t x) {
    int32_t c = p->in.c, row = p->in.w * c, n = p->window.kernel_w * c;
    size_t step = p->window.dilation_h * (size_t)row; // does not matter, and may not fit, when there is no second row
    int32_t over = x * c + n - row;
    span_t s = {n, x < 0 ? -x * c : 0, over > 0 ? over : 0};
    int32_t inside = n - s.left - s.right;
    const int8_t *from = rows->first + (x * c + s.left);
    if ((size_t)n == step && inside == n) {
        put(w, from, inside * rows->inside);
    } else if (n < SHORT && w->fill + n * rows->inside <= BUFFER) {
        put_block(w, from, step, s, rows->inside);
    } else {
        for (int32_t i = rows->inside; i > 0; i--, from += step) {
            put_zeros(w, s.left);
            put(w, from, inside);
            put_zeros(w, s.right);
        }
    }
}

static __attribute__((noinline)) void put_taps(writer_t *w, const kws_linear_t *p, const m7_kernel_rows_t *rows, int32_t x) {
    int32_t c = p->in.c;
    size_t step = p->window.dilation_h * ((size_t)p->in.w * p->in.c);
    const int8_t *row = rows->first;
    for (int32_t i = rows->inside; i > 0; i--, row += step) {
        int32_t column = x;
        for (int32_t j = p->window.kernel_w; j > 0; j--, column += p->window.dilation_w) {
            if (column < 0 || column >= p->in.w) {
                put_zeros(w, c);
            } else {
                put(w, row + column * c, c);
            }
        }
    }
}

void m7_patches(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels) {
    if (m7_patches_narrow_take(p)) {
        m7_patches_narrow(x, p, in, first, pixels);
        return;
    }
    const kws_window_t *window = &p->window;
    int32_t row_bytes = window->kernel_w * p->in.c;
    writer_t w;
    w.step = 2 * pixels;
    w.end = in + kws_shape_bytes(p->in);
    w.zeros = (uint32_t)(uint8_t)p->in_zero * UINT32_C(0x01010101);
    uint32_t y = first / p->out.w, column = first % p->out.w;
    for (uint32_t i = 0; i < pixels; y++, column = 0) {
        m7_kernel_rows_t rows = m7_kernel_rows(p, in, (int32_t)(y * window->stride_h) - window->pad_top);
        int32_t left = (int32_t)(column * window->stride_w) - window->pad_left;
        for (; column < p->out.w && i < pixels; column++, i++, x += 2, left += window->stride_w) {
            w.to = x;
            w.fill = 0;
            if (rows.above > 0) {
                put_zeros(&w, rows.above * row_bytes);
            }
            if (window->dilation_w == 1) {
                put_rows(&w, p, &rows, left);
            } else {
                put_taps(&w, p, &rows, left);
            }
            if (rows.below > 0) {
                put_zeros(&w, rows.below * row_bytes);
            }
            w.fill += 3;
            flush(&w);
        }
    }
}
