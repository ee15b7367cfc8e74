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

// Takes a patch in pieces of any length.
typedef struct {
    uint32_t *to; // the next group of the pixel
    uint32_t step;
    uint32_t word, bytes; // a group that is not whole yet: `bytes` of it, at the upper end of `word`
} writer_t;

static inline void put_byte(writer_t *w, int32_t value) {
    w->word = w->word >> 8 | (uint32_t)value << 24;
    if (++w->bytes == 4) {
        m7_widen(w->to, w->word);
        w->to += w->step;
        w->bytes = 0;
    }
}

static void put_bytes(writer_t *w, const int8_t *in, uint32_t bytes) {
    if (w->bytes == 0) {
        w->to = m7_widen_words(w->to, w->step, in, bytes / 4);
        in += bytes & ~3u;
        bytes &= 3;
    }
    for (; bytes > 0; bytes--) {
        put_byte(w, *in++);
    }
}

static void put_zero_bytes(writer_t *w, int32_t zero, uint32_t bytes) {
    if (w->bytes == 0) {
        uint32_t group[2];
        m7_widen(group, (uint32_t)(uint8_t)zero * UINT32_C(0x01010101));
        for (; bytes >= 4; bytes -= 4, w->to += w->step) {
            w->to[0] = group[0];
            w->to[1] = group[1];
        }
    }
    for (; bytes > 0; bytes--) {
        put_byte(w, zero);
    }
}

static inline void put_zeros(writer_t *w, int32_t zero, uint32_t bytes) {
    if (bytes > 0) {
        put_zero_bytes(w, zero, bytes);
    }
}

// A patch whose first pixel is in column x, without dilation in width: its rows are one run of bytes each, but for what
// lies outside.
static void put_rows(writer_t *w, const kws_linear_t *p, const m7_kernel_rows_t *rows, int32_t x) {
    int32_t c = p->in.c, row = p->in.w * c, bytes = p->window.kernel_w * c, step = p->window.dilation_h * row;
    int32_t begin = x * c, left = begin < 0 ? -begin : 0, right = begin + bytes > row ? begin + bytes - row : 0;
    const int8_t *from = rows->first + begin + left;
    put_zeros(w, p->in_zero, (uint32_t)(rows->above * bytes));
    if (bytes == step && left + right == 0) {
        put_bytes(w, from, (uint32_t)(rows->inside * bytes));
    } else {
        for (int32_t i = 0; i < rows->inside; i++, from += step) {
            put_zeros(w, p->in_zero, (uint32_t)left);
            put_bytes(w, from, (uint32_t)(bytes - left - right));
            put_zeros(w, p->in_zero, (uint32_t)right);
        }
    }
    put_zeros(w, p->in_zero, (uint32_t)(rows->below * bytes));
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
    if (m7_patches_narrow_take(p)) {
        m7_patches_narrow(x, p, in, first, pixels);
        return;
    }
    uint32_t y = first / p->out.w, column = first % p->out.w;
    for (uint32_t i = 0; i < pixels; y++, column = 0) {
        int32_t top = (int32_t)(y * window->stride_h) - window->pad_top;
        int32_t left = (int32_t)(column * window->stride_w) - window->pad_left;
        m7_kernel_rows_t rows = m7_kernel_rows(p, in, top);
        for (; column < p->out.w && i < pixels; column++, i++, x += 2, left += window->stride_w) {
            writer_t w = {x, 2 * pixels, 0, 0};
            if (window->dilation_w == 1) {
                put_rows(&w, p, &rows, left);
            } else {
                put_taps(&w, p, in, top, left);
            }
            if (w.bytes > 0) {
                m7_widen(w.to, w.word >> (32 - 8 * w.bytes));
            }
        }
    }
}
