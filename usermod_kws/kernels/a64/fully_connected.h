// Fully connected layer: rows of the input by rows of weights, with one rounding.
#ifndef KWS_A64_FULLY_CONNECTED_H
#define KWS_A64_FULLY_CONNECTED_H

#include "kernels/a64/rows.h"

A64_INLINE void a64_fully_connected(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    size_t n = p->in.c, r = 0;
    a64_rows_t a =
        a64_rows(p, p->in.c, p->in.h >= 4 && a64_in_pairs(p->weights, (size_t)p->out.c * kws_row_bytes(p->in.c)));
    for (; r + 4 <= p->in.h; r += 4) {
        a64_all_channels(&a, 4, 1, in + r * n, n, out + r * a.c_out);
    }
    for (; r < p->in.h; r++) {
        a64_all_channels(&a, 1, 1, in + r * n, n, out + r * a.c_out);
    }
}

#endif
