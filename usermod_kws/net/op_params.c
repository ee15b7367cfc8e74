#include "net/op_params.h"

kws_linear_t kws_op_linear(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_tensor_t *in = kws_op_input0(p, i), *out = kws_op_output(p, i);
    kws_linear_t k = {
        .in = kws_tensor_shape(in),
        .out = kws_tensor_shape(out),
        .window = op->u.w.window,
        .in_zero = in->zero_point,
        .out_zero = out->zero_point,
        .out_min = op->out_min,
        .out_max = op->out_max,
        .weights = (const int8_t *)p->weights + op->u.w.weights_offset,
        .channels = (const kws_channel_t *)(const void *)(p->weights + op->u.w.channels_offset),
    };
    if (op->code == KWS_OP_FULLY_CONNECTED) {
        // An output pixel is a row of products: the input's elements, shared out evenly.
        uint32_t rows = kws_shape_pixels(k.out);
        k.out = (kws_shape_t){(uint16_t)rows, 1, k.out.c};
        k.in = (kws_shape_t){(uint16_t)rows, 1, (uint16_t)(kws_shape_bytes(k.in) / rows)};
    }
    return k;
}

kws_pool_t kws_op_pool(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    return (kws_pool_t){
        .in = kws_tensor_shape(kws_op_input0(p, i)),
        .out = kws_tensor_shape(kws_op_output(p, i)),
        .window = op->u.w.window,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
}

kws_mean_t kws_op_mean(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    return (kws_mean_t){
        .in = kws_tensor_shape(kws_op_input0(p, i)),
        .axes = (uint32_t)op->u.q[1].mult,
        .in_zero = kws_op_input0(p, i)->zero_point,
        .out_zero = kws_op_output(p, i)->zero_point,
        .mult = op->u.q[0].mult,
        .shift = op->u.q[0].shift,
        .out_min = op->out_min,
        .out_max = op->out_max,
    };
}

kws_binary_t kws_op_binary(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_tensor_t *in0 = kws_op_input0(p, i), *in1 = kws_op_input1(p, i), *out = kws_op_output(p, i);
    kws_binary_t k = {
        .in0 = kws_tensor_shape(in0),
        .in1 = kws_tensor_shape(in1),
        .out = kws_tensor_shape(out),
        .in0_zero = in0->zero_point,
        .in1_zero = in1->zero_point,
        .out_zero = out->zero_point,
        .out_min = op->out_min,
        .out_max = op->out_max,
        .subtract = op->code == KWS_OP_SUB,
    };
    int last = 0;
    if (op->code != KWS_OP_MUL) {
        k.in0_mult = op->u.q[0].mult;
        k.in0_shift = op->u.q[0].shift;
        k.in1_mult = op->u.q[1].mult;
        k.in1_shift = op->u.q[1].shift;
        last = 2;
    }
    k.out_mult = op->u.q[last].mult;
    k.out_shift = op->u.q[last].shift;
    return k;
}

kws_prelu_t kws_op_prelu(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    return (kws_prelu_t){
        .in = kws_tensor_shape(kws_op_input0(p, i)),
        .alpha = kws_tensor_shape(kws_op_input1(p, i)),
        .in_zero = kws_op_input0(p, i)->zero_point,
        .alpha_zero = kws_op_input1(p, i)->zero_point,
        .out_zero = kws_op_output(p, i)->zero_point,
        .pos_mult = op->u.q[0].mult,
        .pos_shift = op->u.q[0].shift,
        .neg_mult = op->u.q[1].mult,
        .neg_shift = op->u.q[1].shift,
    };
}

kws_softmax_t kws_op_softmax(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    kws_shape_t shape = kws_tensor_shape(kws_op_output(p, i));
    return (kws_softmax_t){
        .rows = kws_shape_pixels(shape),
        .classes = shape.c,
        .mult = op->u.q[0].mult,
        .shift = op->u.q[0].shift,
    };
}

kws_svdf_t kws_op_svdf(const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_tensor_t *in = kws_op_input0(p, i), *out = kws_op_output(p, i);
    const kws_svdf_record_t *r = (const kws_svdf_record_t *)(const void *)(p->weights + op->u.w.weights_offset);
    return (kws_svdf_t){
        .inputs = kws_tensor_bytes(in),
        .units = kws_tensor_bytes(out),
        .rank = r->rank,
        .memory = r->memory,
        .in_zero = in->zero_point,
        .out_zero = out->zero_point,
        .out_min = op->out_min,
        .out_max = op->out_max,
        .feature_mult = r->feature_mult,
        .feature_shift = r->feature_shift,
        .out_mult = r->out_mult,
        .out_shift = r->out_shift,
        .feature = (const int8_t *)p->weights + r->feature_offset,
        .time = (const int16_t *)(const void *)(p->weights + r->time_offset),
        .bias = (const int32_t *)(const void *)(p->weights + r->bias_offset),
    };
}
