// Fully connected layer over each row of the input. Four outputs at a time share each input value.
// Unlike the convolutions this layer rounds once when it requantises, because TensorFlow Lite's does.
#include "fixed.h"
#include "kernels/kernels.h"

static inline int8_t finish(const kws_linear_t *p, size_t channel, int32_t sum) {
    const kws_channel_t *ch = &p->channels[channel];
    int32_t y = fx_requantise_once(sum + ch->bias, ch->mult, ch->shift);
    return (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
}

static void one_row(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    size_t n = p->in.c, row = kws_row_bytes(p->in.c), o = 0;
    const int8_t *w = p->weights;
    for (; o + 4 <= p->out.c; o += 4, w += 4 * row) {
        const int8_t *w0 = w, *w1 = w0 + row, *w2 = w1 + row, *w3 = w2 + row;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (size_t i = 0; i < n; i++) {
            s0 += in[i] * w0[i];
            s1 += in[i] * w1[i];
            s2 += in[i] * w2[i];
            s3 += in[i] * w3[i];
        }
        out[o] = finish(p, o, s0);
        out[o + 1] = finish(p, o + 1, s1);
        out[o + 2] = finish(p, o + 2, s2);
        out[o + 3] = finish(p, o + 3, s3);
    }
    for (; o < p->out.c; o++, w += row) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += in[i] * w[i];
        }
        out[o] = finish(p, o, sum);
    }
}

void kws_fully_connected_c(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    for (size_t r = 0; r < p->in.h; r++) {
        one_row(p, in + r * p->in.c, out + r * p->out.c);
    }
}
