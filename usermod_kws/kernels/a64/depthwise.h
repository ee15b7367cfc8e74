// What the depthwise convolutions share: sixteen channels of a pixel at a time. The weights are turned round first, so
// that a tap's lie side by side; each tap's input is found through a table of pointers, and a tap outside the input
// points to a row of zero points.
#ifndef KWS_A64_DEPTHWISE_H
#define KWS_A64_DEPTHWISE_H

#include "kernels/a64/patch.h"
#include "kernels/a64/requantise.h"

#define A64_LANES 16

typedef struct {
    const kws_linear_t *p;
    size_t taps, c;
    a64_output_t output;
    int in_pairs, all_right; // see a64_dot16 and a64_all_shift_right
    const int8_t **at;       // [taps], or A64_TWO_ROWS_TAPS
    int8_t *outside;         // [c]
    int8_t *turned;          // [(c + 15) / 16][taps][16]; the last sixteen channels start further back
} a64_depthwise_t;

// First channel of the block that begins with channel o.
static inline size_t a64_first_lane(const a64_depthwise_t *d, size_t o) {
    return o + A64_LANES <= d->c ? o : d->c - A64_LANES;
}

typedef struct {
    int32x4_t c0, c4, c8, c12;
} a64_lanes_t;

A64_INLINE a64_lanes_t a64_widen(a64_lanes_t s, int16x8_t low, int16x8_t high) {
    return (a64_lanes_t){vaddw_s16(s.c0, vget_low_s16(low)), vaddw_high_s16(s.c4, low),
                         vaddw_s16(s.c8, vget_low_s16(high)), vaddw_high_s16(s.c12, high)};
}

// Two products of sixteen channels, added in 16 bits: no weight may be -128.
A64_INLINE a64_lanes_t a64_add_pair(a64_lanes_t s, int8x16_t x0, int8x16_t w0, int8x16_t x1, int8x16_t w1) {
    int16x8_t low = vmull_s8(vget_low_s8(x0), vget_low_s8(w0)), high = vmull_high_s8(x0, w0);
    return a64_widen(s, vmlal_s8(low, vget_low_s8(x1), vget_low_s8(w1)), vmlal_high_s8(high, x1, w1));
}

A64_INLINE a64_lanes_t a64_add_one(a64_lanes_t s, int8x16_t x, int8x16_t w) {
    return a64_widen(s, vmull_s8(vget_low_s8(x), vget_low_s8(w)), vmull_high_s8(x, w));
}

// Sixteen channels' parameters.
typedef struct {
    a64_channels_t c0, c4, c8, c12;
} a64_lane_channels_t;

A64_INLINE a64_lane_channels_t a64_lane_channels(const kws_channel_t *channels) {
    return (a64_lane_channels_t){a64_channels(channels), a64_channels(channels + 4), a64_channels(channels + 8),
                                 a64_channels(channels + 12)};
}

A64_INLINE a64_lanes_t a64_bias(const a64_lane_channels_t *ch) {
    return (a64_lanes_t){ch->c0.bias, ch->c4.bias, ch->c8.bias, ch->c12.bias};
}

A64_INLINE int8x16_t a64_finish_lanes(const a64_depthwise_t *d, a64_lanes_t s, const a64_lane_channels_t *ch) {
    if (d->all_right) {
        return a64_finish_right(a64_requantise_right(s.c0, ch->c0.mult, ch->c0.shift),
                                a64_requantise_right(s.c4, ch->c4.mult, ch->c4.shift),
                                a64_requantise_right(s.c8, ch->c8.mult, ch->c8.shift),
                                a64_requantise_right(s.c12, ch->c12.mult, ch->c12.shift), &d->output);
    }
    return a64_finish(a64_requantise(s.c0, ch->c0.mult, ch->c0.shift), a64_requantise(s.c4, ch->c4.mult, ch->c4.shift),
                      a64_requantise(s.c8, ch->c8.mult, ch->c8.shift),
                      a64_requantise(s.c12, ch->c12.mult, ch->c12.shift), &d->output);
}

// Two rows of outputs of a 3x3 kernel that moves by one row: (y, x) and (y + 1, x) share two of their three input rows.
#define A64_TWO_ROWS_TAPS 12

void a64_depthwise3x3_two_rows(const a64_depthwise_t *depthwise, const int8_t *in, int8_t *out, int32_t out_y);

// A 3x3 kernel that moves by one, with the dot product instructions.
void a64_depthwise3x3_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

#endif
