// Average pooling, up to 16 channels of a window at a time.
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/sums.h"
#include "kernels/pool.h"

void kws_avg_pool2d_m7(const kws_pool_t *p, const int8_t *in, int8_t *out) {
    const size_t c = p->in.c, row = (size_t)p->in.w * c;
    if (c < 4) {
        kws_avg_pool2d_c(p, in, out);
        return;
    }
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++, out += c) {
            const kws_pool_span_t s = kws_pool_span(p, oy, ox);
            const size_t rows = (size_t)(s.y1 - s.y0), columns = (size_t)(s.x1 - s.x0);
            const int8_t *px = in + (size_t)s.y0 * row + (size_t)s.x0 * c;
            int32_t sums[16];
            for (size_t first = 0, n; first < c; first += n) {
                n = m7_sum_channels(px, rows, columns, row, c, &first, sums);
                for (size_t i = 0; i < n; i++) {
                    int32_t mean = fx_div_round(sums[i], (int32_t)(rows * columns));
                    out[first + i] = (int8_t)fx_clamp(mean, p->out_min, p->out_max);
                }
            }
        }
    }
}
