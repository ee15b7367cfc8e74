// Depthwise 2-D convolution. Output channel o reads input channel o / multiplier, multiplier = c_out / c_in.
//
// The weights come channel by channel, the input pixel by pixel: the weights are turned round first, so that a tap's
// products lie side by side for all channels. Of a multiplier above 1 one share is turned at a time, every
// multiplier-th output channel.
#include "fixed.h"
#include "kernels/kernels.h"
#include "kernels/patch.h"

#define BLOCK 16 // channels whose sums are kept at once

// w[tap][c_in] of the output channels first, first + step, ...
static void turn(const kws_linear_t *p, size_t taps, size_t first, size_t step, int8_t *turned) {
    size_t row = kws_row_bytes((uint32_t)taps);
    for (size_t i = 0; i < p->in.c; i++) {
        const int8_t *w = p->weights + (first + i * step) * row;
        for (size_t t = 0; t < taps; t++) {
            turned[t * p->in.c + i] = w[t];
        }
    }
}

static inline void block(const int8_t *x, const int8_t *w, size_t c, size_t taps, int32_t sums[BLOCK]) {
    for (size_t k = 0; k < BLOCK; k++) {
        sums[k] = 0;
    }
    for (size_t t = 0; t < taps; t++, x += c, w += c) {
        for (size_t k = 0; k < BLOCK; k++) {
            sums[k] += x[k] * w[k];
        }
    }
}

static inline int32_t one_channel(const int8_t *x, const int8_t *w, size_t c, size_t taps) {
    int32_t sum = 0;
    for (size_t t = 0; t < taps; t++) {
        sum += x[t * c] * w[t * c];
    }
    return sum;
}

void kws_depthwise_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    size_t taps = (size_t)p->window.kernel_h * p->window.kernel_w, c = p->in.c, step = p->out.c / c;
    size_t n = c >= BLOCK ? BLOCK : 1;
    int8_t *patch = scratch, *turned = patch + taps * c, *const begin = out;
    for (size_t first = 0; first < step; first++) {
        turn(p, taps, first, step, turned);
        out = begin;
        for (int32_t oy = 0; oy < p->out.h; oy++) {
            for (int32_t ox = 0; ox < p->out.w; ox++, out += p->out.c) {
                kws_patch_gather(patch, in, p->in, &p->window, p->in_zero, oy, ox);
                for (size_t i = 0; i < c; i += n) {
                    int32_t sums[BLOCK];
                    if (n == BLOCK) {
                        // The last block starts further back and computes some again.
                        i = i + BLOCK <= c ? i : c - BLOCK;
                        block(patch + i, turned + i, c, taps, sums);
                    } else {
                        sums[0] = one_channel(patch + i, turned + i, c, taps);
                    }
                    for (size_t k = 0; k < n; k++) {
                        size_t o = first + (i + k) * step;
                        const kws_channel_t *ch = &p->channels[o];
                        out[o] = fx_requantise_int8(sums[k] + ch->bias, ch->mult, ch->shift, p->out_zero, p->out_min,
                                                    p->out_max);
                    }
                }
            }
        }
    }
}
