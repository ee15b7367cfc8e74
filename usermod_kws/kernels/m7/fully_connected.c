// Fully connected layer: rows of inputs, as many as fit the stack widened, times all weights (gemm.h).
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/patches.h"

// Of the stack, widened.
#define VALUES 512

// Sums at a time in a row that does not fit: the row is widened again for every so many channels.
#define SUMS 32

static void long_row(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    uint32_t x[VALUES / 2], inputs = p->in.c;
    int32_t sums[SUMS];
    for (m7_channels_t c = {0, 0}; c.first < p->out.c; c.first = c.end) {
        c.end = p->out.c - c.first < SUMS ? p->out.c : c.first + SUMS;
        for (uint32_t i = c.first; i < c.end; i++) {
            sums[i - c.first] = p->channels[i].bias;
        }
        for (uint32_t from = 0, n; from < inputs; from += n) {
            n = inputs - from < VALUES ? inputs - from : VALUES;
            m7_widen_rows(x, in + from, inputs, 1, n);
            m7_gemm_part(p, c, from, n, x, sums);
        }
        for (uint32_t i = c.first; i < c.end; i++) {
            const kws_channel_t *ch = &p->channels[i];
            int32_t y = fx_requantise_once(sums[i - c.first], ch->mult, ch->shift);
            out[i] = (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
        }
    }
}

static void short_rows(const kws_linear_t *p, const int8_t *in, uint32_t at_once, int8_t *out) {
    uint32_t x[VALUES / 2], inputs = p->in.c;
    for (uint32_t i = 0, rows; i < p->in.h; i += rows, in += rows * inputs, out += rows * p->out.c) {
        rows = p->in.h - i < at_once ? p->in.h - i : at_once;
        m7_widen_rows(x, in, inputs, rows, inputs);
        m7_gemm(p, m7_all_channels(p), inputs, M7_ROUND_ONCE, x, rows, out);
    }
}

void kws_fully_connected_m7(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    uint32_t at_once = VALUES / kws_row_bytes(p->in.c);
    if (at_once > 0) {
        short_rows(p, in, at_once < M7_GEMM_PIXELS ? at_once : M7_GEMM_PIXELS, out);
        return;
    }
    for (uint32_t i = 0; i < p->in.h; i++, in += p->in.c, out += p->out.c) {
        long_row(p, in, out);
    }
}
