#ifndef KWS_M7_DEPTHWISE3X3_ROWS_H
#define KWS_M7_DEPTHWISE3X3_ROWS_H

#include <stddef.h>

#include "kernels/m7/requantise.h"

#define M7_PLANE_WORDS 4 // in a row of a plane: 8 pixels

// What the loop needs to know of a channel, in the order of the stack frame that it makes of it.
typedef struct {
    m7_requantise_t requantise;
    const int8_t *end;  // of the output pointer, behind the last row
    int32_t step;       // from row to row of the output, less what STORE_4 and STORE_5 have gone already: m7_lane_steps
    int32_t back;       // in the plane: bytes to the next window, less the rows read
    int32_t bias;       // doubled
    uint32_t weights[3][2]; // of a row: (w0, w1), (w1, w2), doubled
} m7_lane_t;

// plane: rows of M7_PLANE_WORDS; out: the block's first pixel; c: from pixel to pixel of the output.
typedef void m7_rows_t(const uint32_t *plane, int8_t *out, size_t c, const m7_lane_t *lane);

// The widest blocks with stride 1 and 2.
#define M7_BLOCK_1 5
#define M7_BLOCK_2 3
// By rows of the kernel (one, three), stride in width (1, 2) and width of a block.
extern m7_rows_t *const m7_rows[2][2][M7_BLOCK_1 + 1];

// Sets where the loop ends: rows output rows of row_bytes, block pixels of c bytes wide.
static inline void m7_lane_steps(m7_lane_t *lane, int8_t *out, size_t rows, size_t row_bytes, size_t block, size_t c) {
    lane->end = out + rows * row_bytes;
    lane->step = (int32_t)row_bytes - (block >= 4 ? (int32_t)c : 0);
}

#endif
