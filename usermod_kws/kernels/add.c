// Elementwise sum of two tensors of one shape with different scales. Both are brought to a common scale with 20 bits
// of headroom to round in, added, and requantised.
#include "fixed.h"
#include "kernels/kernels.h"

#define HEADROOM_BITS 20

static inline int32_t rescale(int32_t x, int32_t mult, int32_t shift) {
    return fx_div_pot(fx_mul_q31(x, mult), -shift);
}

void kws_add_c(const kws_add_t *p, const int8_t *in0, const int8_t *in1, int8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int32_t a = fx_shl(in0[i] - p->in0_zero, HEADROOM_BITS);
        int32_t b = fx_shl(in1[i] - p->in1_zero, HEADROOM_BITS);
        int32_t sum = rescale(a, p->in0_mult, p->in0_shift) + rescale(b, p->in1_mult, p->in1_shift);
        int32_t y = rescale(sum, p->out_mult, p->out_shift) + p->out_zero;
        out[i] = (int8_t)fx_clamp(y, p->out_min, p->out_max);
    }
}
