// Average pooling: pixels outside the input do not count. The mean is rounded to nearest, halves away from zero.
#include "fixed.h"
#include "kernels/pool.h"

void kws_avg_pool2d_c(const kws_pool_t *p, const int8_t *in, int8_t *out) {
    size_t c = p->in.c, row = (size_t)p->in.w * c;
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++) {
            kws_pool_span_t s = kws_pool_span(p, oy, ox);
            int32_t count = (s.y1 - s.y0) * (s.x1 - s.x0);
            for (size_t k = 0; k < c; k++) {
                int32_t sum = 0; // at most 2^24 pixels of -128
                for (int32_t y = s.y0; y < s.y1; y++) {
                    const int8_t *px = in + (size_t)y * row + (size_t)s.x0 * c + k;
                    for (int32_t x = s.x0; x < s.x1; x++, px += c) {
                        sum += *px;
                    }
                }
                *out++ = (int8_t)fx_clamp(fx_div_round(sum, count), p->out_min, p->out_max);
            }
        }
    }
}
