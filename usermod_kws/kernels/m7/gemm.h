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

// Output channels first..end - 1.
typedef struct {
    uint32_t first, end;
} m7_channels_t;

static inline m7_channels_t m7_all_channels(const kws_linear_t *p) {
    return (m7_channels_t){0, p->out.c};
}

// x: [kws_row_bytes(products) / 4][pixels][2], 4-byte aligned. out: the first pixel's channel 0; the next pixel's lies
// p->out.c further. pixels: 1..M7_GEMM_PIXELS. Any parameters; those other than usual ones (no clamp, shifts -12..-2) go a
// slower way, channel by channel.
void m7_gemm(const kws_linear_t *p, m7_channels_t channels, uint32_t products, m7_rounding_t rounding, const uint32_t *x,
             uint32_t pixels, int8_t *out);

// Whether m7_gemm_blocks takes a convolution: rows of weights of at most 64 bytes, a multiple of 8, and no clamp.
bool m7_gemm_blocks_take(const kws_linear_t *p, uint32_t products);

// M7_ROUND_TWICE for blocks * M7_GEMM_PIXELS pixels at once; x has a block behind the other. The more blocks, the less
// is spent on unpacking the weights. usual: all channels' shifts are (m7_usual_channels), so nobody need look.
void m7_gemm_blocks(const kws_linear_t *p, uint32_t products, const uint32_t *x, uint32_t blocks, bool usual, int8_t *out);

// End of the run of channels from `first` on whose shifts are usual.
uint32_t m7_usual_channels(const kws_linear_t *p, uint32_t first);

// For one pixel whose patch is too long to be widened at once: adds the sums of products from..from + products - 1, of
// which x has the widened values, to sums[channel - channels.first]. Both are multiples of 4 but for the row's end.
void m7_gemm_part(const kws_linear_t *p, m7_channels_t channels, uint32_t from, uint32_t products, const uint32_t *x,
                  int32_t *sums);

// One STRD, which gcc makes two instructions of when it schedules others in between.
static inline void m7_store_two(uint32_t to[2], uint32_t a, uint32_t b) {
    __asm__("strd %2, %3, [%4]" : "=m"(to[0]), "=m"(to[1]) : "r"(a), "r"(b), "r"(to));
}

// Four products of a pixel into their place in a group.
static inline void m7_widen(uint32_t to[2], uint32_t bytes) {
    uint32_t even = m7_sxtb16(bytes), odd = m7_sxtb16_odd(bytes);
    m7_store_two(to, m7_add16(even, even), m7_add16(odd, odd));
}

// n words of a pixel, at any address, into groups that lie `step` words apart; returns where the next group goes.
uint32_t *m7_widen_words(uint32_t *to, uint32_t step, const int8_t *from, uint32_t n);

#endif
