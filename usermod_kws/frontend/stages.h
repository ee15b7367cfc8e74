// The stages of a frame, in order. frontend.c chains them; tests call them one by one.
#ifndef KWS_FRONTEND_STAGES_H
#define KWS_FRONTEND_STAGES_H

#include "frontend/frontend.h"

// pcm [window_len] x window [window_len] Q15, zero-padded to fft_len, as fft_len / 2 complex values (even sample,
// odd sample) in bit-reversed order: z [fft_len] int32 = (re, im) pairs. Exact; |component| < 2^30.
void kws_window(const int16_t *pcm, const int16_t *window, unsigned window_len, unsigned fft_len, int32_t *z);

// In place. In: what kws_window gives. Out: z[2k], z[2k + 1] = re, im of bin k of the real FFT divided by fft_len,
// for k = 1..fft_len / 2 - 1; pair 0 is undefined. Returns the OR of fx_magnitude_bits over these bins.
uint32_t kws_fft(int32_t *z, unsigned fft_len);

// In place: z [.] as kws_fft left it -> power[k], k = first..last, at the same address, of bins shifted left by the
// returned exponent: power[k] = ((re << e)^2 + (im << e)^2) >> 32, so |X|^2 = power * 2^(32 - 2e). e is 0..15.
unsigned kws_power(uint32_t *z_power, uint32_t magnitude_bits, unsigned first, unsigned last);

// energy[m] = sum of weight * power over band m's bins + floor * 2^(2 e). At most 2^57, and at least 1 when floor is.
uint64_t kws_mel_band(const uint32_t *power, const uint16_t *weights, unsigned count, uint64_t floor_scaled);

// log2(x) in Q16, x >= 1; error -1.8e-4 .. +1e-5.
int32_t kws_log2_q16(uint64_t x);

// out[k] = saturate16((sum over m of dct[k][m] * logmel[m]) rounded >> shift), k < n_dct; shift 15..20.
void kws_dct(const int16_t *logmel, const int16_t *dct, unsigned n_mels, unsigned n_dct, unsigned shift, int16_t *out);

// out[i] = saturate8((raw[i] * norm[i].mult + norm[i].bias) >> norm[i].shift), i < n.
void kws_quantise(const int16_t *raw, const kws_norm_t *norm, unsigned n, int8_t *out);

#endif
