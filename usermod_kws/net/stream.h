// Window mode: audio in pieces of any size, a row of scores out every decision_hop_frames frames once the window has
// filled. The scores depend on the audio alone, never on how it was cut into pieces.
#ifndef KWS_STREAM_H
#define KWS_STREAM_H

#include "net/model.h"

typedef struct {
    const kws_model_t *model;
    int8_t *scores;       // [max_rows][classes]; feed's new rows start at row 0
    uint32_t max_rows;
    uint32_t max_samples; // the longest piece that feed takes, whatever came before
    uint32_t frames;      // front-end frames since init or reset, modulo 2^32
    // The rest is private.
    int16_t *pcm;         // [window_len], the first pcm_fill of them valid
    int8_t *ring;         // [input.h][n_out], the next frame goes to ring_next
    void *scratch;
    void *arena;
    uint32_t pcm_fill, ring_next;
    uint32_t frames_to_decision;
} kws_stream_t;

// Bytes of memory that a stream of `rows` score rows a feed needs, itself included; 0 when the model has no front end
// or rows is 0 or absurd (more than 16 MiB of scores).
size_t kws_stream_bytes(const kws_model_t *m, uint32_t rows);

// Makes a stream in `memory` (kws_stream_bytes, 16-byte aligned) and returns it; it lies at the start of the memory.
// The model must outlive it. Several streams may share a model.
kws_stream_t *kws_stream_init(void *memory, const kws_model_t *m, uint32_t rows);

// Forgets all audio: the next scores are those of a new stream.
void kws_stream_reset(kws_stream_t *s);

// Takes n samples at `pcm` (int16, native order, any alignment). Returns the number of new score rows, or KWS_E_ARG
// and takes nothing when n > max_samples.
int kws_stream_feed(kws_stream_t *s, const void *pcm, size_t n);

#endif
