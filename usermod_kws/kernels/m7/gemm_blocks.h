// Between gemm.c and gemm_blocks.c, which knows every offset in m7_gemm_blocks_t.
#ifndef KWS_M7_GEMM_BLOCKS_H
#define KWS_M7_GEMM_BLOCKS_H

#include <stdint.h>

// What the loop copies to its stack and works on.
typedef struct {
    int32_t zero;            // of the output
    uint32_t stride;         // from pixel to pixel of the output
    int8_t *out;             // the block's first pixel in the channel
    uint32_t out_step;       // from block to block
    int32_t mult, scale;     // of the channel
    const uint32_t *x;
    int8_t *out_first;       // `out` of the next channel's first block
    const int32_t *channel;  // the next one
    const int32_t *end;
    uintptr_t entry_first;   // into the groups behind the second one
    uintptr_t entry_next;    // into the pairs of groups behind the first one
    int32_t bias;            // doubled
    const uint32_t *x_end;
    int32_t scale_base;      // of requantise.h, for shift -12
    const int8_t *weights;   // of the next channel
} m7_gemm_blocks_t;

void m7_gemm_blocks_run(const m7_gemm_blocks_t *job);

// Addresses behind the unrolled code and the bytes of one piece of it.
extern const struct {
    uintptr_t groups_end;
    uint32_t group_bytes;
    uintptr_t pairs_end;
    uint32_t pair_bytes;
} m7_gemm_blocks_code;

#endif
