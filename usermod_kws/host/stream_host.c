// Host only: streams in memory of their own, and features instead of audio. Not part of the firmware.
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

// Bytes on either side of a stream's memory that nothing may write to.
#define GUARD 64
#define GUARD_BYTE 0x5a

typedef union {
    size_t bytes;
    uint8_t align[16];
} owner_t;

static owner_t *owner_of(kws_stream_t *s) {
    return (owner_t *)(void *)((uint8_t *)s - GUARD - sizeof(owner_t));
}

// A new stream in memory of its own, or NULL when the model has no front end or rows is out of range.
kws_stream_t *kws_stream_new(const kws_model_t *m, uint32_t rows, int mode) {
    const size_t bytes = kws_stream_bytes(m, rows, (kws_stream_mode_t)mode);
    uint8_t *memory = bytes == 0 ? NULL : malloc(sizeof(owner_t) + GUARD + bytes + GUARD);
    if (memory == NULL) {
        return NULL;
    }
    owner_t *owner = (owner_t *)(void *)memory;
    owner->bytes = bytes;
    memset(memory + sizeof(*owner), GUARD_BYTE, GUARD + bytes + GUARD);
    return kws_stream_init(memory + sizeof(*owner) + GUARD, m, rows, (kws_stream_mode_t)mode);
}

void kws_stream_free(kws_stream_t *s) {
    free(owner_of(s));
}

// Whether the bytes around the stream's memory are as they were.
int kws_stream_guards_ok(kws_stream_t *s) {
    const uint8_t *before = (const uint8_t *)s - GUARD, *behind = (const uint8_t *)s + owner_of(s)->bytes;
    for (int i = 0; i < GUARD; i++) {
        if (before[i] != GUARD_BYTE || behind[i] != GUARD_BYTE) {
            return 0;
        }
    }
    return 1;
}

// max_samples, max_rows, steps (1 or 0), state bytes, arena bytes, bytes in all, frames since the reset.
void kws_stream_describe(kws_stream_t *s, uint32_t facts[7]) {
    facts[0] = s->max_samples;
    facts[1] = s->max_rows;
    facts[2] = (uint32_t)kws_stream_steps(s);
    facts[3] = s->state_bytes;
    facts[4] = s->program->arena_bytes;
    facts[5] = (uint32_t)owner_of(s)->bytes;
    facts[6] = s->frames;
}

const int8_t *kws_stream_scores(const kws_stream_t *s) {
    return s->scores;
}

// n frames of features [n][n_out], as if the front end had made them, to rows of scores at `out`, which has room for
// ceil(n / decision hop) of them. Returns their number. What is not state is poisoned before each frame: a plan that
// relies on it shows in the tests.
size_t kws_stream_feed_features(kws_stream_t *s, const int8_t *features, size_t n, int8_t *out) {
    const size_t frame = s->model->frontend.n_out, classes = kws_model_classes(s->model);
    const kws_program_t *p = s->program;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        memset((uint8_t *)s->arena + p->state_bytes, 0xa5, p->arena_bytes - p->state_bytes);
        memcpy(kws_stream_frame(s), features + i * frame, frame);
        rows += (size_t)kws_stream_frame_done(s, out + rows * classes);
    }
    return rows;
}
