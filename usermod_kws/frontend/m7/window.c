#include "frontend/stages.h"
#include "frontend/tables.h"

// Reversed, the two lowest bits of a pair's index are the two highest: of four pairs that follow each other the first has
// its place from the table, the others lie half, a quarter and three quarters of the array behind it. For 512 points
// these are 1024, 512 and 1536 bytes: within the reach of STRD from 768 bytes behind the first. A place is the table's
// entry times 4: the entries are reversed in 9 bits, one more than these indices have. LDR may be unaligned.
static const uint16_t *fours_512(const int16_t *pcm, const int16_t *window, int32_t *z, const uint16_t *rev,
                                 const uint16_t *end) {
    const char *const middle = (const char *)z + 768;
    __asm__ volatile("1:\n"
                     "ldrh r4, [%0], #8\n"
                     "add r4, %3, r4, lsl #2\n"
                     "ldr r5, [%1], #4\n ldr r6, [%2], #4\n smulbb r7, r5, r6\n smultt r8, r5, r6\n strd r7, r8, [r4, #-768]\n"
                     "ldr r5, [%1], #4\n ldr r6, [%2], #4\n smulbb r7, r5, r6\n smultt r8, r5, r6\n strd r7, r8, [r4, #256]\n"
                     "ldr r5, [%1], #4\n ldr r6, [%2], #4\n smulbb r7, r5, r6\n smultt r8, r5, r6\n strd r7, r8, [r4, #-256]\n"
                     "ldr r5, [%1], #4\n ldr r6, [%2], #4\n smulbb r7, r5, r6\n smultt r8, r5, r6\n strd r7, r8, [r4, #768]\n"
                     "cmp %0, %4\n"
                     "bne 1b\n"
                     : "+r"(rev), "+r"(pcm), "+r"(window)
                     : "r"(middle), "r"(end)
                     : "r4", "r5", "r6", "r7", "r8", "cc", "memory");
    return rev;
}

void kws_window(const int16_t *pcm, const int16_t *window, unsigned window_len, unsigned fft_len, int32_t *z) {
    const unsigned drop = fft_len == 1024 ? 0 : fft_len == 512 ? 1 : 2;
    const uint16_t *rev = kws_fft_bit_reversal;
    const uint16_t *const rev_data_end = rev + window_len / 2;
    const uint16_t *const rev_end = rev + fft_len / 2;

    if (fft_len == 512 && window_len >= 8) {
        rev = fours_512(pcm, window, z, rev, rev + window_len / 8 * 4);
        pcm += window_len / 8 * 8;
        window += window_len / 8 * 8;
    }
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
