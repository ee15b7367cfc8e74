// The parts of kws_model_open. Each returns 0, or a status and tells the reader's err what is wrong and where.
#ifndef KWS_CHECK_H
#define KWS_CHECK_H

#include "net/model.h"

typedef struct {
    const uint8_t *start; // of the blob
    uint32_t length;
    kws_error_t *err;
} kws_reader_t;

// `where` points into the blob.
static inline int kws_fail_at(const kws_reader_t *r, kws_status_t code, const void *where, const char *what) {
    return kws_fail(r->err, code, (uint32_t)((const uint8_t *)where - r->start), what);
}

static inline int kws_in_range(int64_t x, int64_t lo, int64_t hi) {
    return x >= lo && x <= hi;
}

static inline int kws_mult_ok(int32_t mult, int32_t shift, int32_t shift_min, int32_t shift_max) {
    return mult >= 0 && kws_in_range(shift, shift_min, shift_max);
}

// Whether `bytes` at `offset` lie in the weights section, at a multiple of 4.
static inline int kws_in_weights(const kws_program_t *p, uint32_t offset, uint64_t bytes) {
    return offset % 4 == 0 && offset + bytes <= p->weights_bytes;
}

static inline int kws_same_quantisation(const kws_tensor_t *a, const kws_tensor_t *b) {
    return a->zero_point == b->zero_point && a->scale_bits == b->scale_bits;
}

static inline int kws_same_shape(const kws_tensor_t *a, const kws_tensor_t *b) {
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

// Header, checksum and section table of `length` bytes.
int kws_check_container(const kws_reader_t *r, size_t length);

int kws_check_labels(const kws_reader_t *r, const char *labels, uint32_t bytes, uint32_t count);
int kws_check_meta(const kws_reader_t *r, const char *meta, uint32_t bytes);

// Tensors, states and ops of a program whose counts and arena are known.
int kws_check_program(const kws_reader_t *r, const kws_program_t *p);

// Op i's record, once the tensors are known to be good. The first checks all but where things lie in the arena, the
// second that.
int kws_check_op(const kws_reader_t *r, const kws_program_t *p, uint32_t i);
int kws_check_overlap(const kws_reader_t *r, const kws_program_t *p, uint32_t i);

// Parts of kws_check_op, in check_linear.c.
int kws_check_pool(const kws_reader_t *r, const kws_program_t *p, uint32_t i);
int kws_check_linear(const kws_reader_t *r, const kws_program_t *p, uint32_t i);
int kws_check_svdf(const kws_reader_t *r, const kws_program_t *p, uint32_t i);

#endif
