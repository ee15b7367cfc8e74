// Checks of a program's tensors and states, and of what its ops write: whether a plan is a good one the packer and its
// tests know; here it only matters that no op can leave its buffers or break a state that a kernel trusts.
#include "net/check.h"
#include "net/op_params.h"

static int check_tensor(const kws_reader_t *r, const kws_program_t *p, const kws_tensor_t *t) {
    uint64_t bytes = (uint64_t)t->h * t->w * t->c;
    if (bytes == 0 || bytes > KWS_MAX_BYTES) {
        return kws_fail_at(r, KWS_E_SHAPE, t, "tensor shape");
    }
    if (t->zero_point < -128 || t->zero_point > 127 || t->scale_bits == 0 || t->scale_bits >= 0x7f800000) {
        return kws_fail_at(r, KWS_E_RANGE, &t->zero_point, "tensor quantisation");
    }
    if (t->storage > KWS_STORAGE_WEIGHTS || t->zero != 0 || (t->storage != KWS_STORAGE_ARENA && t->missing != 0)) {
        return kws_fail_at(r, KWS_E_RANGE, &t->storage, "tensor's storage, missing rows or reserved field");
    }
    if (t->storage == KWS_STORAGE_ARENA && t->offset + bytes > p->arena_bytes) {
        return kws_fail_at(r, KWS_E_ARENA, t, "tensor leaves the arena");
    }
    if (t->storage == KWS_STORAGE_WEIGHTS && t->offset + bytes > p->weights_bytes) {
        return kws_fail_at(r, KWS_E_OFFSET, t, "constant tensor leaves the weights section");
    }
    return KWS_OK;
}

static int check_state(const kws_reader_t *r, const kws_program_t *p, const kws_state_t *s) {
    uint64_t bytes = (uint64_t)s->keep + s->shift;
    if (s->offset + bytes > p->state_bytes) {
        return kws_fail_at(r, KWS_E_ARENA, s, "state leaves the program's state bytes");
    }
    if (s->fill < -128 || s->fill > 127) {
        return kws_fail_at(r, KWS_E_RANGE, &s->fill, "fill of a state");
    }
    if (s->init_offset != KWS_NO_OFFSET && s->init_offset + bytes > p->weights_bytes) {
        return kws_fail_at(r, KWS_E_OFFSET, &s->init_offset, "beginning of a state leaves the weights section");
    }
    return KWS_OK;
}

typedef struct {
    uint64_t start, end; // of the arena
} span_t;

static span_t span(uint64_t offset, uint64_t bytes) {
    return (span_t){offset, offset + bytes};
}

static span_t tensor_span(const kws_tensor_t *t) {
    return t->storage == KWS_STORAGE_ARENA ? span(t->offset, kws_tensor_bytes(t)) : span(0, 0);
}

static int overlap(span_t a, span_t b) {
    return a.start < b.end && b.start < a.end;
}

// The output may be written over this input: the same shape at the same place, and a kernel that works elementwise.
static int in_place(uint8_t code, const kws_tensor_t *in, const kws_tensor_t *out) {
    switch (code) {
    case KWS_OP_ADD:
    case KWS_OP_SUB:
    case KWS_OP_MUL:
    case KWS_OP_PRELU:
    case KWS_OP_LUT:
        return in->offset == out->offset && kws_same_shape(in, out);
    }
    return 0;
}

int kws_check_overlap(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_tensor_t *out = kws_op_output(p, i);
    const uint16_t inputs[2] = {op->input0, op->input1};
    span_t written = tensor_span(out), scratch = span(op->scratch_offset, op->scratch_bytes);
    if (overlap(written, scratch)) {
        return kws_fail_at(r, KWS_E_ARENA, op, "output and scratch of an op overlap");
    }
    for (int k = 0; k < 2; k++) {
        if (inputs[k] == KWS_NO_TENSOR) {
            continue;
        }
        const kws_tensor_t *in = &p->tensors[inputs[k]];
        if (overlap(tensor_span(in), scratch) || (overlap(tensor_span(in), written) && !in_place(op->code, in, out))) {
            return kws_fail_at(r, KWS_E_ARENA, op, "op writes over its own input");
        }
    }
    if (op->code == KWS_OP_SVDF && overlap(tensor_span(kws_op_input0(p, i)), tensor_span(kws_op_input1(p, i)))) {
        return kws_fail_at(r, KWS_E_ARENA, op, "input and state of an svdf overlap");
    }
    return KWS_OK;
}

// The kernel of an average pool step trusts its state: the place in the ring, and that the sums are those of the ring's
// rows. So the state begins as zeros and nothing else ever writes there.
static int check_ring(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    span_t ring = span(op->scratch_offset, op->scratch_bytes);
    int begins = 0;
    for (uint32_t k = 0; k < p->n_states; k++) {
        const kws_state_t *s = &p->states[k];
        span_t state = span(s->offset, (uint64_t)s->keep + s->shift);
        if (!overlap(ring, state)) {
            continue;
        }
        begins = state.start <= ring.start && state.end >= ring.end && s->shift == 0 && s->fill == 0 &&
                 s->init_offset == KWS_NO_OFFSET;
        if (!begins) {
            return kws_fail_at(r, KWS_E_ARENA, s, "state of an average pool step does not begin as zeros");
        }
    }
    if (!begins) {
        return kws_fail_at(r, KWS_E_ARENA, op, "average pool step without a state");
    }
    if (overlap(ring, tensor_span(p->input))) {
        return kws_fail_at(r, KWS_E_ARENA, op, "input lies in the state of an average pool step");
    }
    for (uint32_t k = 0; k < p->n_ops; k++) {
        const kws_op_t *other = &p->ops[k];
        int writes_state = other->code == KWS_OP_SVDF && overlap(ring, tensor_span(kws_op_input1(p, k)));
        if (overlap(ring, tensor_span(kws_op_output(p, k))) || writes_state ||
            (k != i && overlap(ring, span(other->scratch_offset, other->scratch_bytes)))) {
            return kws_fail_at(r, KWS_E_ARENA, other, "op writes into the state of an average pool step");
        }
    }
    return KWS_OK;
}

int kws_check_program(const kws_reader_t *r, const kws_program_t *p) {
    int status = KWS_OK;
    for (uint32_t i = 0; i < p->n_tensors && status == KWS_OK; i++) {
        status = check_tensor(r, p, &p->tensors[i]);
    }
    for (uint32_t i = 0; i < p->n_states && status == KWS_OK; i++) {
        status = check_state(r, p, &p->states[i]);
    }
    if (status == KWS_OK && (p->input->storage != KWS_STORAGE_ARENA || p->output->storage != KWS_STORAGE_ARENA)) {
        status = kws_fail_at(r, KWS_E_RANGE, p->input, "input or output of a program is a constant");
    }
    for (uint32_t i = 0; i < p->n_ops && status == KWS_OK; i++) {
        status = kws_check_op(r, p, i);
        if (status == KWS_OK) {
            status = kws_check_overlap(r, p, i);
        }
    }
    for (uint32_t i = 0; i < p->n_ops && status == KWS_OK; i++) {
        status = p->ops[i].code == KWS_OP_AVG_POOL_STEP ? check_ring(r, p, i) : KWS_OK;
    }
    return status;
}
