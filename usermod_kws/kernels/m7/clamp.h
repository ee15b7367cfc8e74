// Limits finished outputs to a range that is not the whole of int8; most networks have none that is.
#ifndef KWS_M7_CLAMP_H
#define KWS_M7_CLAMP_H

#include <stddef.h>

#include "kernels/m7/simd.h"

static inline void m7_clamp(int8_t *out, size_t n, int32_t lo, int32_t hi) {
    if (lo == INT8_MIN && hi == INT8_MAX) {
        return;
    }
    const uint32_t least = (uint32_t)(lo & 0xff) * 0x01010101u, most = (uint32_t)(hi & 0xff) * 0x01010101u;
    for (; n >= 4; n -= 4, out += 4) { // SSUB8 sets a flag a byte where the first is not less, SEL chooses by it
        uint32_t x = m7_load(out), unused;
        __asm__("ssub8 %1, %0, %2\n\tsel %0, %0, %2\n\tssub8 %1, %3, %0\n\tsel %0, %0, %3"
                : "+r"(x), "=&r"(unused)
                : "r"(least), "r"(most));
        m7_store(out, x);
    }
    for (; n > 0; n--, out++) {
        int32_t x = *out;
        *out = (int8_t)(x < lo ? lo : x > hi ? hi : x);
    }
}

#endif
