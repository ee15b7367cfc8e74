// Copies a block of up to four dimensions between two layouts: transposes, slices with steps, concatenation, padding.
#include <string.h>

#include "kernels/kernels.h"

static void run(const kws_copy_t *p, const int8_t *in, int8_t *out) {
    if (p->in_stride[3] == 1 && p->out_stride[3] == 1) {
        memcpy(out, in, p->n[3]);
        return;
    }
    for (uint32_t i = 0; i < p->n[3]; i++, in += p->in_stride[3], out += p->out_stride[3]) {
        *out = *in;
    }
}

// Joins dimensions that lie without gaps on both sides, so that what is contiguous is copied at once. The stride of a
// dimension of length 1 does not matter.
static kws_copy_t joined(kws_copy_t p) {
    for (int d = 2; d >= 0; d--) {
        int64_t in_end = (int64_t)p.n[3] * p.in_stride[3], out_end = (int64_t)p.n[3] * p.out_stride[3];
        if (p.n[3] == 1) {
            p.in_stride[3] = p.in_stride[d];
            p.out_stride[3] = p.out_stride[d];
        } else if (p.n[d] != 1 && (p.in_stride[d] != in_end || p.out_stride[d] != out_end)) {
            break;
        }
        p.n[3] *= p.n[d];
        p.n[d] = 1;
    }
    return p;
}

void kws_copy_c(const kws_copy_t *block, const int8_t *in, int8_t *out) {
    kws_copy_t p = joined(*block);
    in += p.in_offset;
    out += p.out_offset;
    for (uint32_t i = 0; i < p.n[0]; i++) {
        for (uint32_t j = 0; j < p.n[1]; j++) {
            for (uint32_t k = 0; k < p.n[2]; k++) {
                ptrdiff_t from = (ptrdiff_t)i * p.in_stride[0] + (ptrdiff_t)j * p.in_stride[1] +
                                 (ptrdiff_t)k * p.in_stride[2];
                ptrdiff_t to = (ptrdiff_t)i * p.out_stride[0] + (ptrdiff_t)j * p.out_stride[1] +
                               (ptrdiff_t)k * p.out_stride[2];
                run(&p, in + from, out + to);
            }
        }
    }
}
