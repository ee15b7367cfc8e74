// A model: a validated view of a .kws blob. Opening checks everything once, so that running needs no checks: whatever
// kws_model_open has accepted cannot make a kernel leave its buffers. The checksum is against accidents; the checks
// are against everything else, and a fuzzer exercises them.
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include "frontend/frontend.h"
#include "kws.h"
#include "net/format.h"

// Read-only after kws_model_open; streams and threads may share one. Fields are public for reading.
typedef struct {
    const uint8_t *blob;
    uint32_t length;
    int has_frontend;        // 0 for a bare network: it can be run, but not streamed
    kws_frontend_t frontend;
    const char *labels;      // n_labels strings, each ended by NUL; UTF-8
    uint32_t n_labels;       // number of classes, or 0 for none
    const kws_tensor_t *tensors; // [n_ops + 1]
    const kws_op_t *ops;
    uint32_t n_ops;
    const uint8_t *weights;
    uint32_t weights_bytes;
    const char *meta;        // UTF-8 text (JSON), not terminated
    uint32_t meta_bytes;
    uint32_t arena_bytes;    // of activations that a run needs
    uint32_t decision_hop_frames; // a stream runs the network every so many frames; 0 without a front end
} kws_model_t;

// Validates `blob` (length bytes, 4-byte aligned), fills *m. The blob must stay where it is, unchanged, while the
// model is in use. Returns 0 or a negative status; then err (may be NULL) tells what and at which byte of the blob,
// and *m must not be used.
int kws_model_open(kws_model_t *m, const void *blob, size_t length, kws_error_t *err);

static inline kws_shape_t kws_tensor_shape(const kws_tensor_t *t) {
    return (kws_shape_t){t->h, t->w, t->c};
}

static inline const kws_tensor_t *kws_model_input(const kws_model_t *m) {
    return &m->tensors[0];
}

static inline const kws_tensor_t *kws_model_output(const kws_model_t *m) {
    return &m->tensors[m->n_ops];
}

// Scores in a row: elements of the output tensor.
static inline uint32_t kws_model_classes(const kws_model_t *m) {
    return kws_shape_bytes(kws_tensor_shape(kws_model_output(m)));
}

// Label i < n_labels, ended by NUL.
const char *kws_model_label(const kws_model_t *m, uint32_t i);

// Runs op i < n_ops on an arena of arena_bytes, 16-byte aligned, that holds its inputs.
void kws_model_run_op(const kws_model_t *m, uint32_t i, void *arena);

// Runs all ops. The input is at arena + tensors[0].arena_offset and does not survive; the output is at
// arena + tensors[n_ops].arena_offset.
void kws_model_run(const kws_model_t *m, void *arena);

// The kernels' parameters as they stand in op i's record; for exec.c and check_op.c.
kws_linear_t kws_op_linear(const kws_model_t *m, uint32_t i);
kws_pool_t kws_op_pool(const kws_model_t *m, uint32_t i);
kws_add_t kws_op_add(const kws_model_t *m, uint32_t i);
kws_relu_t kws_op_relu(const kws_model_t *m, uint32_t i);
kws_softmax_t kws_op_softmax(const kws_model_t *m, uint32_t i);

// Checks op i's record against its tensors and the weights section; for kws_model_open.
int kws_check_op(const kws_model_t *m, uint32_t i, kws_error_t *err);

// Checks that no op writes over what a later one still reads; for kws_model_open. Call after kws_check_op.
int kws_check_plan(const kws_model_t *m, kws_error_t *err);

uint32_t kws_crc32(const void *data, size_t length);

#endif
