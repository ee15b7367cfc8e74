// Product of two tensors.
#include "fixed.h"
#include "kernels/broadcast.h"

void kws_mul_c(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    kws_steps_t s0 = kws_steps(p->in0), s1 = kws_steps(p->in1);
    for (size_t y = 0; y < p->out.h; y++) {
        for (size_t x = 0; x < p->out.w; x++, out += p->out.c) {
            const int8_t *a = in0 + y * s0.h + x * s0.w, *b = in1 + y * s1.h + x * s1.w;
            for (size_t k = 0; k < p->out.c; k++, a += s0.c, b += s1.c) {
                int32_t product = (*a - p->in0_zero) * (*b - p->in1_zero);
                out[k] = fx_requantise_int8(product, p->out_mult, p->out_shift, p->out_zero, p->out_min, p->out_max);
            }
        }
    }
}
