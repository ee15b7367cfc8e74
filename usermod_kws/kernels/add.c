// Sum or difference of two tensors with different scales. Both are brought to a common scale with 20 bits of headroom
// to round in, added, and requantised.
#include "fixed.h"
#include "kernels/broadcast.h"

#define HEADROOM_BITS 20

static inline int32_t rescale(int32_t x, int32_t mult, int32_t shift) {
    return fx_div_pot(fx_mul_q31(x, mult), -shift);
}

static inline int8_t one(const kws_binary_t *p, int32_t sign, int8_t x0, int8_t x1) {
    int32_t a = rescale(fx_shl(x0 - p->in0_zero, HEADROOM_BITS), p->in0_mult, p->in0_shift);
    int32_t b = rescale(fx_shl(x1 - p->in1_zero, HEADROOM_BITS), p->in1_mult, p->in1_shift);
    int32_t y = rescale(a + sign * b, p->out_mult, p->out_shift) + p->out_zero;
    return (int8_t)fx_clamp(y, p->out_min, p->out_max);
}

void kws_add_c(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    kws_steps_t s0 = kws_steps(p->in0), s1 = kws_steps(p->in1);
    const int32_t sign = p->subtract ? -1 : 1;
    for (size_t y = 0; y < p->out.h; y++) {
        for (size_t x = 0; x < p->out.w; x++, out += p->out.c) {
            const int8_t *a = in0 + y * s0.h + x * s0.w, *b = in1 + y * s1.h + x * s1.w;
            for (size_t k = 0; k < p->out.c; k++, a += s0.c, b += s1.c) {
                out[k] = one(p, sign, *a, *b);
            }
        }
    }
}
