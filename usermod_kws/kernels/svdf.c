// Singular value decomposition filter, one frame a call: each filter's feature weights reduce the frame to one int16,
// its time weights weigh the newest `memory` of them, and a unit is the sum of `rank` filters and a bias.
#include <string.h>

#include "fixed.h"
#include "kernels/kernels.h"

// The newest value stands at the end of state.
static void push(const kws_svdf_t *p, const int8_t *in, const int8_t *feature, int16_t *state) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < p->inputs; i++) {
        sum += (in[i] - p->in_zero) * feature[i];
    }
    memmove(state, state + 1, (p->memory - 1) * sizeof(*state));
    state[p->memory - 1] = fx_sat16(fx_requantise(sum, p->feature_mult, p->feature_shift));
}

void kws_svdf_c(const kws_svdf_t *p, const int8_t *in, int8_t *out, int16_t *state, int32_t *scratch) {
    (void)scratch;
    const int8_t *feature = p->feature;
    const int16_t *time = p->time;
    for (uint32_t u = 0; u < p->units; u++) {
        int32_t sum = p->bias[u];
        for (uint32_t r = 0; r < p->rank; r++, feature += kws_row_bytes(p->inputs)) {
            push(p, in, feature, state);
            for (uint32_t t = 0; t < p->memory; t++) {
                sum = fx_add_wrap(sum, *time++ * *state++);
            }
        }
        int32_t y = fx_requantise_wide(sum, p->out_mult, p->out_shift);
        out[u] = (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
    }
}
