// Audio in pieces of any size, a row of scores out every decision_hop_frames frames once the window has filled. The
// scores depend on the audio since the reset alone, never on how it was cut into pieces.
//
// A step stream computes only what is new and keeps the rest; a window stream keeps the window's frames and runs the
// whole network. Where no layer looks past the edges of the window both give the same bytes; SPEC.md says what a step
// stream gives where a layer does.
#ifndef KWS_STREAM_H
#define KWS_STREAM_H

#include "net/model.h"

typedef enum {
    KWS_STREAM_AUTO = 0,   // step where the model has a step program, else window
    KWS_STREAM_WINDOW = 1,
} kws_stream_mode_t;

typedef struct {
    const kws_model_t *model;
    const kws_program_t *program; // what runs: the model's window or step program
    int8_t *scores;       // [max_rows][classes]; feed's new rows start at row 0
    uint32_t max_rows;
    uint32_t max_samples; // the longest piece that feed takes, whatever came before
    uint32_t frames;      // front-end frames since init or reset, modulo 2^32
    uint32_t state_bytes; // of what is kept from one row of scores to the next
    // The rest is private.
    int16_t *pcm;         // [window_len], the first pcm_fill of them valid
    int8_t *ring;         // [input.h][n_out], the next frame goes to ring_next; window mode only
    void *scratch;
    void *arena;
    uint32_t pcm_fill, ring_next;
    uint32_t frames_to_run;
    uint32_t runs;           // since the reset, up to KWS_RUN_SETTLED
    uint32_t runs_to_scores; // runs of a step program before the window is full
} kws_stream_t;

static inline int kws_stream_steps(const kws_stream_t *s) {
    return s->program == kws_model_program(s->model, KWS_PROGRAM_STEP);
}

// Bytes of memory that a stream of `rows` score rows a feed needs, itself included; 0 when the model has no front end
// or rows is 0 or absurd (more than 16 MiB of scores).
size_t kws_stream_bytes(const kws_model_t *m, uint32_t rows, kws_stream_mode_t mode);

// Makes a stream in `memory` (kws_stream_bytes, 16-byte aligned) and returns it; it lies at the start of the memory.
// The model must outlive it. Several streams may share a model.
kws_stream_t *kws_stream_init(void *memory, const kws_model_t *m, uint32_t rows, kws_stream_mode_t mode);

// Forgets all audio: the next scores are those of a new stream.
void kws_stream_reset(kws_stream_t *s);

// Takes n samples at `pcm` (int16, native order, any alignment). Returns the number of new score rows, or KWS_E_ARG
// and takes nothing when n > max_samples.
int kws_stream_feed(kws_stream_t *s, const void *pcm, size_t n);

// The two halves of feed behind the front end, for features that come from elsewhere: where the next frame's n_out
// features belong, and what to call when they are there. `row` is where a new row of scores goes; returns 1 when
// there is one, else 0.
int8_t *kws_stream_frame(kws_stream_t *s);
int kws_stream_frame_done(kws_stream_t *s, int8_t *row);

#endif
