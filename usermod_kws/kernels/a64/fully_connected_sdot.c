#include "kernels/a64/dot_sdot.h"

#include "kernels/a64/a64.h"
#include "kernels/a64/fully_connected.h"

void kws_fully_connected_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out) {
    if (p->out.c < 4) {
        kws_fully_connected_c(p, in, out);
        return;
    }
    a64_fully_connected(p, in, out);
}
