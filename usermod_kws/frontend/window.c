#include "frontend/stages.h"
#include "frontend/tables.h"

// The products are stored where the in-place FFT wants them, which saves it a pass of its own.
void kws_window(const int16_t *pcm, const int16_t *window, unsigned window_len, unsigned fft_len, int32_t *z) {
    const unsigned drop = fft_len == 1024 ? 0 : fft_len == 512 ? 1 : 2;
    const uint16_t *rev = kws_fft_bit_reversal;
    const uint16_t *const rev_data_end = rev + window_len / 2;
    const uint16_t *const rev_end = rev + fft_len / 2;

    for (; rev < rev_data_end; rev++, pcm += 2, window += 2) {
        int32_t *pair = z + 2 * (*rev >> drop);
        pair[0] = pcm[0] * window[0];
        pair[1] = pcm[1] * window[1];
    }
    for (; rev < rev_end; rev++) {
        int32_t *pair = z + 2 * (*rev >> drop);
        pair[0] = 0;
        pair[1] = 0;
    }
}
