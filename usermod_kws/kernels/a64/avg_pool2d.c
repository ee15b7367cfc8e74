// Average pooling, eight channels at a time.
#include <arm_neon.h>

#include "fixed.h"
#include "kernels/a64/a64.h"
#include "kernels/pool.h"

#define LANES 8

typedef struct {
    int32x4_t low, high;
} sums_t;

static inline sums_t sum_window(const kws_pool_t *p, kws_pool_span_t s, const int8_t *in) {
    const size_t c = p->in.c, row = (size_t)p->in.w * c;
    sums_t sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t y = s.y0; y < s.y1; y++) {
        const int8_t *x = in + (size_t)y * row + (size_t)s.x0 * c;
        for (int32_t n = s.x1 - s.x0; n > 0; n--, x += c) {
            int16x8_t v = vmovl_s8(vld1_s8(x));
            sums = (sums_t){vaddw_s16(sums.low, vget_low_s16(v)), vaddw_high_s16(sums.high, v)};
        }
    }
    return sums;
}

static inline void finish(const kws_pool_t *p, sums_t sums, int32_t count, int8_t *out) {
    int32_t sum[LANES];
    vst1q_s32(sum, sums.low);
    vst1q_s32(sum + 4, sums.high);
    for (int k = 0; k < LANES; k++) {
        out[k] = (int8_t)fx_clamp(fx_div_round(sum[k], count), p->out_min, p->out_max);
    }
}

void kws_avg_pool2d_neon(const kws_pool_t *p, const int8_t *in, int8_t *out) {
    const size_t c = p->in.c;
    if (c < LANES) {
        kws_avg_pool2d_c(p, in, out);
        return;
    }
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++, out += c) {
            kws_pool_span_t s = kws_pool_span(p, oy, ox);
            const int32_t count = (s.y1 - s.y0) * (s.x1 - s.x0);
            for (size_t i = 0; i < c; i += LANES) {
                const size_t k = i + LANES <= c ? i : c - LANES;
                finish(p, sum_window(p, s, in + k), count, out + k);
            }
        }
    }
}
