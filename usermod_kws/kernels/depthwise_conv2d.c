// Depthwise 2-D convolution. Output channel o reads input channel o / multiplier, multiplier = c_out / c_in.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

static inline int8_t finish(const kws_linear_t *p, size_t channel, int32_t sum) {
    const kws_channel_t *ch = &p->channels[channel];
    return fx_requantise_int8(sum + ch->bias, ch->mult, ch->shift, p->out_zero, p->out_min, p->out_max);
}

static inline int32_t one_channel(const int8_t *x, size_t x_step, const int8_t *w, size_t w_step, size_t taps) {
    int32_t sum = 0;
    for (size_t t = 0; t < taps; t++, x += x_step, w += w_step) {
        sum += *x * *w;
    }
    return sum;
}

// Multiplier 1, four channels a pass: the step from tap to tap is paid once for four products. All four are computed
// before the first is written, which might alias the parameters for all that the compiler knows. Returns how many
// channels it has done.
static size_t fours(const kws_linear_t *p, const int8_t *patch, size_t taps, int8_t *out) {
    const size_t c = p->out.c;
    const int8_t *const end = patch + taps * c;
    size_t o = 0;
    for (; o + 4 <= c; o += 4) {
        const int8_t *x = patch + o, *w = p->weights + o;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (; x < end; x += c, w += c) {
            s0 += x[0] * w[0];
            s1 += x[1] * w[1];
            s2 += x[2] * w[2];
            s3 += x[3] * w[3];
        }
        int8_t y0 = finish(p, o, s0), y1 = finish(p, o + 1, s1), y2 = finish(p, o + 2, s2), y3 = finish(p, o + 3, s3);
        out[o] = y0;
        out[o + 1] = y1;
        out[o + 2] = y2;
        out[o + 3] = y3;
    }
    return o;
}

void kws_depthwise_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    int8_t *patch = scratch;
    size_t taps = (size_t)p->window.kernel_h * p->window.kernel_w;
    size_t multiplier = p->out.c / p->in.c;
    for (int32_t y = 0; y < p->out.h; y++) {
        for (int32_t x = 0; x < p->out.w; x++, out += p->out.c) {
            kws_patch_gather(patch, in, p->in, &p->window, p->in_zero, y, x);
            size_t o = multiplier == 1 ? fours(p, patch, taps, out) : 0;
            for (; o < p->out.c; o++) {
                out[o] = finish(p, o, one_channel(patch + o / multiplier, p->in.c, p->weights + o, p->out.c, taps));
            }
        }
    }
}
