#ifndef KWS_M7_DEPTHWISE_COLUMN_ROWS_H
#define KWS_M7_DEPTHWISE_COLUMN_ROWS_H

#include "kernels/m7/requantise.h"

// What the loop needs to know of a channel, in the order of the stack frame that it makes of it.
typedef struct {
    m7_requantise_t requantise;
    uint32_t step;           // bytes from output to output
    int8_t *out;
    const uint32_t *weights; // (w0, w1), (0, w0), (w2, w3), (w1, w2), ...: four words a pass, doubled
    uint32_t passes;         // over four taps each
    uint32_t back;           // bytes of x from the end of a block to the next: 8 * passes - 4
    uint32_t blocks;         // of four outputs, >= 1
    int32_t bias;            // doubled
} m7_column_t;

// x: 2 * (blocks - 1) + 2 * passes + 1 words.
void m7_column_run(const uint32_t *x, const m7_column_t *column);

#endif
