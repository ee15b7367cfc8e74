// Parametric relu: what is negative is multiplied by alpha, which may differ from element to element.
#include "fixed.h"
#include "kernels/broadcast.h"

void kws_prelu_c(const kws_prelu_t *p, const int8_t *in, const int8_t *alpha, int8_t *out) {
    kws_steps_t s = kws_steps(p->alpha);
    for (size_t y = 0; y < p->in.h; y++) {
        for (size_t x = 0; x < p->in.w; x++, in += p->in.c, out += p->in.c) {
            const int8_t *a = alpha + y * s.h + x * s.w;
            for (size_t k = 0; k < p->in.c; k++, a += s.c) {
                int32_t v = in[k] - p->in_zero;
                int32_t q = v >= 0 ? fx_requantise(v, p->pos_mult, p->pos_shift)
                                   : fx_requantise(v * (*a - p->alpha_zero), p->neg_mult, p->neg_shift);
                out[k] = (int8_t)fx_clamp(fx_add_wrap(q, p->out_zero), INT8_MIN, INT8_MAX);
            }
        }
    }
}
