// Host only: many inputs in one call, for training and tests. Not part of the firmware.
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

size_t kws_model_sizeof(void) {
    return sizeof(kws_model_t);
}

// What ctypes wants to know without mirroring the struct: shape and zero point of input and output, and sizes.
void kws_model_describe(const kws_model_t *m, int32_t facts[13]) {
    const kws_tensor_t *in = kws_model_input(m), *out = kws_model_output(m);
    const int32_t all[13] = {
        in->h, in->w, in->c, in->zero_point, (int32_t)in->scale_bits,
        out->h, out->w, out->c, out->zero_point, (int32_t)out->scale_bits,
        (int32_t)m->arena_bytes, (int32_t)m->decision_hop_frames, (int32_t)m->n_labels,
    };
    memcpy(facts, all, sizeof(all));
}

// n inputs [n][h][w][c] to n outputs [n][classes]. The arena is poisoned before every run, so that a result that
// depends on what was there before shows in the tests.
void kws_model_run_many(const kws_model_t *m, const int8_t *in, size_t n, int8_t *out) {
    const size_t in_bytes = kws_shape_bytes(kws_tensor_shape(kws_model_input(m)));
    const size_t out_bytes = kws_model_classes(m);
    uint8_t *arena = malloc(m->arena_bytes + 1); // malloc aligns to 16 on 64-bit hosts
    if (arena == NULL) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        memset(arena, 0xa5, m->arena_bytes);
        memcpy(arena + kws_model_input(m)->arena_offset, in + i * in_bytes, in_bytes);
        kws_model_run(m, arena);
        memcpy(out + i * out_bytes, arena + kws_model_output(m)->arena_offset, out_bytes);
    }
    free(arena);
}

// A new stream in memory of its own, or NULL when the model has no front end or rows is out of range.
kws_stream_t *kws_stream_new(const kws_model_t *m, uint32_t rows) {
    const size_t bytes = kws_stream_bytes(m, rows);
    void *memory = bytes == 0 ? NULL : malloc(bytes);
    return memory == NULL ? NULL : kws_stream_init(memory, m, rows);
}

void kws_stream_free(kws_stream_t *s) {
    free(s);
}

uint32_t kws_stream_max_samples(const kws_stream_t *s) {
    return s->max_samples;
}

const int8_t *kws_stream_scores(const kws_stream_t *s) {
    return s->scores;
}
