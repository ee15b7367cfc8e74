#include "frontend/stages.h"

// Weights are below 2^16, powers at most 2^31 and bins at most 512: the sum stays below 2^56.
uint64_t kws_mel_band(const uint32_t *power, const uint16_t *weights, unsigned count, uint64_t floor_scaled) {
    uint64_t energy = floor_scaled;
#pragma GCC unroll 4
    for (const uint16_t *const end = weights + count; weights < end;) {
        energy += (uint64_t)*power++ * *weights++;
    }
    return energy;
}
