// The input pixels under one window as a row of [kernel_h][kernel_w][c], as the reference's patch.h, without a call for
// each few bytes.
#ifndef KWS_A64_PATCH_H
#define KWS_A64_PATCH_H

#include <string.h>

#include "kernels/kernels.h"

// A block of `rows` rows of n bytes. Two copies that may overlap are one of any length between theirs and its double.
static inline void a64_copy_rows(int8_t *to, size_t to_step, const int8_t *from, size_t from_step, size_t n,
                                 size_t rows) {
    const int8_t *const end = from + rows * from_step;
    if (n == to_step && n == from_step) {
        memcpy(to, from, n * rows);
    } else if (n > 16) {
        for (; from != end; from += from_step, to += to_step) {
            for (size_t k = 0; k + 16 <= n; k += 16) {
                memcpy(to + k, from + k, 16);
            }
            memcpy(to + n - 16, from + n - 16, 16);
        }
    } else if (n >= 8) {
        for (; from != end; from += from_step, to += to_step) {
            memcpy(to, from, 8);
            memcpy(to + n - 8, from + n - 8, 8);
        }
    } else if (n >= 4) {
        for (; from != end; from += from_step, to += to_step) {
            memcpy(to, from, 4);
            memcpy(to + n - 4, from + n - 4, 4);
        }
    } else if (n >= 2) {
        for (; from != end; from += from_step, to += to_step) {
            memcpy(to, from, 2);
            memcpy(to + n - 2, from + n - 2, 2);
        }
    } else {
        for (; from != end; from += from_step, to += to_step) {
            *to = *from;
        }
    }
}

// Taps [first, end) of a kernel along one axis lie inside the input.
typedef struct {
    int32_t first, end;
} a64_taps_t;

static inline a64_taps_t a64_taps(int32_t start, int32_t dilation, int32_t kernel, int32_t length) {
    int32_t end = (length - start + dilation - 1) / dilation;
    return (a64_taps_t){start < 0 ? (dilation - 1 - start) / dilation : 0, end < kernel ? end : kernel};
}

static inline void a64_patch_gather(int8_t *patch, const int8_t *in, kws_shape_t shape, const kws_window_t *w,
                                    int32_t zero, int32_t out_y, int32_t out_x) {
    int32_t y0 = out_y * w->stride_h - w->pad_top, x0 = out_x * w->stride_w - w->pad_left;
    a64_taps_t rows = a64_taps(y0, w->dilation_h, w->kernel_h, shape.h);
    a64_taps_t columns = a64_taps(x0, w->dilation_w, w->kernel_w, shape.w);
    size_t c = shape.c, row_bytes = w->kernel_w * c;
    if (rows.end - rows.first < w->kernel_h || columns.end - columns.first < w->kernel_w) {
        memset(patch, zero, w->kernel_h * row_bytes);
        if (rows.end <= rows.first || columns.end <= columns.first) {
            return; // no tap lies in the input
        }
    }
    const size_t y = (size_t)(y0 + rows.first * w->dilation_h), x = (size_t)(x0 + columns.first * w->dilation_w);
    const int8_t *from = in + (y * shape.w + x) * c;
    int8_t *to = patch + rows.first * row_bytes + columns.first * c;
    size_t in_step = w->dilation_h * (size_t)shape.w * c, n = rows.end - rows.first;
    if (w->dilation_w == 1) {
        a64_copy_rows(to, row_bytes, from, in_step, (columns.end - columns.first) * c, n);
        return;
    }
    for (int32_t j = columns.first; j < columns.end; j++, to += c, from += w->dilation_w * c) {
        a64_copy_rows(to, row_bytes, from, in_step, c, n);
    }
}

#endif
