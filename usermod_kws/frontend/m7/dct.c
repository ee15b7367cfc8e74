#include <stdbool.h>

#include "fixed.h"
#include "frontend/stages.h"

// Two products a SMLALD, two coefficients and two pairs of bands a pass. Rows of an odd number of bands lie at odd
// half-words, and the last band of them goes alone; LDR may be unaligned.
typedef struct {
    uint32_t low;
    int32_t high;
} sum_t;

// Adds `bands` products, a multiple of 4 and not 0.
static inline void add_fours(sum_t *s0, sum_t *s1, const int16_t *x, const int16_t *w0, const int16_t *w1, unsigned bands) {
    uint32_t pair, a, b;
    __asm__ volatile("1:\n"
                     "ldr %7, [%4], #4\n ldr %8, [%5], #4\n ldr %9, [%6], #4\n"
                     "smlald %0, %1, %7, %8\n smlald %2, %3, %7, %9\n"
                     "ldr %7, [%4], #4\n ldr %8, [%5], #4\n ldr %9, [%6], #4\n"
                     "smlald %0, %1, %7, %8\n smlald %2, %3, %7, %9\n"
                     "subs %10, #4\n"
                     "bne 1b\n"
                     : "+r"(s0->low), "+r"(s0->high), "+r"(s1->low), "+r"(s1->high), "+r"(x), "+r"(w0), "+r"(w1),
                       "=&r"(pair), "=&r"(a), "=&r"(b), "+r"(bands)
                     :
                     : "cc", "memory");
}

static inline int16_t finish(sum_t sum, unsigned shift) {
    const int64_t whole = (int64_t)((uint64_t)(uint32_t)sum.high << 32 | sum.low);
    return fx_sat16((int32_t)fx_shr_round64(whole, shift));
}

static inline void add_one(sum_t *sum, int32_t x, int32_t w) {
    __asm__("smlalbb %0, %1, %2, %3" : "+r"(sum->low), "+r"(sum->high) : "r"(x), "r"(w));
}

void kws_dct(const int16_t *logmel, const int16_t *dct, unsigned n_mels, unsigned n_dct, unsigned shift, int16_t *out) {
    const unsigned fours = n_mels & ~3u;
    for (unsigned k = 0; k < n_dct; k += 2) {
        const bool last = k + 1 == n_dct; // then it is computed twice
        const int16_t *w0 = dct + k * n_mels, *w1 = last ? w0 : w0 + n_mels;
        sum_t s0 = {0, 0}, s1 = {0, 0};
        if (fours != 0) {
            add_fours(&s0, &s1, logmel, w0, w1, fours);
        }
        for (unsigned m = fours; m < n_mels; m++) {
            add_one(&s0, logmel[m], w0[m]);
            add_one(&s1, logmel[m], w1[m]);
        }
        out[k] = finish(s0, shift);
        if (!last) {
            out[k + 1] = finish(s1, shift);
        }
    }
}
