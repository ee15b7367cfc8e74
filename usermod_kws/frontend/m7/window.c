#include "frontend/stages.h"
#include "frontend/tables.h"

// Two samples and two weights a load. Samples may lie at any even address, where LDR still works.
typedef struct __attribute__((packed, may_alias)) {
    uint32_t word;
} any_t;

static inline void product(int32_t *pair, const int16_t *pcm, const int16_t *window) {
    const uint32_t x = ((const any_t *)pcm)->word, w = ((const any_t *)window)->word;
    int32_t even, odd;
    __asm__("smulbb %0, %1, %2" : "=r"(even) : "r"(x), "r"(w));
    __asm__("smultt %0, %1, %2" : "=r"(odd) : "r"(x), "r"(w));
    pair[0] = even;
    pair[1] = odd;
}

// Reversed, the two lowest bits of a pair's index are the two highest: of four pairs that follow each other the first has
// its place from the table, the others lie half, a quarter and three quarters of the array behind it. fft_len is a
// constant here, so that these are constants, too. The table's shift is the addressing's: a 9-bit reversal of a number
// of fewer bits ends in zeros.
static inline __attribute__((always_inline)) void window_of(const int16_t *pcm, const int16_t *window, unsigned window_len,
                                                            unsigned fft_len, int32_t *z) {
    const unsigned scale = fft_len / 512; // int32 values a step of the table: 2, 1 or 1/2
    const uint16_t *rev = kws_fft_bit_reversal;
    const uint16_t *const fours_end = rev + window_len / 8 * 4, *const data_end = rev + window_len / 2;
    const uint16_t *const end = rev + fft_len / 2;
    for (; rev < fours_end; rev += 4, pcm += 8, window += 8) {
        int32_t *const first = z + (scale != 0 ? *rev * scale : *rev / 2u);
        product(first, pcm, window);
        product(first + fft_len / 2, pcm + 2, window + 2);
        product(first + fft_len / 4, pcm + 4, window + 4);
        product(first + fft_len / 4 * 3, pcm + 6, window + 6);
    }
    for (; rev < end; rev++) {
        int32_t *const pair = z + (scale != 0 ? *rev * scale : *rev / 2u);
        if (rev < data_end) {
            product(pair, pcm, window);
            pcm += 2;
            window += 2;
        } else {
            pair[0] = 0;
            pair[1] = 0;
        }
    }
}

void kws_window(const int16_t *pcm, const int16_t *window, unsigned window_len, unsigned fft_len, int32_t *z) {
    if (fft_len == 512) {
        window_of(pcm, window, window_len, 512, z);
    } else if (fft_len == 256) {
        window_of(pcm, window, window_len, 256, z);
    } else {
        window_of(pcm, window, window_len, 1024, z);
    }
}
