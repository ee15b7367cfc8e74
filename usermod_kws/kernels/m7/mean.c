// Mean over height, width or both; over the channels the reference serves.
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/sums.h"

void kws_mean_m7(const kws_mean_t *p, const int8_t *in, int8_t *out) {
    const size_t c = p->in.c, row = (size_t)p->in.w * c;
    if ((p->axes & KWS_AXIS_C) != 0 || c < 4) {
        kws_mean_c(p, in, out);
        return;
    }
    const size_t rows = p->axes & KWS_AXIS_H ? p->in.h : 1, columns = p->axes & KWS_AXIS_W ? p->in.w : 1;
    const uint32_t offset = (uint32_t)p->in_zero * (uint32_t)(rows * columns);
    for (size_t y = 0; y < p->in.h; y += rows) {
        for (size_t x = 0; x < p->in.w; x += columns, out += c) {
            const int8_t *px = in + y * row + x * c;
            int32_t sums[16];
            for (size_t first = 0, n; first < c; first += n) {
                n = m7_sum_channels(px, rows, columns, row, c, &first, sums);
                for (size_t i = 0; i < n; i++) {
                    int32_t centred = (int32_t)((uint32_t)sums[i] - offset);
                    int32_t q = fx_add_wrap(fx_requantise_wide(centred, p->mult, p->shift), p->out_zero);
                    out[first + i] = (int8_t)fx_clamp(q, p->out_min, p->out_max);
                }
            }
        }
    }
}
