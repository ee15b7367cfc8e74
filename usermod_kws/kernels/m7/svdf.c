// Singular value decomposition filter; see the reference. The input is widened once for all filters, a part at a time; the
// sums of the filters wait in the scratch. The state moves up by one value while its products are summed.
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/simd.h"

#define PART 128 // inputs widened at once

// in - zero as (0, 2), (1, 3) of every four values, which is how SXTB16 widens weights; zeros behind the last.
static void widen(uint32_t x[PART / 2], const int8_t *in, uint32_t n, int32_t zero) {
    for (uint32_t i = 0; i < n; i += 4, x += 2) {
        int32_t v[4] = {0};
        for (uint32_t k = 0; k < 4 && i + k < n; k++) {
            v[k] = in[i + k] - zero;
        }
        x[0] = m7_pack_low((uint32_t)v[0], (uint32_t)v[2]);
        x[1] = m7_pack_low((uint32_t)v[1], (uint32_t)v[3]);
    }
}

static void features(const kws_svdf_t *p, uint32_t filters, const int8_t *in, int32_t *sums) {
    const uint32_t row = kws_row_bytes(p->inputs);
    for (uint32_t i = 0; i < filters; i++) {
        sums[i] = 0;
    }
    for (uint32_t from = 0; from < p->inputs; from += PART) {
        uint32_t x[PART / 2], n = p->inputs - from < PART ? p->inputs - from : PART;
        widen(x, in + from, n, p->in_zero);
        const int8_t *w = p->feature + from;
        for (uint32_t i = 0; i < filters; i++, w += row) {
            int32_t sum = sums[i];
            const uint32_t *px = x;
            const int8_t *const end = w + kws_row_bytes(n);
#pragma GCC unroll 2
            for (const int8_t *pw = w; pw != end; pw += 4, px += 2) {
                const uint32_t four = m7_load(pw);
                sum = m7_smlad(px[0], m7_sxtb16(four), sum);
                sum = m7_smlad(px[1], m7_sxtb16_odd(four), sum);
            }
            sums[i] = sum;
        }
    }
}

// Moves a filter's state up by one value, puts `newest` at its end, and adds its products with the time weights to sum.
static int32_t push(int16_t *state, const int16_t *time, uint32_t memory, int16_t newest, int32_t sum) {
    uint32_t t = 0;
    for (; t + 2 < memory; t += 2) {
        const uint32_t two = m7_load(state + t + 1);
        m7_store(state + t, two);
        sum = m7_smlad(two, m7_load(time + t), sum);
    }
    for (; t + 1 < memory; t++) {
        state[t] = state[t + 1];
        sum = fx_add_wrap(sum, state[t] * time[t]);
    }
    state[t] = newest;
    return fx_add_wrap(sum, newest * time[t]);
}

void kws_svdf_m7(const kws_svdf_t *p, const int8_t *in, int8_t *out, int16_t *state, int32_t *scratch) {
    features(p, p->units * p->rank, in, scratch);
    const int16_t *time = p->time;
    for (uint32_t u = 0; u < p->units; u++) {
        int32_t sum = p->bias[u];
        for (uint32_t r = 0; r < p->rank; r++, state += p->memory, time += p->memory) {
            const int16_t newest = fx_sat16(fx_requantise(*scratch++, p->feature_mult, p->feature_shift));
            sum = push(state, time, p->memory, newest, sum);
        }
        int32_t y = fx_requantise_wide(sum, p->out_mult, p->out_shift);
        out[u] = (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
    }
}
