// Every rounding and saturation rule of the integer core, one inline function a rule. SPEC.md defines them; a
// kernel never spells one out by hand. All are total: no argument is undefined behaviour unless said so.
// Right shifts of negative integers are arithmetic on every compiler that Hark supports (gcc, clang); a test checks.
#ifndef KWS_FIXED_H
#define KWS_FIXED_H

#include <stdint.h>

// Saturate to int8: [-128, 127].
static inline int8_t fx_sat8(int32_t x) {
    return (int8_t)(x > INT8_MAX ? INT8_MAX : x < INT8_MIN ? INT8_MIN : x);
}

// Saturate to int16: [-32768, 32767].
static inline int16_t fx_sat16(int32_t x) {
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

// Upper word of the 64-bit sum a*b + c*d, rounded towards minus infinity. The sum must fit in int64, which it does
// unless all four are -2^31. SMULL + SMLAL on Arm, and the low word is then free.
static inline int32_t fx_dot2_hi(int32_t a, int32_t b, int32_t c, int32_t d) {
    return (int32_t)(((int64_t)a * b + (int64_t)c * d) >> 32);
}

// Upper word of a*a + b*b, unsigned: at most 2^31, for any arguments.
static inline uint32_t fx_norm2_hi(int32_t a, int32_t b) {
    return (uint32_t)(((uint64_t)((int64_t)a * a) + (uint64_t)((int64_t)b * b)) >> 32);
}

// Shift left without undefined behaviour for negative x; bits that leave the word are lost. n in [0, 31].
static inline int32_t fx_shl(int32_t x, unsigned n) {
    return (int32_t)((uint32_t)x << n);
}

// The bits of |x| (of |x| - 1 for a negative x): ORed over a block they give its headroom.
static inline uint32_t fx_magnitude_bits(int32_t x) {
    return (uint32_t)(x ^ (x >> 31));
}

// Leading zeros; x must not be 0.
static inline unsigned fx_clz32(uint32_t x) {
    return (unsigned)__builtin_clz(x);
}

// Shift right by n in [1, 62], to nearest, ties towards plus infinity.
static inline int64_t fx_shr_round64(int64_t x, unsigned n) {
    return (x + ((int64_t)1 << (n - 1))) >> n;
}

// Shift right by n in [1, 30], to nearest, ties towards plus infinity. x + 2^(n-1) must fit in int32.
static inline int32_t fx_shr_round32(int32_t x, unsigned n) {
    return (x + ((int32_t)1 << (n - 1))) >> n;
}

// ---- Quantised networks: TensorFlow Lite's rules ----

// x limited to [lo, hi]; lo <= hi.
static inline int32_t fx_clamp(int32_t x, int32_t lo, int32_t hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

// x + y modulo 2^32; defined on overflow, unlike the operator.
static inline int32_t fx_add_wrap(int32_t x, int32_t y) {
    return (int32_t)((uint32_t)x + (uint32_t)y);
}

// a * b / 2^31 to nearest, ties towards plus infinity. Equal to gemmlowp's SaturatingRoundingDoublingHighMul but for
// a = b = INT32_MIN, which callers exclude.
static inline int32_t fx_mul_q31(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

// x / 2^n to nearest, ties away from zero, for every x (gemmlowp's RoundingDivideByPOT). n in [0, 31].
static inline int32_t fx_div_pot(int32_t x, int32_t n) {
    int32_t mask = (int32_t)(((uint32_t)1 << n) - 1);
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> n) + ((x & mask) > threshold);
}

// x / n to nearest, ties away from zero. n >= 1.
static inline int32_t fx_div_round(int32_t x, int32_t n) {
    uint32_t magnitude = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    uint32_t quotient = (magnitude + (uint32_t)n / 2) / (uint32_t)n;
    return (int32_t)(x < 0 ? 0u - quotient : quotient);
}

// x * mult * 2^(shift - 31) with two roundings (TensorFlow Lite's convolutions, relu). mult >= 0, shift in [-31, 30];
// for shift < 0, |x| < 2^30; for shift > 0 the product x * 2^shift wraps. The first rounding is fx_mul_q31 in the form
// that Arm's SMMULR has, the second is fx_div_pot without its compare.
static inline int32_t fx_requantise(int32_t x, int32_t mult, int32_t shift) {
    if (shift >= 0) {
        return fx_mul_q31(fx_shl(x, (unsigned)shift), mult);
    }
    int32_t high = (int32_t)(((int64_t)fx_shl(x, 1) * mult + ((int64_t)1 << 31)) >> 32);
    return (((high + (high >> 31)) >> (-shift - 1)) + 1) >> 1;
}

// The same for every x.
static inline int32_t fx_requantise_wide(int32_t x, int32_t mult, int32_t shift) {
    return shift >= 0 ? fx_requantise(x, mult, shift) : fx_div_pot(fx_mul_q31(x, mult), -shift);
}

// The same with one rounding, ties towards plus infinity: fully connected layers, whose multipliers are chosen for it.
// mult >= 0, shift in [-31, 30]; a result outside of int32 wraps.
static inline int32_t fx_requantise_once(int32_t x, int32_t mult, int32_t shift) {
    return (int32_t)(((int64_t)x * mult + ((int64_t)1 << (30 - shift))) >> (31 - shift));
}

// Requantises an accumulator into an output's int8 domain: [lo, hi] lies within [-128, 127].
static inline int8_t fx_requantise_int8(int32_t acc, int32_t mult, int32_t shift, int32_t zero, int32_t lo,
                                        int32_t hi) {
    return (int8_t)fx_clamp(fx_add_wrap(fx_requantise(acc, mult, shift), zero), lo, hi);
}

#endif
