// Products for any 64-bit Arm.
#ifndef KWS_A64_DOT_H
#define KWS_A64_DOT_H

#include <arm_neon.h>
#include <stddef.h>

// Sixteen products added to four sums. `in_pairs`: two products are added in 16 bits first, which overflows only where
// both are (-128)^2: no weight may be -128 then.
static inline int32x4_t a64_dot16(int32x4_t sum, int8x16_t x, int8x16_t w, int in_pairs) {
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
    if (in_pairs) {
        return vpadalq_s16(sum, vmlal_high_s8(low, x, w));
    }
    return vpadalq_s16(vpadalq_s16(sum, low), vmull_high_s8(x, w));
}

// Whether none of n weights is -128; n is a multiple of 4.
static inline int a64_in_pairs(const int8_t *w, size_t n) {
    int8x16_t least = vdupq_n_s8(0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        least = vminq_s8(least, vld1q_s8(w + i));
    }
    int yes = vminvq_s8(least) > -128;
    for (; i < n; i++) {
        yes &= w[i] > -128;
    }
    return yes;
}

#endif
