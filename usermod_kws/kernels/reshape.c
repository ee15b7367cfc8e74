// Another shape for the same bytes; the planner usually places both at one address and nothing moves.
#include <string.h>

#include "kernels/kernels.h"

void kws_reshape_c(const int8_t *in, int8_t *out, size_t n) {
    if (in != out) {
        memcpy(out, in, n);
    }
}
