// Checks of one op's record: parameters in the kernels' documented ranges, shapes that chain, weights inside their
// section.
#include <string.h>

#include "net/check.h"
#include "net/op_params.h"

#define FAIL(code, what) kws_fail_at(r, (code), &p->ops[i], (what))

// How many of u.q's pairs an op uses, or WINDOW or OFFSET for all of u.w or its weights_offset alone; its inputs, and
// whether it has scratch and whether it clamps.
typedef struct {
    int8_t pairs, inputs, scratch, clamps;
} form_t;

enum { WINDOW = -1, OFFSET = -2 };

static const form_t forms[] = {
    [KWS_OP_CONV_2D] = {WINDOW, 1, 1, 1},
    [KWS_OP_DEPTHWISE_CONV_2D] = {WINDOW, 1, 1, 1},
    [KWS_OP_FULLY_CONNECTED] = {WINDOW, 1, 0, 1},
    [KWS_OP_AVG_POOL_2D] = {WINDOW, 1, 0, 1},
    [KWS_OP_MAX_POOL_2D] = {WINDOW, 1, 0, 1},
    [KWS_OP_AVG_POOL_STEP] = {WINDOW, 1, 1, 1},
    [KWS_OP_MEAN] = {2, 1, 0, 1},
    [KWS_OP_ADD] = {3, 2, 0, 1},
    [KWS_OP_SUB] = {3, 2, 0, 1},
    [KWS_OP_MUL] = {1, 2, 0, 1},
    [KWS_OP_PRELU] = {2, 2, 0, 0},
    [KWS_OP_LUT] = {OFFSET, 1, 0, 0},
    [KWS_OP_SOFTMAX] = {1, 1, 0, 0},
    [KWS_OP_COPY] = {OFFSET, 1, 0, 0},
    [KWS_OP_FILL] = {1, 0, 0, 0},
    [KWS_OP_SVDF] = {OFFSET, 2, 1, 1},
};

// What holds for all ops.
static int check_form(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    if (op->code == 0 || op->code >= sizeof(forms) / sizeof(forms[0])) {
        return FAIL(KWS_E_OP, "unknown op code");
    }
    const form_t *form = &forms[op->code];
    if (op->zero0 != 0 || op->zero1 != 0) {
        return FAIL(KWS_E_RANGE, "reserved field of an op is not 0");
    }
    if ((form->inputs > 0 ? op->input0 >= p->n_tensors : op->input0 != KWS_NO_TENSOR) ||
        (form->inputs > 1 ? op->input1 >= p->n_tensors : op->input1 != KWS_NO_TENSOR) || op->output >= p->n_tensors) {
        return FAIL(KWS_E_SHAPE, "op's input or output is no tensor of its program");
    }
    if (kws_op_output(p, i)->storage != KWS_STORAGE_ARENA) {
        return FAIL(KWS_E_ARENA, "op writes a constant");
    }
    if (op->out_min < -128 || op->out_min > op->out_max || op->out_max > 127) {
        return FAIL(KWS_E_RANGE, "output clamp of an op");
    }
    if (!form->clamps && (op->out_min != -128 || op->out_max != 127)) {
        return FAIL(KWS_E_RANGE, "clamp of an op that has none");
    }
    if (op->scratch_offset % KWS_SECTION_ALIGN != 0 ||
        (uint64_t)op->scratch_offset + op->scratch_bytes > p->arena_bytes || (!form->scratch && op->scratch_bytes != 0)) {
        return FAIL(KWS_E_ARENA, "scratch of an op leaves the arena or is not needed");
    }
    static const kws_window_t none;
    int unused = form->pairs == OFFSET && (memcmp(&op->u.w.window, &none, sizeof(none)) != 0 || op->u.w.channels_offset != 0);
    for (int k = form->pairs; k >= 0 && k < 3; k++) {
        unused |= op->u.q[k].mult != 0 || op->u.q[k].shift != 0;
    }
    if (unused) {
        return FAIL(KWS_E_RANGE, "unused parameter of an op is not 0");
    }
    return KWS_OK;
}

static int dimension_ok(uint32_t in, uint32_t out) {
    return in == out || in == 1;
}

static int broadcasts(const kws_tensor_t *in, const kws_tensor_t *out) {
    return dimension_ok(in->h, out->h) && dimension_ok(in->w, out->w) && dimension_ok(in->c, out->c);
}

static int check_binary(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    kws_binary_t q = kws_op_binary(p, i);
    if (!broadcasts(kws_op_input0(p, i), kws_op_output(p, i)) || !broadcasts(kws_op_input1(p, i), kws_op_output(p, i))) {
        return FAIL(KWS_E_SHAPE, "input of an add, sub or mul is neither as long as the output nor 1");
    }
    int ok = p->ops[i].code == KWS_OP_MUL
                 ? kws_mult_ok(q.out_mult, q.out_shift, -31, 14)
                 : kws_mult_ok(q.in0_mult, q.in0_shift, -31, 0) && kws_mult_ok(q.in1_mult, q.in1_shift, -31, 0) &&
                       kws_mult_ok(q.out_mult, q.out_shift, -31, 0);
    return ok ? KWS_OK : FAIL(KWS_E_RANGE, "multiplier of an add, sub or mul");
}

static int check_prelu(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    kws_prelu_t q = kws_op_prelu(p, i);
    if (!kws_same_shape(kws_op_input0(p, i), kws_op_output(p, i)) || !broadcasts(kws_op_input1(p, i), kws_op_output(p, i))) {
        return FAIL(KWS_E_SHAPE, "shapes of a prelu");
    }
    if (!kws_mult_ok(q.pos_mult, q.pos_shift, -31, 22) || !kws_mult_ok(q.neg_mult, q.neg_shift, -31, 14)) {
        return FAIL(KWS_E_RANGE, "multiplier of a prelu");
    }
    return KWS_OK;
}

static int check_mean(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    kws_mean_t q = kws_op_mean(p, i);
    const kws_tensor_t *in = kws_op_input0(p, i), *out = kws_op_output(p, i);
    if (q.axes == 0 || q.axes > (KWS_AXIS_H | KWS_AXIS_W | KWS_AXIS_C) || p->ops[i].u.q[1].shift != 0) {
        return FAIL(KWS_E_RANGE, "axes of a mean");
    }
    if (out->h != (q.axes & KWS_AXIS_H ? 1 : in->h) || out->w != (q.axes & KWS_AXIS_W ? 1 : in->w) ||
        out->c != (q.axes & KWS_AXIS_C ? 1 : in->c)) {
        return FAIL(KWS_E_SHAPE, "shape of a mean");
    }
    if (kws_tensor_bytes(in) / kws_tensor_bytes(out) >= 1 << 23) {
        return FAIL(KWS_E_RANGE, "sum of a mean may not fit");
    }
    return kws_mult_ok(q.mult, q.shift, -31, 30) ? KWS_OK : FAIL(KWS_E_RANGE, "multiplier of a mean");
}

static int check_softmax(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const uint32_t one_256th = 0x3b800000; // as float32
    kws_softmax_t q = kws_op_softmax(p, i);
    const kws_tensor_t *out = kws_op_output(p, i);
    if (!kws_same_shape(kws_op_input0(p, i), out)) {
        return FAIL(KWS_E_SHAPE, "softmax changes the shape");
    }
    if (q.classes > 256 || !kws_mult_ok(q.mult, q.shift, 0, 31)) {
        return FAIL(KWS_E_RANGE, "softmax classes or multiplier");
    }
    if (out->zero_point != -128 || out->scale_bits != one_256th) {
        return FAIL(KWS_E_RANGE, "softmax output is not quantised as (q + 128) / 256");
    }
    return KWS_OK;
}

static int check_lut(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    if (!kws_same_shape(kws_op_input0(p, i), kws_op_output(p, i))) {
        return FAIL(KWS_E_SHAPE, "lookup changes the shape");
    }
    return kws_in_weights(p, p->ops[i].u.w.weights_offset, 256)
               ? KWS_OK
               : FAIL(KWS_E_OFFSET, "table of a lookup leaves the weights or is not aligned");
}

// The first and the last byte that one side of a copy touches lie within its tensor.
static int side_ok(const kws_copy_t *copy, const int32_t stride[4], uint32_t offset, const kws_tensor_t *t) {
    int64_t first = offset, last = offset;
    for (int d = 0; d < 4; d++) {
        int64_t way = (int64_t)(copy->n[d] - 1) * stride[d];
        first += way < 0 ? way : 0;
        last += way > 0 ? way : 0;
    }
    return first >= 0 && last < (int64_t)kws_tensor_bytes(t);
}

static int check_copy(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    if (!kws_in_weights(p, p->ops[i].u.w.weights_offset, sizeof(kws_copy_t))) {
        return FAIL(KWS_E_OFFSET, "record of a copy leaves the weights or is not aligned");
    }
    const kws_copy_t *copy = (const kws_copy_t *)(const void *)(p->weights + p->ops[i].u.w.weights_offset);
    uint64_t bytes = 1;
    for (int d = 0; d < 4; d++) {
        bytes *= copy->n[d];
        if (copy->n[d] == 0 || bytes > KWS_MAX_BYTES) {
            return FAIL(KWS_E_SHAPE, "copy of nothing, or of more than 16 MiB");
        }
    }
    if (!side_ok(copy, copy->in_stride, copy->in_offset, kws_op_input0(p, i)) ||
        !side_ok(copy, copy->out_stride, copy->out_offset, kws_op_output(p, i))) {
        return FAIL(KWS_E_OFFSET, "copy leaves its tensors");
    }
    return KWS_OK;
}

int kws_check_op(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    int status = check_form(r, p, i);
    if (status != KWS_OK) {
        return status;
    }
    switch (p->ops[i].code) {
    case KWS_OP_CONV_2D:
    case KWS_OP_DEPTHWISE_CONV_2D:
    case KWS_OP_FULLY_CONNECTED:
        return kws_check_linear(r, p, i);
    case KWS_OP_AVG_POOL_2D:
    case KWS_OP_MAX_POOL_2D:
    case KWS_OP_AVG_POOL_STEP:
        return kws_check_pool(r, p, i);
    case KWS_OP_MEAN:
        return check_mean(r, p, i);
    case KWS_OP_ADD:
    case KWS_OP_SUB:
    case KWS_OP_MUL:
        return check_binary(r, p, i);
    case KWS_OP_PRELU:
        return check_prelu(r, p, i);
    case KWS_OP_LUT:
        return check_lut(r, p, i);
    case KWS_OP_SOFTMAX:
        return check_softmax(r, p, i);
    case KWS_OP_COPY:
        return check_copy(r, p, i);
    case KWS_OP_FILL:
        return kws_in_range(p->ops[i].u.q[0].mult, -128, 127) ? KWS_OK : FAIL(KWS_E_RANGE, "value of a fill");
    case KWS_OP_SVDF:
        return kws_check_svdf(r, p, i);
    }
    return FAIL(KWS_E_OP, "unknown op code");
}
