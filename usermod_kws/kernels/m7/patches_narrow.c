#include "kernels/m7/patches.h"

// A word moved by `up` and `down` bits, one of which is 0, and filled.
typedef struct {
    uint32_t up, down, fill;
} shift_t;

bool m7_patches_narrow_take(const kws_linear_t *p) {
    return p->window.dilation_w == 1 && p->window.kernel_w * p->in.c == 4 && p->in.w * p->in.c >= 4;
}

static uint32_t *put(uint32_t *to, uint32_t step, uint32_t even, uint32_t odd, int32_t n) {
    for (; n > 0; n--, to += step) {
        m7_store_two(to, even, odd);
    }
    return to;
}

static inline uint32_t *put_shifted(uint32_t *to, uint32_t step, const int8_t *from, size_t row, int32_t n, shift_t s) {
    do {
        uint32_t word = m7_load(from);
        from += row;
        word = s.up ? word << s.up : word >> s.down;
        m7_widen(to, word | s.fill);
        to += step;
    } while (--n > 0);
    return to;
}

static uint32_t *put_rows(uint32_t *to, uint32_t step, const int8_t *from, size_t row, int32_t n) {
    for (; n >= 2; n -= 2) {
        uint32_t a = m7_load(from);
        from += row;
        uint32_t b = m7_load(from);
        from += row;
        m7_widen(to, a);
        to += step;
        m7_widen(to, b);
        to += step;
    }
    if (n > 0) {
        m7_widen(to, m7_load(from));
        to += step;
    }
    return to;
}

void m7_patches_narrow(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels) {
    uint32_t y = first / p->out.w, column = first % p->out.w, step = 2 * pixels;
    uint32_t zeros = (uint32_t)(uint8_t)p->in_zero * UINT32_C(0x01010101), outside[2];
    m7_widen(outside, zeros);
    int32_t c = p->in.c, row = p->in.w * c, stride = p->window.stride_w * c;
    size_t row_step = (size_t)p->window.dilation_h * (size_t)row;
    for (uint32_t i = 0; i < pixels; y++, column = 0) {
        m7_kernel_rows_t rows = m7_kernel_rows(p, in, (int32_t)(y * p->window.stride_h) - p->window.pad_top);
        int32_t begin = (int32_t)column * stride - p->window.pad_left * c;
        for (; column < p->out.w && i < pixels; column++, i++, x += 2, begin += stride) {
            uint32_t *to = put(x, step, outside[0], outside[1], rows.above);
            if (rows.inside > 0) {
                // What lies outside is shifted in: the word is loaded from the row's end.
                if (begin < 0) {
                    uint32_t up = (uint32_t)(-8 * begin);
                    to = put_shifted(to, step, rows.first, row_step, rows.inside, (shift_t){up, 0, zeros >> (32 - up)});
                } else if (begin > row - 4) {
                    uint32_t down = (uint32_t)(8 * (begin + 4 - row));
                    shift_t s = {0, down, zeros << (32 - down)};
                    to = put_shifted(to, step, rows.first + row - 4, row_step, rows.inside, s);
                } else {
                    to = put_rows(to, step, rows.first + begin, row_step, rows.inside);
                }
            }
            put(to, step, outside[0], outside[1], rows.below);
        }
    }
}
