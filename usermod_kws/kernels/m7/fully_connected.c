// Fully connected layer: rows of inputs, as many as the stack takes widened, times all weights (gemm.h).
#include "fixed.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/patches.h"

#define STACK_WORDS 256 // 512 values

// Two outputs of one row, for rows that are too long to be widened as a whole. K in words of four.
static void long_row(const kws_linear_t *p, const int8_t *in, uint32_t words, uint32_t rest, int8_t *out) {
    const uint32_t *w = (const uint32_t *)(const void *)p->weights;
    uint32_t row = kws_row_bytes(p->in.c) / 4;
    for (uint32_t o = 0; o < p->out.c; o++, w += row) {
        const kws_channel_t *ch = &p->channels[o];
        int32_t sum = ch->bias;
        for (uint32_t i = 0; i < words; i++) {
            uint32_t a = m7_load(in + 4 * i), b = w[i];
            sum = m7_smlad(m7_sxtb16(a), m7_sxtb16(b), sum);
            sum = m7_smlad(m7_sxtb16_odd(a), m7_sxtb16_odd(b), sum);
        }
        for (uint32_t i = 4 * words; i < 4 * words + rest; i++) {
            sum += in[i] * ((const int8_t *)w)[i];
        }
        int32_t y = fx_add_wrap(fx_requantise_once(sum, ch->mult, ch->shift), p->out_zero);
        out[o] = (int8_t)fx_clamp(y, p->out_min, p->out_max);
    }
}

void kws_fully_connected_m7(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    uint32_t x[STACK_WORDS];
    uint32_t inputs = p->in.c, at_once = 2 * STACK_WORDS / kws_row_bytes(inputs), rows;
    at_once = at_once < M7_GEMM_PIXELS ? at_once : M7_GEMM_PIXELS;
    for (uint32_t i = 0; i < p->in.h; i += rows, in += rows * inputs, out += rows * p->out.c) {
        if (at_once == 0) {
            rows = 1;
            long_row(p, in, inputs / 4, inputs % 4, out);
        } else {
            rows = p->in.h - i < at_once ? p->in.h - i : at_once;
            m7_widen_rows(x, in, inputs, rows, inputs);
            m7_gemm(p, inputs, M7_ROUND_ONCE, x, rows, out);
        }
    }
}
