// Product of two tensors: (2 a) * b is the doubled sum that requantise.h wants, below 2^17.
#include "kernels/m7/clamp.h"
#include "kernels/m7/m7.h"
#include "kernels/m7/requantise.h"
#include "kernels/m7/rows_of_two.h"

typedef struct {
    m7_requantise_t requantise;
    int32_t zero0, zero1;
} mul_t;

// Inlined, the loop would be an instruction an element longer where an input is repeated.
static __attribute__((noinline)) void run(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step,
                                          int8_t *out, size_t n) {
    const mul_t k = *(const mul_t *)job;
    const int32_t twice_zero0 = 2 * k.zero0;
#pragma GCC unroll 4
    for (const int8_t *const end = out + n; out < end; a += a_step, b += b_step) {
        *out++ = m7_requantise(&k.requantise, (2 * *a - twice_zero0) * (*b - k.zero1));
    }
}

void kws_mul_m7(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out) {
    const kws_channel_t product = {0, p->out_mult, p->out_shift};
    mul_t t = {.zero0 = p->in0_zero, .zero1 = p->in1_zero};
    if (!m7_requantise_fast(&t.requantise, &product, p->out_zero, 2)) { // a product is below 2 * 2^15
        kws_mul_c(p, in0, in1, out);
        return;
    }
    m7_rows_of_two(p, run, &t, in0, in1, out);
    m7_clamp(out, kws_shape_bytes(p->out), p->out_min, p->out_max);
}
