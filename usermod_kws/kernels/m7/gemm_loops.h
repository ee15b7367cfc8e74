// Between gemm.c and its inner loops in gemm_loops.c, which know every offset in these structures.
#ifndef KWS_M7_GEMM_LOOPS_H
#define KWS_M7_GEMM_LOOPS_H

#include <stdint.h>

#include "kernels/m7/gemm.h"

// What a loop copies to its stack and works on.
typedef struct {
    int32_t zero;           // of the output
    int32_t scale;          // of requantise.h, for shift -12
    uint32_t stride;        // from pixel to pixel of the output
    int8_t *out;            // the next channel of the first pixel
    const int32_t *channel; // mult of the next channel
    const uint32_t *x;
    const int32_t *end;     // `channel` behind the last one
    uintptr_t entry;        // into the unrolled groups, for those that whole passes leave
    uintptr_t exit;         // behind the unrolled groups: `finish`, or m7_gemm_loop_t.more when there are more passes
    uintptr_t finish;
    const uint32_t *x_end;
    uintptr_t entry_fours;  // a single pixel: into the unrolled fours of groups, `entry` being for groups before them
} m7_gemm_state_t;

typedef struct {
    m7_gemm_state_t state;
    const int8_t *weights;
    const kws_linear_t *linear;
    m7_rounding_t rounding;
    int32_t *sums; // m7_gemm_part: where the next channel's sum is added to; else NULL
    uint32_t skip; // bytes of weights from the last one used to the next channel's first
} m7_gemm_job_t;

// A loop's stack.
typedef struct {
    m7_gemm_state_t state;
    m7_gemm_job_t *job;
    int32_t sums[M7_GEMM_PIXELS]; // for m7_gemm_finish_any: doubled, with bias
    const int8_t *weights;        // while that runs
    uint32_t unused;
} m7_gemm_frame_t;

typedef struct {
    void (*run)(m7_gemm_job_t *job);
    uintptr_t end;         // address behind the unrolled groups, or fours
    uintptr_t singles_end; // a single pixel: behind the groups before the fours
    uintptr_t more;
    uintptr_t finish[3]; // by m7_rounding_t, then for any parameters
    uint32_t unrolled;   // groups, or fours
    uint32_t bytes;      // of code, of one of them
} m7_gemm_loop_t;

// By pixels - 1.
extern const m7_gemm_loop_t m7_gemm_loops[M7_GEMM_PIXELS];

// Takes the sums of the frame's channel to where the job wants them, whatever its parameters, and moves on to the next.
void m7_gemm_finish_any(m7_gemm_frame_t *frame, uint32_t pixels);

#endif
