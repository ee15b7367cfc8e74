#include "fixed.h"
#include "frontend/stages.h"
#include "frontend/tables.h"

// The exponent is the position of the highest bit. Of the 31 bits below it, five choose a chord of the logarithm
// and sixteen place the point on it.
int32_t kws_log2_q16(uint64_t x) {
    uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
    int32_t exponent = 63;
    if (high == 0) {
        high = low;
        low = 0;
        exponent = 31;
    }
    const unsigned zeros = fx_clz32(high);
    exponent -= (int32_t)zeros;
    if (zeros != 0) {
        high = (high << zeros) | (low >> (32 - zeros));
    }
    const uint32_t *const entry = kws_log2_table + ((high >> 26) & 31);
    const uint32_t fraction = (high >> 10) & 0xffff;
    // At most 2910 * 65535: no overflow.
    const uint32_t rise = ((entry[1] - entry[0]) * fraction + 0x8000) >> 16;
    return exponent * 65536 + (int32_t)(entry[0] + rise);
}
