// Sum or difference of two tensors of one shape, sixteen elements at a time. What is broadcast is the reference's.
#include <string.h>

#include "kernels/a64/a64.h"
#include "kernels/a64/requantise.h"

#define HEADROOM_BITS 20
#define LANES 16

typedef struct {
    int8x8_t zero;
    int32x4_t mult, shift;
} scale_t;

static scale_t scale(int32_t zero, int32_t mult, int32_t shift) {
    return (scale_t){vdup_n_s8((int8_t)zero), vdupq_n_s32(mult), vdupq_n_s32(shift)};
}

typedef struct {
    scale_t in0, in1, out;
    a64_output_t output;
    int subtract;
} add_t;

// Four of eight widened elements on the common scale.
static inline int32x4_t rescale(int16x4_t x, const scale_t *s) {
    return a64_requantise_not_left(vshlq_n_s32(vmovl_s16(x), HEADROOM_BITS), s->mult, s->shift);
}

static inline int32x4_t four(const add_t *d, int16x4_t x0, int16x4_t x1) {
    const int32x4_t a = rescale(x0, &d->in0), b = rescale(x1, &d->in1);
    return a64_requantise_not_left(d->subtract ? vsubq_s32(a, b) : vaddq_s32(a, b), d->out.mult, d->out.shift);
}

static inline int8x16_t sixteen(const add_t *d, int8x16_t x0, int8x16_t x1) {
    const int16x8_t a0 = vsubl_s8(vget_low_s8(x0), d->in0.zero), a8 = vsubl_s8(vget_high_s8(x0), d->in0.zero);
    const int16x8_t b0 = vsubl_s8(vget_low_s8(x1), d->in1.zero), b8 = vsubl_s8(vget_high_s8(x1), d->in1.zero);
    return a64_finish(
        four(d, vget_low_s16(a0), vget_low_s16(b0)), four(d, vget_high_s16(a0), vget_high_s16(b0)),
        four(d, vget_low_s16(a8), vget_low_s16(b8)), four(d, vget_high_s16(a8), vget_high_s16(b8)), &d->output);
}

static int same(kws_shape_t a, kws_shape_t b) {
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

void kws_add_neon(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    if (!same(p->in0, p->out) || !same(p->in1, p->out)) {
        kws_add_c(p, in0, in1, out);
        return;
    }
    const add_t d = {
        .in0 = scale(p->in0_zero, p->in0_mult, p->in0_shift),
        .in1 = scale(p->in1_zero, p->in1_mult, p->in1_shift),
        .out = scale(p->out_zero, p->out_mult, p->out_shift),
        .output = a64_output(p->out_zero, p->out_min, p->out_max),
        .subtract = p->subtract,
    };
    const size_t n = kws_shape_bytes(p->out);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vst1q_s8(out + i, sixteen(&d, vld1q_s8(in0 + i), vld1q_s8(in1 + i)));
    }
    // The output may lie over an input: nothing can be computed again.
    int8_t rest0[LANES] = {0}, rest1[LANES] = {0};
    memcpy(rest0, in0 + i, n - i);
    memcpy(rest1, in1 + i, n - i);
    vst1q_s8(rest0, sixteen(&d, vld1q_s8(rest0), vld1q_s8(rest1)));
    memcpy(out + i, rest0, n - i);
}
