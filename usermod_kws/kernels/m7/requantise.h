// TensorFlow Lite's requantisation of a convolution's sum in three instructions, for sums that were accumulated
// doubled (weights and bias times 2; kernels.h keeps them within 31 bits):
//
//     SMMULR v, sum2, mult        first rounding: v = sum * mult / 2^31 to nearest, ties upwards
//     SMMLAR y, v, scale, zero    second rounding: y = zero + v / 2^n to nearest, ties away from zero; n = -shift
//     SSAT   y, #8, y
//
// SMMLAR rounds ties upwards. scale = 2^(32 - n) + 1 tips them: it adds v / 2^32 to the quotient, which has v's sign
// and moves a tie away from zero, and it moves nothing else while |v| < 2^(32 - n), because the quotient's fraction is a
// multiple of 2^-n. Where |v| is larger and n <= 11, y is beyond 2^10 either way and saturates.
#ifndef KWS_M7_REQUANTISE_H
#define KWS_M7_REQUANTISE_H

#include <stdbool.h>
#include <stdint.h>

#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/m7/simd.h"

typedef struct {
    int32_t mult, scale, zero;
} m7_requantise_t;

// Whether the three instructions are exact for a channel, and their constants. products: summed in the channel; then
// |v| <= |sum| < |bias| + 2^15 * products.
static inline bool m7_requantise_fast(m7_requantise_t *r, const kws_channel_t *ch, int32_t zero, uint32_t products) {
    int32_t n = -ch->shift;
    if (n < 2) {
        return false;
    }
    r->mult = ch->mult;
    r->scale = (int32_t)(UINT32_C(1) << (32 - n)) + 1;
    r->zero = zero;
    if (n <= 11) {
        return true;
    }
    uint32_t bound = (uint32_t)(ch->bias < 0 ? -ch->bias : ch->bias) + (products << 15);
    return bound < UINT32_C(1) << (32 - n);
}

static inline int8_t m7_requantise(const m7_requantise_t *r, int32_t sum2) {
    return (int8_t)m7_ssat8(m7_smmlar(m7_smmulr(sum2, r->mult), r->scale, r->zero));
}

#endif
