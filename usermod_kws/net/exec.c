// Runs a validated model's ops one after another over an arena.
#include "net/model.h"

kws_linear_t kws_op_linear(const kws_model_t *m, uint32_t i) {
    const kws_op_t *op = &m->ops[i];
    const kws_tensor_t *in = &m->tensors[op->input0], *out = &m->tensors[i + 1];
    return (kws_linear_t){
        .in = kws_tensor_shape(in),
        .out = kws_tensor_shape(out),
        .window = op->u.w.window,
        .in_zero = in->zero_point,
        .out_zero = out->zero_point,
        .out_min = op->out_min,
        .out_max = op->out_max,
        .weights = (const int8_t *)m->weights + op->u.w.weights_offset,
        .channels = (const kws_channel_t *)(m->weights + op->u.w.channels_offset),
    };
}

kws_pool_t kws_op_pool(const kws_model_t *m, uint32_t i) {
    const kws_op_t *op = &m->ops[i];
    return (kws_pool_t){
        .in = kws_tensor_shape(&m->tensors[op->input0]),
        .out = kws_tensor_shape(&m->tensors[i + 1]),
        .window = op->u.w.window,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
}

kws_add_t kws_op_add(const kws_model_t *m, uint32_t i) {
    const kws_op_t *op = &m->ops[i];
    return (kws_add_t){
        .in0_zero = m->tensors[op->input0].zero_point,
        .in1_zero = m->tensors[op->input1].zero_point,
        .out_zero = m->tensors[i + 1].zero_point,
        .in0_mult = op->u.q[0].mult,
        .in0_shift = op->u.q[0].shift,
        .in1_mult = op->u.q[1].mult,
        .in1_shift = op->u.q[1].shift,
        .out_mult = op->u.q[2].mult,
        .out_shift = op->u.q[2].shift,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
}

kws_relu_t kws_op_relu(const kws_model_t *m, uint32_t i) {
    const kws_op_t *op = &m->ops[i];
    return (kws_relu_t){
        .in_zero = m->tensors[op->input0].zero_point,
        .out_zero = m->tensors[i + 1].zero_point,
        .mult = op->u.q[0].mult,
        .shift = op->u.q[0].shift,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
}

kws_softmax_t kws_op_softmax(const kws_model_t *m, uint32_t i) {
    const kws_op_t *op = &m->ops[i];
    kws_shape_t shape = kws_tensor_shape(&m->tensors[i + 1]);
    return (kws_softmax_t){
        .rows = kws_shape_pixels(shape),
        .classes = shape.c,
        .mult = op->u.q[0].mult,
        .shift = op->u.q[0].shift,
    };
}

void kws_model_run_op(const kws_model_t *m, uint32_t i, void *arena) {
    const kws_kernels_t *k = &kws_kernels;
    const kws_op_t *op = &m->ops[i];
    uint8_t *base = arena;
    const int8_t *in = (const int8_t *)base + m->tensors[op->input0].arena_offset;
    int8_t *out = (int8_t *)base + m->tensors[i + 1].arena_offset;
    size_t n = kws_shape_bytes(kws_tensor_shape(&m->tensors[i + 1]));
    void *scratch = base + op->scratch_offset;
    switch (op->code) {
    case KWS_OP_CONV_2D: {
        kws_linear_t p = kws_op_linear(m, i);
        k->conv2d(&p, in, out, scratch);
        break;
    }
    case KWS_OP_DEPTHWISE_CONV_2D: {
        kws_linear_t p = kws_op_linear(m, i);
        k->depthwise_conv2d(&p, in, out, scratch);
        break;
    }
    case KWS_OP_FULLY_CONNECTED: {
        kws_linear_t p = kws_op_linear(m, i);
        k->fully_connected(&p, in, out);
        break;
    }
    case KWS_OP_AVG_POOL_2D: {
        kws_pool_t p = kws_op_pool(m, i);
        k->avg_pool2d(&p, in, out);
        break;
    }
    case KWS_OP_MAX_POOL_2D: {
        kws_pool_t p = kws_op_pool(m, i);
        k->max_pool2d(&p, in, out);
        break;
    }
    case KWS_OP_ADD: {
        kws_add_t p = kws_op_add(m, i);
        k->add(&p, in, (const int8_t *)base + m->tensors[op->input1].arena_offset, out, n);
        break;
    }
    case KWS_OP_RELU: {
        kws_relu_t p = kws_op_relu(m, i);
        k->relu(&p, in, out, n);
        break;
    }
    case KWS_OP_SOFTMAX: {
        kws_softmax_t p = kws_op_softmax(m, i);
        k->softmax(&p, in, out);
        break;
    }
    case KWS_OP_RESHAPE:
        k->reshape(in, out, n);
        break;
    }
}

void kws_model_run(const kws_model_t *m, void *arena) {
    for (uint32_t i = 0; i < m->n_ops; i++) {
        kws_model_run_op(m, i, arena);
    }
}
