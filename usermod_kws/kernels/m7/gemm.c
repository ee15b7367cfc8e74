#include "kernels/m7/gemm.h"

#include "fixed.h"
#include "kernels/m7/gemm_loops.h"

#define FINISH_ANY 2
#define SINGLE_BYTES 22 // of code, of a group of a single pixel

void m7_gemm_finish_any(m7_gemm_frame_t *frame, uint32_t pixels) {
    m7_gemm_state_t *s = &frame->state;
    const kws_linear_t *p = frame->job->linear;
    int32_t mult = s->channel[0], shift = s->channel[1];
    for (uint32_t i = 0; i < pixels; i++) {
        int32_t sum = frame->sums[i] >> 1;
        int32_t y = frame->job->rounding == M7_ROUND_ONCE ? fx_requantise_once(sum, mult, shift)
                                                          : fx_requantise(sum, mult, shift);
        s->out[i * s->stride] = (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
    }
    s->out++;
    s->channel += sizeof(kws_channel_t) / sizeof(int32_t);
}

// Where the loop enters its unrolled part to go n >= 0 times through it; sets where it leaves.
static uintptr_t enter(m7_gemm_state_t *s, const m7_gemm_loop_t *loop, uint32_t n) {
    uint32_t first = n % loop->unrolled;
    if (first == 0 && n > 0) {
        first = loop->unrolled;
    }
    s->exit = n > first ? loop->more : s->finish;
    return loop->end - first * loop->bytes;
}

void m7_gemm(const kws_linear_t *p, uint32_t products, m7_rounding_t rounding, const uint32_t *x, uint32_t pixels,
             int8_t *out) {
    const m7_gemm_loop_t *loop = &m7_gemm_loops[pixels - 1];
    uint32_t groups = kws_row_bytes(products) / 4;
    int whole_range = p->out_min == INT8_MIN && p->out_max == INT8_MAX;
    m7_gemm_job_t job = {
        .state = {.zero = p->out_zero,
                  .scale = (INT32_C(1) << 20) + (rounding == M7_ROUND_TWICE),
                  .stride = p->out.c,
                  .out = out,
                  .channel = &p->channels[0].mult,
                  .x = x,
                  .end = &p->channels[p->out.c].mult,
                  .finish = loop->finish[whole_range ? (uint32_t)rounding : FINISH_ANY],
                  .x_end = x + (size_t)groups * pixels * 2},
        .weights = p->weights,
        .linear = p,
        .rounding = rounding,
    };
    m7_gemm_state_t *s = &job.state;
    if (pixels > 1) {
        s->entry = enter(s, loop, groups - 1);
    } else {
        uint32_t singles = groups % 4;
        s->entry_fours = enter(s, loop, groups / 4);
        s->entry = singles == 0 ? s->entry_fours : loop->singles_end - singles * SINGLE_BYTES;
    }
    loop->run(&job);
}
