#include "fixed.h"
#include "frontend/stages.h"

typedef struct __attribute__((packed, may_alias)) {
    uint32_t word;
} any_t;

// Two products a SMLALD, two coefficients a pass. Rows of an odd number of bands lie at odd half-words: LDR may.
typedef struct {
    uint32_t low;
    int32_t high;
} sum_t;

static inline void add_two(sum_t *sum, uint32_t x, uint32_t w) {
    __asm__("smlald %0, %1, %2, %3" : "+r"(sum->low), "+r"(sum->high) : "r"(x), "r"(w));
}

static inline int16_t finish(sum_t sum, unsigned shift) {
    const int64_t whole = (int64_t)((uint64_t)(uint32_t)sum.high << 32 | sum.low);
    return fx_sat16((int32_t)fx_shr_round64(whole, shift));
}

void kws_dct(const int16_t *logmel, const int16_t *dct, unsigned n_mels, unsigned n_dct, unsigned shift, int16_t *out) {
    const int16_t *const pairs_end = logmel + (n_mels & ~1u);
    for (; n_dct > 0; dct += n_mels) {
        // The last of an odd number of coefficients is computed twice.
        const int16_t *w0 = dct, *w1 = n_dct > 1 ? dct + n_mels : dct, *x = logmel;
        sum_t s0 = {0, 0}, s1 = {0, 0};
#pragma GCC unroll 4
        for (; x < pairs_end; x += 2, w0 += 2, w1 += 2) {
            const uint32_t pair = ((const any_t *)x)->word;
            add_two(&s0, pair, ((const any_t *)w0)->word);
            add_two(&s1, pair, ((const any_t *)w1)->word);
        }
        if ((n_mels & 1) != 0) {
            const uint32_t one = (uint16_t)*x;
            add_two(&s0, one, (uint16_t)*w0);
            add_two(&s1, one, (uint16_t)*w1);
        }
        *out++ = finish(s0, shift);
        if (n_dct == 1) {
            return;
        }
        *out++ = finish(s1, shift);
        dct += n_mels;
        n_dct -= 2;
    }
}
