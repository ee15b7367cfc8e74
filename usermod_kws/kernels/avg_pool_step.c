// Average pooling over the newest kernel_h rows of a stream: the sums of a row's windows are computed once, kept in a
// ring, and added to running sums when they come and taken away when they go.
#include "fixed.h"
#include "kernels/pool.h"

void kws_avg_pool_step_c(const kws_pool_t *p, const int8_t *in, int8_t *out, void *state) {
    const kws_window_t *w = &p->window;
    size_t c = p->in.c, row = (size_t)p->out.w * c;
    uint32_t *next = state;
    int32_t *sums = (int32_t *)state + 1;
    int16_t *ring = (int16_t *)(sums + row);
    for (int32_t y = 0; y < p->in.h; y++, in += (size_t)p->in.w * c) {
        int16_t *slot = ring + *next * row;
        for (int32_t ox = 0; ox < p->out.w; ox++) {
            kws_pool_span_t s = kws_pool_span(p, 0, ox);
            for (size_t k = 0; k < c; k++) {
                int32_t sum = 0;
                for (int32_t x = s.x0; x < s.x1; x++) {
                    sum += in[(size_t)x * c + k];
                }
                size_t i = (size_t)ox * c + k;
                sums[i] += sum - slot[i];
                slot[i] = (int16_t)sum;
            }
        }
        *next = *next + 1 == w->kernel_h ? 0 : *next + 1;
    }
    for (int32_t ox = 0; ox < p->out.w; ox++) {
        kws_pool_span_t s = kws_pool_span(p, 0, ox);
        int32_t count = w->kernel_h * (s.x1 - s.x0);
        for (size_t k = 0; k < c; k++) {
            *out++ = (int8_t)fx_clamp(fx_div_round(sums[(size_t)ox * c + k], count), p->out_min, p->out_max);
        }
    }
}
