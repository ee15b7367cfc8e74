// Runs a validated program's ops one after another over an arena.
#include <string.h>

#include "net/op_params.h"

void kws_program_begin(const kws_program_t *p, void *arena, uint32_t run) {
    for (uint32_t i = 0; i < p->n_states; i++) {
        const kws_state_t *s = &p->states[i];
        uint8_t *at = (uint8_t *)arena + s->offset;
        if (run > 0) {
            if (s->shift > 0) { // memmove would copy a large ring or variable onto itself
                memmove(at, at + s->shift, s->keep);
            }
        } else if (s->init_offset != KWS_NO_OFFSET) {
            memcpy(at, p->weights + s->init_offset, s->keep + s->shift);
        } else {
            memset(at, s->fill, s->keep + s->shift);
        }
    }
}

static const int8_t *data(const kws_program_t *p, const uint8_t *arena, const kws_tensor_t *t) {
    return (const int8_t *)(t->storage == KWS_STORAGE_ARENA ? arena : p->weights) + t->offset;
}

static void run_kernel(const kws_program_t *p, uint32_t i, uint8_t *arena) {
    const kws_kernels_t *k = kws_kernels();
    const kws_op_t *op = &p->ops[i];
    const int8_t *in0 = op->input0 != KWS_NO_TENSOR ? data(p, arena, kws_op_input0(p, i)) : NULL;
    const int8_t *in1 = op->input1 != KWS_NO_TENSOR ? data(p, arena, kws_op_input1(p, i)) : NULL;
    int8_t *out = (int8_t *)arena + kws_op_output(p, i)->offset;
    void *scratch = arena + op->scratch_offset;
    switch (op->code) {
    case KWS_OP_CONV_2D: {
        kws_linear_t q = kws_op_linear(p, i);
        k->conv2d(&q, in0, out, scratch);
        break;
    }
    case KWS_OP_DEPTHWISE_CONV_2D: {
        kws_linear_t q = kws_op_linear(p, i);
        k->depthwise_conv2d(&q, in0, out, scratch);
        break;
    }
    case KWS_OP_FULLY_CONNECTED: {
        kws_linear_t q = kws_op_linear(p, i);
        k->fully_connected(&q, in0, out);
        break;
    }
    case KWS_OP_AVG_POOL_2D: {
        kws_pool_t q = kws_op_pool(p, i);
        k->avg_pool2d(&q, in0, out);
        break;
    }
    case KWS_OP_MAX_POOL_2D: {
        kws_pool_t q = kws_op_pool(p, i);
        k->max_pool2d(&q, in0, out);
        break;
    }
    case KWS_OP_AVG_POOL_STEP: {
        kws_pool_t q = kws_op_pool(p, i);
        k->avg_pool_step(&q, in0, out, scratch);
        break;
    }
    case KWS_OP_MEAN: {
        kws_mean_t q = kws_op_mean(p, i);
        k->mean(&q, in0, out);
        break;
    }
    case KWS_OP_ADD:
    case KWS_OP_SUB: {
        kws_binary_t q = kws_op_binary(p, i);
        k->add(&q, in0, in1, out);
        break;
    }
    case KWS_OP_MUL: {
        kws_binary_t q = kws_op_binary(p, i);
        k->mul(&q, in0, in1, out);
        break;
    }
    case KWS_OP_PRELU: {
        kws_prelu_t q = kws_op_prelu(p, i);
        k->prelu(&q, in0, in1, out);
        break;
    }
    case KWS_OP_LUT:
        k->lut((const int8_t *)p->weights + op->u.w.weights_offset, in0, out, kws_tensor_bytes(kws_op_output(p, i)));
        break;
    case KWS_OP_SOFTMAX: {
        kws_softmax_t q = kws_op_softmax(p, i);
        k->softmax(&q, in0, out);
        break;
    }
    case KWS_OP_COPY:
        k->copy((const kws_copy_t *)(const void *)(p->weights + op->u.w.weights_offset), in0, out);
        break;
    case KWS_OP_FILL:
        memset(out, op->u.q[0].mult, kws_tensor_bytes(kws_op_output(p, i)));
        break;
    case KWS_OP_SVDF: {
        kws_svdf_t q = kws_op_svdf(p, i);
        k->svdf(&q, in0, out, (int16_t *)(void *)(arena + kws_op_input1(p, i)->offset), scratch);
        break;
    }
    }
}

void kws_program_run_op(const kws_program_t *p, uint32_t i, void *arena, uint32_t run) {
    const kws_tensor_t *out = kws_op_output(p, i);
    run_kernel(p, i, arena);
    // The first rows of a stream lie before its beginning. What an op makes of them is not what the ops behind it
    // see where they look past the edge of a whole recording: that is the zero point.
    if (out->missing > 0 && run < KWS_RUN_SETTLED && out->missing > run * out->h) {
        uint32_t missing = out->missing - run * out->h;
        uint32_t rows = missing < out->h ? missing : out->h;
        memset((int8_t *)arena + out->offset, out->zero_point, rows * out->w * out->c);
    }
}

void kws_program_run(const kws_program_t *p, void *arena, uint32_t run) {
    for (uint32_t i = 0; i < p->n_ops; i++) {
        kws_program_run_op(p, i, arena, run);
    }
}
