#include "net/stream.h"

#include <string.h>

#define ALIGN 16

static size_t round_up(size_t n) {
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static const kws_program_t *program_of(const kws_model_t *m, kws_stream_mode_t mode) {
    const kws_program_t *step = mode == KWS_STREAM_AUTO ? kws_model_program(m, KWS_PROGRAM_STEP) : NULL;
    return step != NULL ? step : kws_model_program(m, KWS_PROGRAM_WINDOW);
}

static size_t ring_bytes(const kws_model_t *m, const kws_program_t *p) {
    return p == kws_model_program(m, KWS_PROGRAM_STEP) ? 0 : kws_tensor_bytes(p->input);
}

typedef struct {
    size_t pcm, ring, scratch, arena, scores, end; // offsets
} layout_t;

static layout_t layout(const kws_model_t *m, uint32_t rows, const kws_program_t *p) {
    layout_t l;
    l.pcm = round_up(sizeof(kws_stream_t));
    l.ring = l.pcm + round_up(m->frontend.window_len * sizeof(int16_t));
    l.scratch = l.ring + round_up(ring_bytes(m, p));
    l.arena = l.scratch + round_up(kws_frontend_scratch_bytes(&m->frontend));
    l.scores = l.arena + round_up(p->arena_bytes);
    l.end = l.scores + round_up((size_t)rows * kws_model_classes(m));
    return l;
}

size_t kws_stream_bytes(const kws_model_t *m, uint32_t rows, kws_stream_mode_t mode) {
    if (!m->has_frontend || rows == 0 || (uint64_t)rows * kws_model_classes(m) > KWS_MAX_BYTES) {
        return 0;
    }
    return layout(m, rows, program_of(m, mode)).end;
}

// n samples complete at most ceil(n / hop) frames and those at most ceil(frames / decision hop) rows, so this many
// samples never make more than `rows`.
static uint32_t max_samples(const kws_model_t *m, uint32_t rows) {
    uint64_t frames = (uint64_t)rows * m->decision_hop_frames;
    uint64_t most = INT32_MAX / m->frontend.hop_len;
    return (uint32_t)(frames < most ? frames : most) * m->frontend.hop_len;
}

kws_stream_t *kws_stream_init(void *memory, const kws_model_t *m, uint32_t rows, kws_stream_mode_t mode) {
    const kws_program_t *p = program_of(m, mode);
    uint8_t *base = memory;
    layout_t l = layout(m, rows, p);
    kws_stream_t *s = memory;
    memset(base, 0, l.end);
    s->model = m;
    s->program = p;
    s->scores = (int8_t *)base + l.scores;
    s->max_rows = rows;
    s->max_samples = max_samples(m, rows);
    s->state_bytes = p->state_bytes + (uint32_t)ring_bytes(m, p);
    s->pcm = (int16_t *)(void *)(base + l.pcm);
    s->ring = (int8_t *)base + l.ring;
    s->scratch = base + l.scratch;
    s->arena = base + l.arena;
    kws_stream_reset(s);
    return s;
}

void kws_stream_reset(kws_stream_t *s) {
    uint32_t window = kws_model_input(s->model)->h, hop = s->model->decision_hop_frames;
    s->frames = 0;
    s->pcm_fill = 0;
    s->ring_next = 0;
    s->runs = 0;
    s->runs_to_scores = 0;
    s->frames_to_run = window;
    if (kws_stream_steps(s)) {
        // So many that a step ends when the window is full.
        s->runs_to_scores = (window - 1) / hop;
        s->frames_to_run = window - s->runs_to_scores * hop;
    }
    kws_program_begin(s->program, s->arena, 0);
}

int8_t *kws_stream_frame(kws_stream_t *s) {
    uint32_t frame_bytes = s->model->frontend.n_out;
    if (kws_stream_steps(s)) {
        const kws_tensor_t *input = s->program->input;
        return (int8_t *)s->arena + input->offset + (input->h - s->frames_to_run) * frame_bytes;
    }
    return s->ring + s->ring_next * frame_bytes;
}

// Copies the ring's frames to the network's input, oldest first.
static void unroll(kws_stream_t *s) {
    const kws_tensor_t *in = s->program->input;
    int8_t *input = (int8_t *)s->arena + in->offset;
    uint32_t newest = s->ring_next * s->model->frontend.n_out;
    uint32_t oldest = kws_tensor_bytes(in) - newest;
    memcpy(input, s->ring + newest, oldest);
    memcpy(input + oldest, s->ring, newest);
}

int kws_stream_frame_done(kws_stream_t *s, int8_t *row) {
    const kws_program_t *p = s->program;
    s->frames++;
    s->ring_next = s->ring_next + 1 < kws_model_input(s->model)->h ? s->ring_next + 1 : 0;
    if (--s->frames_to_run > 0) {
        return 0;
    }
    s->frames_to_run = s->model->decision_hop_frames;
    if (!kws_stream_steps(s)) {
        unroll(s);
    }
    kws_program_run(p, s->arena, s->runs);
    int scored = s->runs_to_scores == 0;
    if (scored) {
        memcpy(row, (int8_t *)s->arena + p->output->offset, kws_tensor_bytes(p->output));
    } else {
        s->runs_to_scores--;
    }
    s->runs += s->runs < KWS_RUN_SETTLED;
    kws_program_begin(p, s->arena, s->runs);
    return scored;
}

int kws_stream_feed(kws_stream_t *s, const void *pcm, size_t n) {
    const kws_model_t *m = s->model;
    const kws_frontend_t *fe = &m->frontend;
    const uint8_t *bytes = pcm;
    int rows = 0;
    if (n > s->max_samples) {
        return KWS_E_ARG;
    }
    while (n > 0) {
        uint32_t room = fe->window_len - s->pcm_fill;
        uint32_t take = n < room ? (uint32_t)n : room;
        memcpy(s->pcm + s->pcm_fill, bytes, take * sizeof(int16_t));
        bytes += take * sizeof(int16_t);
        n -= take;
        s->pcm_fill += take;
        if (s->pcm_fill < fe->window_len) {
            break;
        }
        kws_frontend_frame(fe, s->pcm, s->scratch, kws_stream_frame(s));
        s->pcm_fill -= fe->hop_len;
        memmove(s->pcm, s->pcm + fe->hop_len, s->pcm_fill * sizeof(int16_t));
        rows += kws_stream_frame_done(s, s->scores + (size_t)rows * kws_model_classes(m));
    }
    return rows;
}
