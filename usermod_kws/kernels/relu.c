// relu, relu6 and any other clamp as a layer of its own: requantises and limits.
#include "fixed.h"
#include "kernels/kernels.h"

void kws_relu_c(const kws_relu_t *p, const int8_t *in, int8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = fx_requantise_int8(in[i] - p->in_zero, p->mult, p->shift, p->out_zero, p->out_min, p->out_max);
    }
}
