// Sum or difference of two tensors; see the reference. A packer gives the input with the larger scale the multiplier 1/2,
// which is exact: it is only shifted. The other one is scaled by one SMMULR, and so is the sum, which is kept doubled.
#include "kernels/m7/clamp.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/requantise.h"
#include "kernels/m7/rows_of_two.h"

#define HEADROOM_BITS 20
#define HALF (INT32_C(1) << 30) // the multiplier 1/2

typedef struct {
    int32_t zero, mult, half, shift; // half: 2^(shift - 1)
} scale_t;

static scale_t scale_of(int32_t zero, int32_t mult, int32_t shift) {
    const int32_t half = shift != 0 ? (int32_t)(UINT32_C(1) << (-shift - 1)) : 0;
    return (scale_t){zero, mult, half, -shift};
}

static bool is_half(const scale_t *s) {
    return s->mult == HALF && s->shift == 0;
}

// fx_div_pot for n >= 1, where x + 2^(n-1) fits.
static inline int32_t divide(int32_t x, const scale_t *s) {
    return (x + (x >> 31) + s->half) >> s->shift;
}

// Doubled by the 21st bit, an input is scaled by one SMMULR.
static inline int32_t widen(int8_t x, const scale_t *s) {
    return m7_smmulr(fx_shl(x, HEADROOM_BITS + 1) - s->zero * (1 << (HEADROOM_BITS + 1)), s->mult);
}

typedef struct {
    scale_t in0, in1, out; // the out's zero point is added
    int32_t factor, sign;  // factor: 2^(32 - shift) of out
} add_t;

// SMMLAR rounds ties upwards; one less for a negative v moves them away from zero, and nothing else.
static inline int8_t finish(const add_t *k, int32_t twice_sum) {
    int32_t v = m7_smmulr(twice_sum, k->out.mult);
    return (int8_t)m7_ssat8(m7_smmlar(v + (v >> 31), k->factor, k->out.zero));
}

// Any scales.
static void any(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out, size_t n) {
    const add_t k = *(const add_t *)job;
    for (const int8_t *const end = out + n; out < end; a += a_step, b += b_step) {
        int32_t x = widen(*a, &k.in0), y = widen(*b, &k.in1);
        x = k.in0.shift != 0 ? divide(x, &k.in0) : x;
        y = k.in1.shift != 0 ? divide(y, &k.in1) : y;
        *out++ = finish(&k, 2 * (x + k.sign * y));
    }
}

static inline int8_t half_plus_any(const add_t *k, int32_t zero, int8_t a, int8_t b) {
    return finish(k, fx_shl(a, HEADROOM_BITS) - zero + 2 * divide(widen(b, &k->in1), &k->in1));
}

// The usual sum: a is half, b has a shift.
static void half_and_any(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out,
                         size_t n) {
    const add_t k = *(const add_t *)job;
    const int32_t zero = k.in0.zero * (1 << HEADROOM_BITS);
    if (a_step != 0 && b_step != 0) {
        for (; n >= 4; n -= 4, a += 4, b += 4, out += 4) {
            for (size_t i = 0; i < 4; i++) {
                out[i] = half_plus_any(&k, zero, a[i], b[i]);
            }
        }
    }
    for (; n > 0; n--, a += a_step, b += b_step) {
        *out++ = half_plus_any(&k, zero, *a, *b);
    }
}

static void any_and_half(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out,
                         size_t n) {
    add_t swapped = *(const add_t *)job;
    swapped.in1 = swapped.in0;
    swapped.in0 = ((const add_t *)job)->in1;
    half_and_any(&swapped, b, b_step, a, a_step, out, n);
}

// Both are half: four sums of bytes at once.
static void halves(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out, size_t n) {
    const add_t k = *(const add_t *)job;
    const int32_t zero = k.in0.zero + k.in1.zero;
    const uint32_t zeros = (uint32_t)(-zero & 0xffff) * 0x10001u;
    if (a_step != 0 && b_step != 0) {
        for (; n >= 4; n -= 4, a += 4, b += 4, out += 4) {
            uint32_t x = m7_load(a), y = m7_load(b);
            int32_t even = (int32_t)m7_sxtab16(m7_sxtab16(zeros, x), y);
            int32_t odd = (int32_t)m7_sxtab16_odd(m7_sxtab16_odd(zeros, x), y);
            out[0] = finish(&k, fx_shl(even, HEADROOM_BITS));
            out[1] = finish(&k, fx_shl(odd, HEADROOM_BITS));
            out[2] = finish(&k, fx_shl(even >> 16, HEADROOM_BITS));
            out[3] = finish(&k, fx_shl(odd >> 16, HEADROOM_BITS));
        }
    }
    for (; n > 0; n--, a += a_step, b += b_step) {
        *out++ = finish(&k, fx_shl(*a + *b - zero, HEADROOM_BITS));
    }
}

static m7_row_of_two_t *way(const add_t *t) {
    const bool half0 = is_half(&t->in0), half1 = is_half(&t->in1);
    if (t->sign < 0 || !(half0 || half1)) {
        return any;
    }
    if (half0 && half1) {
        return halves;
    }
    if (half0) {
        return t->in1.shift != 0 ? half_and_any : any;
    }
    return t->in0.shift != 0 ? any_and_half : any;
}

void kws_add_m7(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    if (p->out_shift > -2) {
        kws_add_c(p, in0, in1, out);
        return;
    }
    const add_t t = {
        scale_of(p->in0_zero, p->in0_mult, p->in0_shift),
        scale_of(p->in1_zero, p->in1_mult, p->in1_shift),
        scale_of(p->out_zero, p->out_mult, p->out_shift),
        (int32_t)(UINT32_C(1) << (32 + p->out_shift)),
        p->subtract ? -1 : 1,
    };
    m7_rows_of_two(p, way(&t), &t, in0, in1, out);
    m7_clamp(out, kws_shape_bytes(p->out), p->out_min, p->out_max);
}
