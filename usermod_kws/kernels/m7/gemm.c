#include "kernels/m7/gemm.h"

#include "fixed.h"
#include "kernels/m7/gemm_blocks.h"
#include "kernels/m7/gemm_loops.h"

#define SCALE_BASE (INT32_C(1) << 20) // requantise.h's scale for shift -12, but for the 1 that tips ties
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

static bool whole_range(const kws_linear_t *p) {
    return p->out_min == INT8_MIN && p->out_max == INT8_MAX;
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
    // Field by field: an initialiser would clear the structure first.
    m7_gemm_job_t job;
    m7_gemm_state_t *s = &job.state;
    s->zero = p->out_zero;
    s->scale = SCALE_BASE + (rounding == M7_ROUND_TWICE);
    s->stride = p->out.c;
    s->out = out;
    s->channel = &p->channels[0].mult;
    s->x = x;
    s->end = &p->channels[p->out.c].mult;
    s->finish = loop->finish[whole_range(p) ? (uint32_t)rounding : FINISH_ANY];
    s->x_end = x + (size_t)groups * pixels * 2;
    job.weights = p->weights;
    job.linear = p;
    job.rounding = rounding;
    if (pixels > 1) {
        s->entry = enter(s, loop, groups - 1);
    } else {
        uint32_t singles = groups % 4;
        s->entry_fours = enter(s, loop, groups / 4);
        s->entry = singles == 0 ? s->entry_fours : loop->singles_end - singles * SINGLE_BYTES;
    }
    loop->run(&job);
}

bool m7_gemm_blocks_take(const kws_linear_t *p, uint32_t products) {
    uint32_t row = kws_row_bytes(products);
    if (row % 8 != 0 || row > 64 || !whole_range(p)) {
        return false;
    }
    for (const kws_channel_t *ch = p->channels; ch < p->channels + p->out.c; ch++) {
        if ((uint32_t)(ch->shift + 12) > 10) {
            return false;
        }
    }
    return true;
}

void m7_gemm_blocks(const kws_linear_t *p, uint32_t products, const uint32_t *x, uint32_t blocks, int8_t *out) {
    uint32_t groups = kws_row_bytes(products) / 4;
    m7_gemm_blocks_t job;
    job.zero = p->out_zero;
    job.stride = p->out.c;
    job.out_step = M7_GEMM_PIXELS * p->out.c;
    job.x = x;
    job.x_end = x + (size_t)groups * M7_GEMM_PIXELS * 2 * blocks;
    job.out_first = out;
    job.channel = (const int32_t *)p->channels;
    job.end = (const int32_t *)(p->channels + p->out.c);
    job.entry_first = m7_gemm_blocks_code.groups_end - (groups - 2) * m7_gemm_blocks_code.group_bytes;
    job.entry_next = m7_gemm_blocks_code.pairs_end - (groups / 2 - 1) * m7_gemm_blocks_code.pair_bytes;
    job.scale_base = SCALE_BASE + 1;
    job.weights = p->weights;
    m7_gemm_blocks_run(&job);
}
