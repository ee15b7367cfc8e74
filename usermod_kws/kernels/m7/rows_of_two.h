// The rows of which add and mul are made: elements along which both inputs move by constant steps.
#ifndef KWS_M7_ROWS_OF_TWO_H
#define KWS_M7_ROWS_OF_TWO_H

#include "kernels/broadcast.h"

// n elements; a and b move by their step, 0 or 1. job: the kernel's own.
typedef void m7_row_of_two_t(const void *job, const int8_t *a, size_t a_step, const int8_t *b, size_t b_step, int8_t *out,
                             size_t n);

// The whole output in one run where no input is repeated, else pixel by pixel. row: a constant.
static inline __attribute__((always_inline)) void m7_rows_of_two(const kws_binary_t *p, m7_row_of_two_t *row,
                                                                 const void *job, const int8_t *in0, const int8_t *in1,
                                                                 int8_t *out) {
    const size_t n = kws_shape_bytes(p->out);
    if (kws_shape_bytes(p->in0) == n && kws_shape_bytes(p->in1) == n) {
        row(job, in0, 1, in1, 1, out, n);
    } else {
        const kws_steps_t s0 = kws_steps(p->in0), s1 = kws_steps(p->in1);
        for (size_t y = 0; y < p->out.h; y++) {
            for (size_t x = 0; x < p->out.w; x++, out += p->out.c) {
                row(job, in0 + y * s0.h + x * s0.w, s0.c, in1 + y * s1.h + x * s1.w, s1.c, out, p->out.c);
            }
        }
    }
}

#endif
