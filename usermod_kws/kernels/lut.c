// Any function of one int8, as a table: relu, leaky relu, logistic, tanh, requantisation, ... tools/blob/luts.py makes
// the tables.
#include "kernels/kernels.h"

void kws_lut_c(const int8_t table[256], const int8_t *in, int8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = table[in[i] + 128];
    }
}
