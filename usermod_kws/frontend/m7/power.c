#include "fixed.h"
#include "frontend/stages.h"

// More headroom than this is left unused: at 15 even noise of one LSB keeps 18 bits of power, and the floor of
// the mel stage, shifted by twice as much, still fits.
#define MAX_EXPONENT 15

unsigned kws_power(uint32_t *z_power, uint32_t magnitude_bits, unsigned first, unsigned last) {
    const unsigned headroom = fx_clz32(magnitude_bits | 1) - 1;
    const unsigned e = headroom < MAX_EXPONENT ? headroom : MAX_EXPONENT;

    // Bin k is read from words 2k and 2k + 1 and its power written to word k: never ahead of the reads.
    const uint32_t *z = z_power + 2 * first;
    const uint32_t *const end = z_power + 2 * (last + 1);
#pragma GCC unroll 4
    for (uint32_t *power = z_power + first; z < end; z += 2) {
        *power++ = fx_norm2_hi((int32_t)(z[0] << e), (int32_t)(z[1] << e));
    }
    return e;
}
