// Depthwise convolution straight from the input, four channels of one output pixel at a time: for few outputs (a step of
// a stream) and for geometries that depthwise3x3.c does not know. One output channel an input channel, at least four.
//
// A table holds where each tap of the window lies; a tap outside of the input points to a row of zero points. Two taps,
// 0 and 2 or 1 and 3 of four, make pairs, because SXTB16 widens a channel's weights in this order.
#include "kernels/m7/depthwise.h"

#include "kernels/m7/requantise.h"
#include "kernels/m7/simd.h"

// Adds taps a and b of the channels at x; w: the word that holds both weights of the first channel, the others follow
// row bytes apart.
#define TWO_TAPS(a, b, widen)                                                                                          \
    do {                                                                                                               \
        uint32_t xa = m7_load((a) + o), xb = m7_load((b) + o);                                                         \
        uint32_t a02 = m7_sxtb16(xa), b02 = m7_sxtb16(xb), a13 = m7_sxtb16_odd(xa), b13 = m7_sxtb16_odd(xb);           \
        s0 = m7_smlad(m7_pack_low(a02, b02), widen(m7_load(w)), s0);                                                   \
        s1 = m7_smlad(m7_pack_low(a13, b13), widen(m7_load(w + row)), s1);                                             \
        s2 = m7_smlad(m7_pack_high(a02, b02), widen(m7_load(w + 2 * row)), s2);                                        \
        s3 = m7_smlad(m7_pack_high(a13, b13), widen(m7_load(w3)), s3);                                                 \
    } while (0)

static inline void four_channels(const int8_t *const *taps, size_t row, const int8_t *w, size_t o, int32_t sums[4]) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    const int8_t *w3 = w + 3 * row;
    for (const int8_t *const end = w + row; w < end; w += 4, w3 += 4, taps += 4) {
        TWO_TAPS(taps[0], taps[2], m7_sxtb16);
        TWO_TAPS(taps[1], taps[3], m7_sxtb16_odd);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

static inline int8_t finish(const kws_linear_t *p, const kws_channel_t *ch, int32_t sum, uint32_t taps) {
    m7_requantise_t r;
    if (m7_requantise_fast(&r, ch, p->out_zero, taps)) {
        return m7_requantise(&r, (sum + ch->bias) * 2);
    }
    return fx_requantise_int8(sum + ch->bias, ch->mult, ch->shift, p->out_zero, INT8_MIN, INT8_MAX);
}

bool m7_depthwise_direct_takes(const kws_linear_t *p) {
    return p->in.c == p->out.c && p->in.c >= 4;
}

void m7_depthwise_direct(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const kws_window_t *win = &p->window;
    const size_t c = p->in.c, taps = (size_t)win->kernel_h * win->kernel_w, row = kws_row_bytes((uint32_t)taps);
    const int8_t **const table = scratch;
    int8_t *const zeros = (int8_t *)(table + row);
    for (size_t i = 0; i < c; i++) {
        zeros[i] = (int8_t)p->in_zero;
    }
    for (size_t i = taps; i < row; i++) {
        table[i] = zeros; // their weights are 0
    }
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++, out += c) {
            const int8_t **tap = table;
            int32_t y = oy * win->stride_h - win->pad_top;
            for (int32_t i = 0; i < win->kernel_h; i++, y += win->dilation_h) {
                int32_t x = ox * win->stride_w - win->pad_left;
                const int8_t *px = in + (y * (int32_t)p->in.w + x) * (int32_t)c;
                for (int32_t j = 0; j < win->kernel_w; j++, x += win->dilation_w, px += win->dilation_w * c) {
                    *tap++ = y >= 0 && y < p->in.h && x >= 0 && x < p->in.w ? px : zeros;
                }
            }
            for (size_t o = 0; o < c; o += 4) {
                o = o + 4 <= c ? o : c - 4;
                int32_t sums[4];
                four_channels(table, row, p->weights + o * row, o, sums);
                const kws_channel_t *ch = p->channels + o;
                for (size_t i = 0; i < 4; i++) {
                    out[o + i] = finish(p, &ch[i], sums[i], (uint32_t)taps);
                }
            }
        }
    }
}
