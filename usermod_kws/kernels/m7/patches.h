// The patches of pixels in the widened form of gemm.h.
#ifndef KWS_M7_PATCHES_H
#define KWS_M7_PATCHES_H

#include "kernels/m7/gemm.h"

// Rows of `bytes` int8, row after row at `stride`, widened into [kws_row_bytes(bytes) / 4][rows][2] words at x.
void m7_widen_rows(uint32_t *x, const int8_t *in, size_t stride, uint32_t rows, uint32_t bytes);

// The patches of output pixels first..first + pixels - 1 of a convolution, into [row / 4][pixels][2] words at x.
void m7_patches(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels);

// The same for kernels whose rows are one word, as first layers with one input channel have them.
bool m7_patches_narrow_take(const kws_linear_t *p);
void m7_patches_narrow(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels);

// Which rows of a kernel lie in the input: `above` rows do not, then `inside` rows do, from `first` on; with none inside
// `first` is the input's first row.
typedef struct {
    int32_t above, inside, below;
    const int8_t *first;
} m7_kernel_rows_t;

// y: the kernel's first row, in the input.
static inline m7_kernel_rows_t m7_kernel_rows(const kws_linear_t *p, const int8_t *in, int32_t y) {
    int32_t rows = p->window.kernel_h, dilation = p->window.dilation_h;
    int32_t above = y < 0 ? (dilation - 1 - y) / dilation : 0, end = (p->in.h - y + dilation - 1) / dilation;
    int32_t inside = (end < rows ? end : rows) - above;
    size_t row = (size_t)p->in.w * p->in.c, first = inside > 0 ? (size_t)(y + above * dilation) : 0;
    return (m7_kernel_rows_t){above, inside, rows - above - inside, in + first * row};
}

#endif
