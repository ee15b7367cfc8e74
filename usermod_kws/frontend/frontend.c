// The pipeline of a frame. frontend_open.c makes sure beforehand that nothing here can go wrong.
#include "fixed.h"
#include "frontend/stages.h"

#define LOGMEL_FRAC_BITS 9

// log2 of a mel energy counted in units of 2^-13 * 2^-2e; see SPEC.md for where the 13 comes from.
#define ENERGY_EXPONENT 13

static void logmel(const kws_frontend_t *fe, const int16_t *pcm, int32_t *z, int16_t *out) {
    kws_window(pcm, fe->window, fe->window_len, fe->fft_len, z);
    const uint32_t magnitude_bits = kws_fft(z, fe->fft_len);
    uint32_t *const power = (uint32_t *)z;
    const unsigned e = kws_power(power, magnitude_bits, fe->first_bin, fe->last_bin);

    const uint64_t floor_scaled = (uint64_t)fe->floor << (2 * e);
    const int32_t offset_q16 = (int32_t)(ENERGY_EXPONENT + 2 * e) * 65536;
    const uint16_t *weights = fe->mel_weights;
    const kws_mel_band_t *const bands_end = fe->bands + fe->n_mels;
    for (const kws_mel_band_t *band = fe->bands; band < bands_end; band++) {
        const uint64_t energy = kws_mel_band(power + band->first_bin, weights, band->count, floor_scaled);
        weights += band->count;
        *out++ = (int16_t)fx_shr_round32(kws_log2_q16(energy) - offset_q16, 16 - LOGMEL_FRAC_BITS);
    }
}

size_t kws_frontend_scratch_bytes(const kws_frontend_t *fe) {
    const size_t bytes = fe->fft_len * sizeof(int32_t) + (size_t)(fe->n_mels + fe->n_dct) * sizeof(int16_t);
    return (bytes + 7) & ~(size_t)7;
}

void kws_frontend_raw(const kws_frontend_t *fe, const int16_t *pcm, void *scratch, int16_t *out) {
    int32_t *const z = scratch;
    if (fe->n_dct == 0) {
        logmel(fe, pcm, z, out);
    } else {
        int16_t *const bands = (int16_t *)(z + fe->fft_len);
        logmel(fe, pcm, z, bands);
        kws_dct(bands, fe->dct, fe->n_mels, fe->n_dct, 15 + LOGMEL_FRAC_BITS - fe->raw_frac_bits, out);
    }
}

void kws_frontend_frame(const kws_frontend_t *fe, const int16_t *pcm, void *scratch, int8_t *out) {
    int16_t *const raw = (int16_t *)((int32_t *)scratch + fe->fft_len) + (fe->n_dct == 0 ? 0 : fe->n_mels);
    kws_frontend_raw(fe, pcm, scratch, raw);
    kws_quantise(raw, fe->norm, fe->n_out, out);
}
