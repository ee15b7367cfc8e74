#include "net/stream.h"

#include <string.h>

#define ALIGN 16

static size_t round_up(size_t n) {
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

typedef struct {
    size_t pcm, ring, scratch, arena, scores, end; // offsets
} layout_t;

static layout_t layout(const kws_model_t *m, uint32_t rows) {
    layout_t l;
    l.pcm = round_up(sizeof(kws_stream_t));
    l.ring = l.pcm + round_up(m->frontend.window_len * sizeof(int16_t));
    l.scratch = l.ring + round_up(kws_shape_bytes(kws_tensor_shape(kws_model_input(m))));
    l.arena = l.scratch + round_up(kws_frontend_scratch_bytes(&m->frontend));
    l.scores = l.arena + round_up(m->arena_bytes);
    l.end = l.scores + round_up((size_t)rows * kws_model_classes(m));
    return l;
}

size_t kws_stream_bytes(const kws_model_t *m, uint32_t rows) {
    if (!m->has_frontend || rows == 0 || (uint64_t)rows * kws_model_classes(m) > KWS_MAX_BYTES) {
        return 0;
    }
    return layout(m, rows).end;
}

// n samples complete at most ceil(n / hop) frames and those at most ceil(frames / decision hop) rows, so this many
// samples never make more than `rows`.
static uint32_t max_samples(const kws_model_t *m, uint32_t rows) {
    uint64_t frames = (uint64_t)rows * m->decision_hop_frames;
    uint64_t most = INT32_MAX / m->frontend.hop_len;
    return (uint32_t)(frames < most ? frames : most) * m->frontend.hop_len;
}

kws_stream_t *kws_stream_init(void *memory, const kws_model_t *m, uint32_t rows) {
    uint8_t *base = memory;
    layout_t l = layout(m, rows);
    kws_stream_t *s = memory;
    memset(base, 0, l.end);
    s->model = m;
    s->scores = (int8_t *)base + l.scores;
    s->max_rows = rows;
    s->max_samples = max_samples(m, rows);
    s->pcm = (int16_t *)(void *)(base + l.pcm);
    s->ring = (int8_t *)base + l.ring;
    s->scratch = base + l.scratch;
    s->arena = base + l.arena;
    kws_stream_reset(s);
    return s;
}

void kws_stream_reset(kws_stream_t *s) {
    s->frames = 0;
    s->pcm_fill = 0;
    s->ring_next = 0;
    s->frames_to_decision = kws_model_input(s->model)->h;
}

// Runs the network on the ring's frames, oldest first.
static void decide(kws_stream_t *s, int8_t *row) {
    const kws_model_t *m = s->model;
    int8_t *input = (int8_t *)s->arena + kws_model_input(m)->arena_offset;
    uint32_t frame_bytes = m->frontend.n_out;
    uint32_t newest = s->ring_next * frame_bytes;
    uint32_t oldest = kws_model_input(m)->h * frame_bytes - newest;
    memcpy(input, s->ring + newest, oldest);
    memcpy(input + oldest, s->ring, newest);
    kws_model_run(m, s->arena);
    memcpy(row, (int8_t *)s->arena + kws_model_output(m)->arena_offset, kws_model_classes(m));
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
        kws_frontend_frame(fe, s->pcm, s->scratch, s->ring + s->ring_next * fe->n_out);
        s->pcm_fill -= fe->hop_len;
        memmove(s->pcm, s->pcm + fe->hop_len, s->pcm_fill * sizeof(int16_t));
        s->ring_next = s->ring_next + 1 < kws_model_input(m)->h ? s->ring_next + 1 : 0;
        s->frames++;
        if (--s->frames_to_decision == 0) {
            s->frames_to_decision = m->decision_hop_frames;
            decide(s, s->scores + (size_t)rows++ * kws_model_classes(m));
        }
    }
    return rows;
}
