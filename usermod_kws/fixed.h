// Every rounding and saturation rule of the core, one inline function a rule. SPEC.md states them in formulas.
// Right shifts of negative numbers are arithmetic on every compiler that the project supports (checked below).
#ifndef KWS_FIXED_H
#define KWS_FIXED_H

#include <stdint.h>

typedef char kws_shift_is_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

static inline int32_t kws_clamp(int32_t x, int32_t lo, int32_t hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

// x * 2^n modulo 2^32; defined for negative x, unlike the operator. 0 <= n <= 31.
static inline int32_t kws_shift_left(int32_t x, int32_t n) {
    return (int32_t)((uint32_t)x << n);
}

// x + y modulo 2^32; defined on overflow, unlike the operator.
static inline int32_t kws_add_wrap(int32_t x, int32_t y) {
    return (int32_t)((uint32_t)x + (uint32_t)y);
}

// floor(a * b / 2^31 + 1/2). Equal to gemmlowp's SaturatingRoundingDoublingHighMul but for a = b = INT32_MIN,
// which callers exclude.
static inline int32_t kws_mul_high_q31(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

// x / 2^n, halves away from zero, for every x (gemmlowp's RoundingDivideByPOT). 0 <= n <= 31.
static inline int32_t kws_round_shift(int32_t x, int32_t n) {
    int32_t mask = (int32_t)((UINT32_C(1) << n) - 1);
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> n) + ((x & mask) > threshold);
}

// x * mult * 2^(shift - 31) with TensorFlow Lite's two roundings (MultiplyByQuantizedMultiplier).
// mult >= 0, -31 <= shift <= 30; for shift < 0, |x| < 2^30, which lets the second rounding do without a compare.
// For shift > 0 the product x * 2^shift wraps.
static inline int32_t kws_requantise(int32_t x, int32_t mult, int32_t shift) {
    if (shift >= 0) {
        return kws_mul_high_q31(kws_shift_left(x, shift), mult);
    }
    int32_t high = kws_mul_high_q31(x, mult);
    return (high + (INT32_C(1) << (-shift - 1)) + (high >> 31)) >> -shift;
}

// Requantises an accumulator and brings it into the output's int8 domain: [lo, hi] lies within [-128, 127].
static inline int8_t kws_requantise_int8(int32_t acc, int32_t mult, int32_t shift, int32_t zero, int32_t lo,
                                         int32_t hi) {
    return (int8_t)kws_clamp(kws_add_wrap(kws_requantise(acc, mult, shift), zero), lo, hi);
}

#endif
