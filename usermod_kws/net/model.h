// A model: a validated view of a .kws blob. Opening checks everything once, so that running needs no checks: whatever
// kws_model_open has accepted cannot make a kernel leave its buffers. The checksum is against accidents; the checks
// are against everything else, and a fuzzer exercises them.
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include "frontend/frontend.h"
#include "kws.h"
#include "net/format.h"

// A network ready to run over an arena of the caller's. Read-only after kws_model_open.
typedef struct {
    const kws_tensor_t *tensors;
    uint32_t n_tensors;
    const kws_op_t *ops;
    uint32_t n_ops;
    const kws_state_t *states;
    uint32_t n_states;
    const uint8_t *weights;
    uint32_t weights_bytes;
    uint32_t arena_bytes;
    uint32_t state_bytes; // the first bytes of the arena; they survive from run to run
    const kws_tensor_t *input, *output;
} kws_program_t;

// Read-only after kws_model_open; streams and threads may share one. Fields are public for reading.
typedef struct {
    const uint8_t *blob;
    uint32_t length;
    int has_frontend;        // 0 for a bare network: it can be run, but not streamed
    kws_frontend_t frontend;
    const char *labels;      // n_labels strings, each ended by NUL; UTF-8
    uint32_t n_labels;       // number of classes, or 0 for none
    kws_program_t programs[2]; // by kind: KWS_PROGRAM_WINDOW, KWS_PROGRAM_STEP
    uint32_t n_programs;     // 1 or 2
    const uint8_t *weights;
    uint32_t weights_bytes;
    const char *meta;        // UTF-8 text (JSON), not terminated
    uint32_t meta_bytes;
    uint32_t decision_hop_frames; // a stream makes a row of scores every so many frames; 0 without a front end
} kws_model_t;

// Validates `blob` (length bytes, 4-byte aligned), fills *m. The blob must stay where it is, unchanged, while the
// model is in use. Returns 0 or a negative status; then err (may be NULL) tells what and at which byte of the blob,
// and *m must not be used.
int kws_model_open(kws_model_t *m, const void *blob, size_t length, kws_error_t *err);

// The program of this kind, or NULL when the model has none. Every model has a window program.
static inline const kws_program_t *kws_model_program(const kws_model_t *m, uint32_t kind) {
    return kind < m->n_programs ? &m->programs[kind] : NULL;
}

static inline kws_shape_t kws_tensor_shape(const kws_tensor_t *t) {
    return (kws_shape_t){t->h, t->w, t->c};
}

static inline uint32_t kws_tensor_bytes(const kws_tensor_t *t) {
    return kws_shape_bytes(kws_tensor_shape(t));
}

// The window: all frames that a row of scores looks at, oldest first.
static inline const kws_tensor_t *kws_model_input(const kws_model_t *m) {
    return m->programs[KWS_PROGRAM_WINDOW].input;
}

static inline const kws_tensor_t *kws_model_output(const kws_model_t *m) {
    return m->programs[KWS_PROGRAM_WINDOW].output;
}

// Scores in a row: elements of the output tensor.
static inline uint32_t kws_model_classes(const kws_model_t *m) {
    return kws_tensor_bytes(kws_model_output(m));
}

// Label i < n_labels, ended by NUL.
const char *kws_model_label(const kws_model_t *m, uint32_t i);

// The arena below is of p->arena_bytes, 16-byte aligned. One run, the `run`-th since a reset (from 0; a caller that
// counts on for ever may stop at KWS_RUN_SETTLED):
//
//   kws_program_begin(p, arena, run);           // run 0 is a reset, all others take over what the last one has left
//   memcpy(arena + p->input->offset, input, ...); // at any time before the run; it does not survive it
//   kws_program_run(p, arena, run);
//   memcpy(output, arena + p->output->offset, ...); // before the next begin
#define KWS_RUN_SETTLED 0xFFFFu // from here on all runs are alike

// Brings the state to where this run begins.
void kws_program_begin(const kws_program_t *p, void *arena, uint32_t run);

// Runs all ops.
void kws_program_run(const kws_program_t *p, void *arena, uint32_t run);

// Runs op i < n_ops alone; for benches and tests.
void kws_program_run_op(const kws_program_t *p, uint32_t i, void *arena, uint32_t run);

#endif
