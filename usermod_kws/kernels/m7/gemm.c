#include "kernels/m7/gemm.h"

#include "fixed.h"
#include "kernels/m7/gemm_blocks.h"
#include "kernels/m7/gemm_loops.h"

#define SCALE_BASE (INT32_C(1) << 20) // requantise.h's scale for shift -12, but for the 1 that tips ties
#define FINISH_ANY 2
#define SINGLE_BYTES 22 // of code, of a group of a single pixel

void m7_gemm_finish_any(m7_gemm_frame_t *frame, uint32_t pixels) {
    m7_gemm_state_t *s = &frame->state;
    m7_gemm_job_t *job = frame->job;
    const kws_linear_t *p = job->linear;
    int32_t bias = s->channel[-1], mult = s->channel[0], shift = s->channel[1];
    s->channel += sizeof(kws_channel_t) / sizeof(int32_t);
    if (job->sums) {
        *job->sums++ += (frame->sums[0] >> 1) - bias;
        frame->weights += job->skip;
        return;
    }
    for (uint32_t i = 0; i < pixels; i++) {
        int32_t sum = frame->sums[i] >> 1;
        int32_t y = job->rounding == M7_ROUND_ONCE ? fx_requantise_once(sum, mult, shift) : fx_requantise(sum, mult, shift);
        s->out[i * s->stride] = (int8_t)fx_clamp(fx_add_wrap(y, p->out_zero), p->out_min, p->out_max);
    }
    s->out++;
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

// Sets all but scale, out, finish and the entries, field by field: an initialiser would clear the structure first.
static void start(m7_gemm_job_t *job, const kws_linear_t *p, m7_channels_t channels, const uint32_t *x) {
    job->state.zero = p->out_zero;
    job->state.stride = p->out.c;
    job->state.channel = &p->channels[channels.first].mult;
    job->state.end = &p->channels[channels.end].mult;
    job->state.x = x;
    job->linear = p;
    job->sums = NULL;
}

static void run(m7_gemm_job_t *job, const m7_gemm_loop_t *loop, uint32_t groups, uint32_t pixels) {
    m7_gemm_state_t *s = &job->state;
    s->x_end = s->x + (size_t)groups * pixels * 2;
    if (pixels > 1) {
        s->entry = enter(s, loop, groups - 1);
    } else {
        uint32_t singles = groups % 4;
        s->entry_fours = enter(s, loop, groups / 4);
        s->entry = singles == 0 ? s->entry_fours : loop->singles_end - singles * SINGLE_BYTES;
    }
    loop->run(job);
}

void m7_gemm(const kws_linear_t *p, m7_channels_t channels, uint32_t products, m7_rounding_t rounding, const uint32_t *x,
             uint32_t pixels, int8_t *out) {
    const m7_gemm_loop_t *loop = &m7_gemm_loops[pixels - 1];
    uint32_t row = kws_row_bytes(products);
    m7_gemm_job_t job;
    start(&job, p, channels, x);
    job.state.scale = SCALE_BASE + (rounding == M7_ROUND_TWICE);
    job.state.out = out + channels.first;
    job.state.finish = loop->finish[whole_range(p) ? (uint32_t)rounding : FINISH_ANY];
    job.weights = p->weights + (size_t)channels.first * row;
    job.rounding = rounding;
    run(&job, loop, row / 4, pixels);
}

void m7_gemm_part(const kws_linear_t *p, m7_channels_t channels, uint32_t from, uint32_t products, const uint32_t *x,
                  int32_t *sums) {
    const m7_gemm_loop_t *loop = &m7_gemm_loops[0];
    uint32_t row = kws_row_bytes(p->in.c), bytes = kws_row_bytes(products);
    m7_gemm_job_t job;
    start(&job, p, channels, x);
    job.state.finish = loop->finish[FINISH_ANY];
    job.weights = p->weights + (size_t)channels.first * row + from;
    job.sums = sums;
    job.skip = row - bytes;
    run(&job, loop, bytes / 4, 1);
}

bool m7_gemm_blocks_take(const kws_linear_t *p, uint32_t products) {
    uint32_t row = kws_row_bytes(products);
    return row % 8 == 0 && row <= 64 && whole_range(p);
}

static bool is_usual(const kws_channel_t *ch) {
    return (uint32_t)(ch->shift + 12) <= 10;
}

uint32_t m7_usual_channels(const kws_linear_t *p, uint32_t first) {
    while (first < p->out.c && is_usual(&p->channels[first])) {
        first++;
    }
    return first;
}

static void run_blocks(const kws_linear_t *p, m7_channels_t channels, uint32_t products, const uint32_t *x,
                       uint32_t blocks, int8_t *out) {
    uint32_t groups = kws_row_bytes(products) / 4;
    m7_gemm_blocks_t job;
    job.zero = p->out_zero;
    job.stride = p->out.c;
    job.out_step = M7_GEMM_PIXELS * p->out.c;
    job.x = x;
    job.x_end = x + (size_t)groups * M7_GEMM_PIXELS * 2 * blocks;
    job.out_first = out + channels.first;
    job.channel = &p->channels[channels.first].bias;
    job.end = &p->channels[channels.end].bias;
    job.entry_first = m7_gemm_blocks_code.groups_end - (groups - 2) * m7_gemm_blocks_code.group_bytes;
    job.entry_next = m7_gemm_blocks_code.pairs_end - (groups / 2 - 1) * m7_gemm_blocks_code.pair_bytes;
    job.scale_base = SCALE_BASE + 1;
    job.weights = p->weights + (size_t)channels.first * groups * 4;
    m7_gemm_blocks_run(&job);
}

void m7_gemm_blocks(const kws_linear_t *p, uint32_t products, const uint32_t *x, uint32_t blocks, bool usual,
                    int8_t *out) {
    uint32_t block_words = kws_row_bytes(products) / 4 * M7_GEMM_PIXELS * 2;
    m7_channels_t channels = {0, usual ? p->out.c : m7_usual_channels(p, 0)};
    while (channels.first < p->out.c) {
        if (channels.end > channels.first) {
            run_blocks(p, channels, products, x, blocks, out);
        }
        m7_channels_t others = {channels.end, channels.end};
        while (others.end < p->out.c && !is_usual(&p->channels[others.end])) {
            others.end++;
        }
        if (others.end > others.first) {
            for (uint32_t i = 0; i < blocks; i++) {
                m7_gemm(p, others, products, M7_ROUND_TWICE, x + i * block_words, M7_GEMM_PIXELS,
                        out + (size_t)i * M7_GEMM_PIXELS * p->out.c);
            }
        }
        channels = (m7_channels_t){others.end, m7_usual_channels(p, others.end)};
    }
}
