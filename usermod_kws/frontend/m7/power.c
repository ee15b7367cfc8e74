#include "fixed.h"
#include "frontend/stages.h"

#define MAX_EXPONENT 15 // as in ../power.c

// Two bins a pass; never ahead of the reads. z: even number of bins, end: behind them.
static void two_bins(const uint32_t *z, const uint32_t *end, uint32_t *power, unsigned e) {
    __asm__ volatile("1:\n"
                     "ldm %0!, {r4-r7}\n"
                     "lsl r4, r4, %2\n lsl r5, r5, %2\n lsl r6, r6, %2\n lsl r7, r7, %2\n"
                     "smull r8, r4, r4, r4\n smlal r8, r4, r5, r5\n"
                     "smull r8, r6, r6, r6\n smlal r8, r6, r7, r7\n"
                     "strd r4, r6, [%1], #8\n"
                     "cmp %0, %3\n"
                     "bne 1b\n"
                     : "+r"(z), "+r"(power)
                     : "r"(e), "r"(end)
                     : "r4", "r5", "r6", "r7", "r8", "cc", "memory");
}

unsigned kws_power(uint32_t *z_power, uint32_t magnitude_bits, unsigned first, unsigned last) {
    const unsigned headroom = fx_clz32(magnitude_bits | 1) - 1;
    const unsigned e = headroom < MAX_EXPONENT ? headroom : MAX_EXPONENT;
    const uint32_t *z = z_power + 2 * first;
    const uint32_t *const end = z_power + 2 * (last + 1);
    uint32_t *power = z_power + first;
    if ((last - first) % 2 == 0) {
        *power++ = fx_norm2_hi((int32_t)(z[0] << e), (int32_t)(z[1] << e));
        z += 2;
    }
    if (z != end) {
        two_bins(z, end, power, e);
    }
    return e;
}
