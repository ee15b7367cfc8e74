// The instructions of the Cortex-M7 that C has no words for; most work on pairs of int16 ("halves", low and high) in a word.
#ifndef KWS_M7_SIMD_H
#define KWS_M7_SIMD_H

#include <stdint.h>

typedef struct __attribute__((packed, may_alias)) {
    uint32_t word;
} m7_any_t;

// Any alignment: LDR, STR and LDRH may be unaligned on a Cortex-M7; LDRD, STRD and LDM may not.
static inline uint32_t m7_load(const void *p) {
    return ((const m7_any_t *)p)->word;
}

static inline void m7_store(void *p, uint32_t word) {
    ((m7_any_t *)p)->word = word;
}

// Bytes 0 and 2, sign-extended.
static inline uint32_t m7_sxtb16(uint32_t x) {
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
}

// Bytes 1 and 3.
static inline uint32_t m7_sxtb16_odd(uint32_t x) {
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
}

// acc's halves plus bytes 0 and 2.
static inline uint32_t m7_sxtab16(uint32_t acc, uint32_t x) {
    uint32_t y;
    __asm__("sxtab16 %0, %1, %2" : "=r"(y) : "r"(acc), "r"(x));
    return y;
}

// acc's halves plus bytes 1 and 3.
static inline uint32_t m7_sxtab16_odd(uint32_t acc, uint32_t x) {
    uint32_t y;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(y) : "r"(acc), "r"(x));
    return y;
}

// (low of a, low of b).
static inline uint32_t m7_pack_low(uint32_t a, uint32_t b) {
    uint32_t y;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

// (high of a, high of b).
static inline uint32_t m7_pack_high(uint32_t a, uint32_t b) {
    uint32_t y;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(y) : "r"(b), "r"(a));
    return y;
}

// (low of a, high of b).
static inline uint32_t m7_pack_low_high(uint32_t a, uint32_t b) {
    uint32_t y;
    __asm__("pkhbt %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

static inline uint32_t m7_add16(uint32_t a, uint32_t b) {
    uint32_t y;
    __asm__("sadd16 %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

// acc + low * low + high * high.
static inline int32_t m7_smlad(uint32_t a, uint32_t b, int32_t acc) {
    int32_t y;
    __asm__("smlad %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
}

// Upper word of a * b, rounded to nearest, ties upwards.
static inline int32_t m7_smmulr(int32_t a, int32_t b) {
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

// Upper word of high * 2^32 + a * b, rounded likewise.
static inline int32_t m7_smmlar(int32_t a, int32_t b, int32_t high) {
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(high));
    return sum;
}

// x limited to -128..127.
static inline int32_t m7_ssat8(int32_t x) {
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
}

#endif
