// Average pooling of a stream; see the reference for the ring.
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/sums.h"
#include "kernels/pool.h"

// A new row of sums, of one window: into the running sums, and in the ring into the place of the oldest.
static void replace(int32_t *sums, int16_t *slot, const int32_t *row, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sums[i] += row[i] - slot[i];
        slot[i] = (int16_t)row[i];
    }
}

void kws_avg_pool_step_m7(const kws_pool_t *p, const int8_t *in, int8_t *out, void *state) {
    const size_t c = p->in.c, in_row = (size_t)p->in.w * c, row = (size_t)p->out.w * c;
    if (c < 4) {
        kws_avg_pool_step_c(p, in, out, state);
        return;
    }
    uint32_t *next = state;
    int32_t *sums = (int32_t *)state + 1;
    int16_t *ring = (int16_t *)(sums + row);
    for (int32_t y = 0; y < p->in.h; y++, in += in_row) {
        for (int32_t ox = 0; ox < p->out.w; ox++) {
            const kws_pool_span_t s = kws_pool_span(p, 0, ox);
            int32_t *to = sums + (size_t)ox * c, found[16];
            int16_t *slot = ring + *next * row + (size_t)ox * c;
            for (size_t first = 0, n; first < c; first += n) {
                const size_t done = first;
                n = m7_sum_channels(in + (size_t)s.x0 * c, 1, (size_t)(s.x1 - s.x0), in_row, c, &first, found);
                replace(to + done, slot + done, found + (done - first), n - (done - first));
            }
        }
        *next = *next + 1 == p->window.kernel_h ? 0 : *next + 1;
    }
    for (int32_t ox = 0; ox < p->out.w; ox++) {
        const kws_pool_span_t s = kws_pool_span(p, 0, ox);
        const int32_t count = p->window.kernel_h * (s.x1 - s.x0);
        for (size_t i = 0; i < c; i++) {
            *out++ = (int8_t)fx_clamp(fx_div_round(*sums++, count), p->out_min, p->out_max);
        }
    }
}
