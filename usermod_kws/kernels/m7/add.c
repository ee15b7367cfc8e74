// Sum or difference of two tensors; see the reference. An input, its zero point taken off and shifted by 21 bits, is one
// RSB; doubled by the 21st bit, it is scaled by one SMMULR.
#include "kernels/m7/clamp.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/requantise.h"
#include "kernels/m7/rows_of_two.h"

#define HEADROOM_BITS 20

typedef struct {
    int32_t zero, mult, half, shift; // zero: shifted like the input; half: 2^(shift - 1)
} scale_t;

static scale_t scale_of(int32_t zero, int32_t mult, int32_t shift) {
    const int32_t half = shift != 0 ? (int32_t)(UINT32_C(1) << (-shift - 1)) : 0;
    return (scale_t){zero * (1 << (HEADROOM_BITS + 1)), mult, half, -shift};
}

// fx_div_pot for n >= 1, where x + 2^(n-1) fits.
static inline int32_t divide(int32_t x, const scale_t *s) {
    return (x + (x >> 31) + s->half) >> s->shift;
}

static inline int32_t widen(int8_t x, const scale_t *s, bool shifted) {
    int32_t v = m7_smmulr(fx_shl(x, HEADROOM_BITS + 1) - s->zero, s->mult);
    return shifted ? divide(v, s) : v;
}

typedef struct {
    scale_t in0, in1, out;
    int32_t sign, out_zero;
} add_t;

// shifted0, shifted1: whether the input's shift is not 0; constants. The input with the larger scale mostly has none.
static inline __attribute__((always_inline)) void run(const add_t *t, bool shifted0, bool shifted1, const int8_t *a,
                                                      size_t a_step, const int8_t *b, size_t b_step, int8_t *out,
                                                      size_t n) {
    const add_t k = *t;
    for (const int8_t *const end = out + n; out < end; a += a_step, b += b_step) {
        int32_t sum = widen(*a, &k.in0, shifted0) + k.sign * widen(*b, &k.in1, shifted1);
        *out++ = (int8_t)m7_ssat8(divide(m7_smmulr(2 * sum, k.out.mult), &k.out) + k.out_zero);
    }
}

static void run_any(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out, size_t n) {
    const add_t *t = job;
    if (t->in0.shift != 0 && t->in1.shift != 0) {
        run(t, true, true, a, a_step, b, b_step, out, n);
    } else if (t->in0.shift != 0) {
        run(t, true, false, a, a_step, b, b_step, out, n);
    } else if (t->in1.shift != 0) {
        run(t, false, true, a, a_step, b, b_step, out, n);
    } else {
        run(t, false, false, a, a_step, b, b_step, out, n);
    }
}

void kws_add_m7(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    if (p->out_shift == 0) {
        kws_add_c(p, in0, in1, out);
        return;
    }
    const add_t t = {
        scale_of(p->in0_zero, p->in0_mult, p->in0_shift),
        scale_of(p->in1_zero, p->in1_mult, p->in1_shift),
        scale_of(0, p->out_mult, p->out_shift),
        p->subtract ? -1 : 1,
        p->out_zero,
    };
    m7_rows_of_two(p, run_any, &t, in0, in1, out);
    m7_clamp(out, kws_shape_bytes(p->out), p->out_min, p->out_max);
}
