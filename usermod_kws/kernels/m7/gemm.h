// The matrix product behind the convolutions and the fully connected layer: up to six pixels by all output channels.
//
// x holds the pixels' patches "widened": int16, doubled, in groups of four products. A group is [pixels][2 words], the
// first word products (0, 2), the second (1, 3): the order that SXTB16 gives, so that neither side is ever shuffled.
// Doubled, because then TensorFlow Lite's first rounding is one SMMULR (see requantise.h); kernels.h keeps the sums
// within 31 bits.
#ifndef KWS_M7_GEMM_H
#define KWS_M7_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "kernels/m7/simd.h"

#define M7_GEMM_PIXELS 6

typedef enum {
    M7_ROUND_TWICE, // fx_requantise
    M7_ROUND_ONCE,  // fx_requantise_once
} m7_rounding_t;

// x: [kws_row_bytes(products) / 4][pixels][2], 4-byte aligned. out: the first pixel's channels; the next pixel's lie
// p->out.c further. pixels: 1..M7_GEMM_PIXELS.
void m7_gemm(const kws_linear_t *p, uint32_t products, m7_rounding_t rounding, const uint32_t *x, uint32_t pixels,
             int8_t *out);

// Whether m7_gemm_blocks takes a convolution: rows of weights of at most 64 bytes, a multiple of 8, no clamp, usual shifts.
bool m7_gemm_blocks_take(const kws_linear_t *p, uint32_t products);

// The same for blocks * M7_GEMM_PIXELS pixels, M7_ROUND_TWICE; x has a block behind the other. The more blocks, the less
// is spent on unpacking the weights.
void m7_gemm_blocks(const kws_linear_t *p, uint32_t products, const uint32_t *x, uint32_t blocks, int8_t *out);

// Four products of a pixel into their place in a group.
static inline void m7_widen(uint32_t to[2], uint32_t bytes) {
    uint32_t even = m7_sxtb16(bytes), odd = m7_sxtb16_odd(bytes);
    to[0] = m7_add16(even, even);
    to[1] = m7_add16(odd, odd);
}

// n words of a pixel, at any address, into groups that lie `step` words apart; returns where the next group goes.
uint32_t *m7_widen_words(uint32_t *to, uint32_t step, const int8_t *from, uint32_t n);

#endif
