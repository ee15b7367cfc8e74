#include "fixed.h"
#include "frontend/stages.h"

// |raw * mult| <= 2^30 and |bias| <= 2^30, so the sum fits unless both are at their limits, which mult > -32768
// rules out.
void kws_quantise(const int16_t *raw, const kws_norm_t *norm, unsigned n, int8_t *out) {
    for (const int16_t *const end = raw + n; raw < end; norm++) {
        *out++ = fx_sat8((*raw++ * norm->mult + norm->bias) >> norm->shift);
    }
}
