// The patches of pixels in the widened form of gemm.h.
#ifndef KWS_M7_PATCHES_H
#define KWS_M7_PATCHES_H

#include "kernels/m7/gemm.h"

// Rows of `bytes` int8, row after row at `stride`, widened into [kws_row_bytes(bytes) / 4][rows][2] words at x.
void m7_widen_rows(uint32_t *x, const int8_t *in, size_t stride, uint32_t rows, uint32_t bytes);

// The patches of output pixels first..first + pixels - 1 of a convolution, into [row / 4][pixels][2] words at x.
void m7_patches(uint32_t *x, const kws_linear_t *p, const int8_t *in, uint32_t first, uint32_t pixels);

#endif
