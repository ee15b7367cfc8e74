// Mean over any of the three axes, requantised. The multiplier brings the division by the number of values with it.
#include "fixed.h"
#include "kernels/kernels.h"

void kws_mean_c(const kws_mean_t *p, const int8_t *in, int8_t *out) {
    const size_t step[3] = {(size_t)p->in.w * p->in.c, p->in.c, 1};
    const uint32_t n[3] = {p->in.h, p->in.w, p->in.c};
    uint32_t kept[3], summed[3], count = 1;
    for (int d = 0; d < 3; d++) {
        int reduced = (p->axes >> d) & 1;
        kept[d] = reduced ? 1 : n[d];
        summed[d] = reduced ? n[d] : 1;
        count *= summed[d];
    }
    for (uint32_t y = 0; y < kept[0]; y++) {
        for (uint32_t x = 0; x < kept[1]; x++) {
            for (uint32_t k = 0; k < kept[2]; k++) {
                const int8_t *first = in + y * step[0] + x * step[1] + k;
                int32_t sum = 0;
                for (uint32_t i = 0; i < summed[0]; i++) {
                    for (uint32_t j = 0; j < summed[1]; j++) {
                        const int8_t *v = first + i * step[0] + j * step[1];
                        for (uint32_t c = 0; c < summed[2]; c++) {
                            sum += v[c];
                        }
                    }
                }
                int32_t centred = (int32_t)((uint32_t)sum - (uint32_t)p->in_zero * count);
                int32_t q = fx_add_wrap(fx_requantise_wide(centred, p->mult, p->shift), p->out_zero);
                *out++ = (int8_t)fx_clamp(q, p->out_min, p->out_max);
            }
        }
    }
}
