// Four channels of the input, side by side in memory, into four planes of 16-bit values, two pixels a word.
#ifndef KWS_M7_SPLIT_H
#define KWS_M7_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/m7/simd.h"

// Writes `count` words of each plane, `step` words apart: pixel px and the one `pair` bytes behind it; then px goes on by
// `next` bytes. left, right: whether that pixel of the pairs lies inside the input; if not it is `zero`, four bytes
// alike. plane_words: from plane to plane.
static inline __attribute__((always_inline)) void m7_split(const int8_t *px, size_t pair, size_t next, bool left, bool right,
                                                           uint32_t zero, uint32_t *plane, size_t step, size_t plane_words,
                                                           size_t count) {
#pragma GCC unroll 2
    for (uint32_t *const end = plane + count * step; plane != end; px += next, plane += step) {
        uint32_t a = left ? m7_load(px) : zero, b = right ? m7_load(px + pair) : zero;
        uint32_t first = m7_pack_low(a, b), second = m7_pack_high(a, b);
        plane[0] = m7_sxtb16(first);
        plane[plane_words] = m7_sxtb16_odd(first);
        plane[2 * plane_words] = m7_sxtb16(second);
        plane[3 * plane_words] = m7_sxtb16_odd(second);
    }
}

static inline uint32_t m7_halves(int32_t zero) {
    return (uint32_t)(zero & 0xffff) * 0x10001u;
}

static inline uint32_t m7_bytes(int32_t zero) {
    return (uint32_t)(zero & 0xff) * 0x1010101u;
}

#endif
