#include "fixed.h"
#include "frontend/stages.h"

// Sums in 64 bits: one instruction on Arm (SMLALBB, or SMLALD for two), and no table can overflow them.
void kws_dct(const int16_t *logmel, const int16_t *dct, unsigned n_mels, unsigned n_dct, unsigned shift, int16_t *out) {
    const int16_t *const logmel_end = logmel + n_mels;
    for (const int16_t *const out_end = out + n_dct; out < out_end;) {
        int64_t sum = 0;
        for (const int16_t *x = logmel; x < logmel_end;) {
            sum += *x++ * *dct++;
        }
        *out++ = fx_sat16((int32_t)fx_shr_round64(sum, shift));
    }
}
