// Sums of int8 pixels by channel: LDR and two SXTAB16 for four of them, in 16-bit halves that are emptied into 32 bits
// before they can overflow.
#ifndef KWS_M7_SUMS_H
#define KWS_M7_SUMS_H

#include <stddef.h>

#include "kernels/m7/simd.h"

#define M7_HALF_FULL 256 // int8 values that certainly fit: 256 * -128 = -32768

// Adds a block of rows x columns pixels, `row` bytes and c bytes apart, channels 0..4 * words - 1 of each, to sums.
// words: a constant. Rows that follow each other without a gap should come as one.
static inline __attribute__((always_inline)) void m7_sum_words(const int8_t *in, size_t rows, size_t columns, size_t row,
                                                               size_t c, size_t words, int32_t *sums) {
    uint32_t even[4] = {0}, odd[4] = {0};
    size_t room = M7_HALF_FULL;
    for (; rows > 0; rows--, in += row) {
        const int8_t *px = in;
        for (size_t left = columns; left > 0;) {
            size_t n = left < room ? left : room;
            left -= n;
            room -= n;
            do {
#pragma GCC unroll 4
                for (size_t i = 0; i < words; i++) {
                    uint32_t x = m7_load(px + 4 * i);
                    even[i] = m7_sxtab16(even[i], x);
                    odd[i] = m7_sxtab16_odd(odd[i], x);
                }
                px += c;
            } while (--n);
            if (room == 0 || (left == 0 && rows == 1)) {
                for (size_t i = 0; i < words; i++) {
                    sums[4 * i] += (int16_t)even[i];
                    sums[4 * i + 1] += (int16_t)odd[i];
                    sums[4 * i + 2] += (int32_t)even[i] >> 16;
                    sums[4 * i + 3] += (int32_t)odd[i] >> 16;
                    even[i] = odd[i] = 0;
                }
                room = M7_HALF_FULL;
            }
        }
    }
}

// The sums of some channels from `first` on, into sums[16], for c >= 4. Returns how many: 16, or 4. Where fewer than four
// are left it moves *first back, so that channels may come twice.
static inline size_t m7_sum_channels(const int8_t *in, size_t rows, size_t columns, size_t row, size_t c, size_t *first,
                                     int32_t sums[16]) {
    if (columns * c == row) { // whole rows
        columns *= rows;
        rows = 1;
    }
    size_t n = c - *first >= 16 ? 16 : 4;
    *first = *first + n <= c ? *first : c - n;
    for (size_t i = 0; i < n; i++) {
        sums[i] = 0;
    }
    if (n == 16) {
        m7_sum_words(in + *first, rows, columns, row, c, 4, sums);
    } else {
        m7_sum_words(in + *first, rows, columns, row, c, 1, sums);
    }
    return n;
}

#endif
