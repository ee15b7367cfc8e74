#include "kernels/a64/dot_neon.h"

#include "kernels/a64/a64.h"
#include "kernels/a64/conv2d.h"

void kws_conv2d_neon(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    if (p->out.c < 4) {
        kws_conv2d_c(p, in, out, scratch);
        return;
    }
    a64_conv2d(p, in, out, scratch);
}
