// The front end: one frame of 16-bit audio in, one row of int8 features out, in integers only, so that every
// platform gives the same bytes. Set-up (kws_frontend_open) validates a table section once and may fail; running
// neither fails nor allocates. SPEC.md defines the section and the arithmetic of every stage.
#ifndef KWS_FRONTEND_H
#define KWS_FRONTEND_H

#include "kws.h"

#define KWS_FRONTEND_VERSION 1
#define KWS_FRONTEND_MAX_MELS 128

// How one raw feature becomes int8: saturate((raw * mult + bias) >> shift). Laid out as in the section.
typedef struct {
    int32_t bias;   // holds the offset and the rounding half; |bias| <= 2^30
    int16_t mult;
    uint16_t shift; // 0..30
} kws_norm_t;

// The weights of mel band m belong to FFT bins first_bin .. first_bin + count - 1. Laid out as in the section.
typedef struct {
    uint16_t first_bin; // >= 1
    uint16_t count;     // >= 1; first_bin + count <= fft_len / 2
} kws_mel_band_t;

// An opened front end. It points into the section, which must stay where it is, unchanged, while this is in use.
// Read-only after kws_frontend_open, so several streams may share one. Fields are public for reading.
typedef struct {
    uint32_t sample_rate_hz; // 1000..96000; informative
    uint16_t window_len;     // samples in a frame: even, 2..fft_len
    uint16_t hop_len;        // samples from one frame to the next: 1..window_len
    uint16_t fft_len;        // 256, 512 or 1024
    uint16_t n_mels;         // mel bands: 1..128
    uint16_t n_dct;          // cepstral coefficients: 1..n_mels, or 0 for log-mel features
    uint16_t n_out;          // features in a row: n_dct, or n_mels when n_dct is 0
    uint16_t raw_frac_bits;  // a raw feature is in units of 2^-raw_frac_bits (log2 of power)
    uint32_t floor;          // added to every mel energy, in units of 2^-13: see mel.c
    uint16_t first_bin;      // lowest and highest FFT bin that any band uses
    uint16_t last_bin;
    const int16_t *window;         // [window_len] Q15, > -32768
    const kws_mel_band_t *bands;   // [n_mels]
    const uint16_t *mel_weights;   // [sum of counts] Q15, band after band
    const int16_t *dct;            // [n_dct][n_mels] Q15, or NULL
    const kws_norm_t *norm;        // [n_out]
} kws_frontend_t;

// Validates `section` (len bytes, 4-byte aligned) and fills `fe`. Returns 0 or a negative status, then err (may be
// NULL) says what and at which byte. On failure fe must not be used.
int kws_frontend_open(kws_frontend_t *fe, const void *section, size_t len, kws_error_t *err);

// Bytes of scratch that a frame needs (about 4 * fft_len); contents need not survive between frames.
size_t kws_frontend_scratch_bytes(const kws_frontend_t *fe);

// One frame: pcm [window_len] int16, scratch 8-byte aligned, out [n_out] int8.
void kws_frontend_frame(const kws_frontend_t *fe, const int16_t *pcm, void *scratch, int8_t *out);

// The same before normalisation: out [n_out] int16, log2 of mel power (or its DCT) with raw_frac_bits fraction bits.
void kws_frontend_raw(const kws_frontend_t *fe, const int16_t *pcm, void *scratch, int16_t *out);

#endif
