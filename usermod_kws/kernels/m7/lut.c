// A table of 256 bytes: LDRSB, LDRB, STRB.
#include "kernels/m7/m7.h"

void kws_lut_m7(const int8_t table[256], const int8_t *in, int8_t *out, size_t n) {
    const int8_t *const middle = table + 128;
    for (; n >= 4; n -= 4, in += 4, out += 4) {
        const int8_t a = middle[in[0]], b = middle[in[1]], c = middle[in[2]], d = middle[in[3]];
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
    }
    for (; n > 0; n--) {
        *out++ = middle[*in++];
    }
}
