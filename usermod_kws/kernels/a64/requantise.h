// fixed.h's rules for four output channels at a time. NEON's SQRDMULH is fx_mul_q31, SRSHL by a negative count is
// fx_shr_round: to nearest, ties towards plus infinity.
#ifndef KWS_A64_REQUANTISE_H
#define KWS_A64_REQUANTISE_H

#include <arm_neon.h>

#include "kernels/kernels.h"

// Parameters that say how much to do are constants where these are called.
#define A64_INLINE static inline __attribute__((always_inline))

// Four output channels' parameters.
typedef struct {
    int32x4_t bias, mult, shift;
} a64_channels_t;

static inline a64_channels_t a64_channels(const kws_channel_t *channels) {
    int32x4x3_t v = vld3q_s32(&channels->bias);
    return (a64_channels_t){v.val[0], v.val[1], v.val[2]};
}

// Whether each of n >= 4 channels shifts right: then the requantised sums lie within 30 bits.
static inline int a64_all_shift_right(const kws_channel_t *channels, size_t n) {
    int32x4_t all = vdupq_n_s32(-1);
    for (size_t i = 0; i < n; i += 4) {
        all = vandq_s32(all, a64_channels(channels + (i + 4 <= n ? i : n - 4)).shift);
    }
    return vmaxvq_s32(all) < 0;
}

// fx_requantise where every shift is negative. One is taken from a negative number first, so that SRSHL's ties towards
// plus infinity become ties away from zero.
static inline int32x4_t a64_requantise_right(int32x4_t x, int32x4_t mult, int32x4_t shift) {
    int32x4_t high = vqrdmulhq_s32(x, mult);
    return vrshlq_s32(vsraq_n_s32(high, high, 31), shift);
}

// The same where no shift is positive. What is not shifted must stay as it is: the sign bit that is added comes from
// the shift as well.
static inline int32x4_t a64_requantise_not_left(int32x4_t x, int32x4_t mult, int32x4_t shift) {
    int32x4_t high = vqrdmulhq_s32(x, mult);
    return vrshlq_s32(vsraq_n_s32(high, vandq_s32(high, shift), 31), shift);
}

// fx_requantise.
static inline int32x4_t a64_requantise(int32x4_t x, int32x4_t mult, int32x4_t shift) {
    const int32x4_t zero = vdupq_n_s32(0);
    return a64_requantise_not_left(vshlq_s32(x, vmaxq_s32(shift, zero)), mult, vminq_s32(shift, zero));
}

// fx_requantise_once.
static inline int32x4_t a64_requantise_once(int32x4_t x, int32x4_t mult, int32x4_t shift) {
    int32x4_t right = vsubq_s32(shift, vdupq_n_s32(31));
    int64x2_t low = vrshlq_s64(vmull_s32(vget_low_s32(x), vget_low_s32(mult)), vmovl_s32(vget_low_s32(right)));
    int64x2_t high = vrshlq_s64(vmull_high_s32(x, mult), vmovl_high_s32(right));
    return vmovn_high_s64(vmovn_s64(low), high);
}

// What comes after the requantisation, alike for all channels.
typedef struct {
    int16x8_t zero16;
    int32x4_t zero32;
    int8x16_t min, max;
} a64_output_t;

static inline a64_output_t a64_output(int32_t zero, int32_t min, int32_t max) {
    return (a64_output_t){
        .zero16 = vdupq_n_s16((int16_t)zero),
        .zero32 = vdupq_n_s32(zero),
        .min = vdupq_n_s8((int8_t)min),
        .max = vdupq_n_s8((int8_t)max),
    };
}

static inline int8x16_t a64_clamp(int8x16_t x, const a64_output_t *o) {
    return vminq_s8(vmaxq_s8(x, o->min), o->max);
}

// Sixteen requantised sums to int8. The zero point is added in 32 bits, where it wraps as in fx_requantise_int8.
static inline int8x16_t a64_finish(int32x4_t x0, int32x4_t x1, int32x4_t x2, int32x4_t x3, const a64_output_t *o) {
    int32x4_t z = o->zero32;
    int16x8_t low = vqmovn_high_s32(vqmovn_s32(vaddq_s32(x0, z)), vaddq_s32(x1, z));
    int16x8_t high = vqmovn_high_s32(vqmovn_s32(vaddq_s32(x2, z)), vaddq_s32(x3, z));
    return a64_clamp(vqmovn_high_s16(vqmovn_s16(low), high), o);
}

// The same, of sums within 30 bits: saturating first changes nothing.
static inline int8x16_t a64_finish_right(int32x4_t x0, int32x4_t x1, int32x4_t x2, int32x4_t x3,
                                         const a64_output_t *o) {
    int16x8_t low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x0), x1), o->zero16);
    int16x8_t high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x2), x3), o->zero16);
    return a64_clamp(vqmovn_high_s16(vqmovn_s16(low), high), o);
}

// Four, in the first four lanes.
static inline int8x16_t a64_finish4(int32x4_t x, const a64_output_t *o) {
    int16x4_t narrow = vqmovn_s32(vaddq_s32(x, o->zero32));
    return a64_clamp(vcombine_s8(vqmovn_s16(vcombine_s16(narrow, vdup_n_s16(0))), vdup_n_s8(0)), o);
}

// The quad'th four of sixteen. y is not aligned; the processor does not mind.
#define a64_store4(y, x, quad) vst1q_lane_s32((void *)(y), vreinterpretq_s32_s8(x), quad)

#endif
