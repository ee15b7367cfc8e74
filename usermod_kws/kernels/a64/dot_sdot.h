// Products for processors with the dot product instructions (FEAT_DotProd). A file that includes this first is compiled
// for them and runs only where table.c has found them.
#ifndef KWS_A64_DOT_H
#define KWS_A64_DOT_H

#ifdef __clang__
#error "gcc compiles a file for another processor at its own request, clang does not: take gcc, or KWS_ARCH=c"
#endif
#pragma GCC target("arch=armv8.2-a+dotprod")

#include <arm_neon.h>
#include <stddef.h>

static inline int32x4_t a64_dot16(int32x4_t sum, int8x16_t x, int8x16_t w, int in_pairs) {
    (void)in_pairs;
    return vdotq_s32(sum, x, w);
}

static inline int a64_in_pairs(const int8_t *w, size_t n) {
    (void)w, (void)n;
    return 1;
}

#endif
