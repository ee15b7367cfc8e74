// Checks of one op's record: parameters in the kernels' documented ranges, shapes that chain, weights inside their
// section. `where` in an error is the byte offset of the record in the blob.
#include <string.h>

#include "net/model.h"

#define FAIL(code, what) kws_fail(err, (code), where, (what))

static int in_range(int64_t x, int64_t lo, int64_t hi) {
    return x >= lo && x <= hi;
}

// One axis of a window: every window touches the input, and the output is as long as the input and the pads make it.
static int axis_ok(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation, uint32_t pad) {
    if (kernel == 0 || stride == 0 || dilation == 0) {
        return 0;
    }
    int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
    int64_t last = (int64_t)(out - 1) * stride - pad; // first input index of the last window
    int64_t pad_end = last + extent - in;
    return extent <= KWS_MAX_BYTES && pad < extent && last < in && pad_end > -(int64_t)stride;
}

static int check_window(kws_shape_t in, kws_shape_t out, const kws_window_t *w, uint32_t where, kws_error_t *err) {
    if (!axis_ok(in.h, out.h, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top) ||
        !axis_ok(in.w, out.w, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left)) {
        return FAIL(KWS_E_SHAPE, "window does not lead from the input's to the output's shape");
    }
    return KWS_OK;
}

static int same_quantisation(const kws_tensor_t *a, const kws_tensor_t *b) {
    return a->zero_point == b->zero_point && a->scale_bits == b->scale_bits;
}

static int mult_ok(int32_t mult, int32_t shift, int32_t shift_min, int32_t shift_max) {
    return mult >= 0 && in_range(shift, shift_min, shift_max);
}

// Weights of `products` values an output channel, and the channels' records.
static int check_weights(const kws_model_t *m, const kws_op_t *op, uint64_t weights, uint64_t products,
                         uint32_t channels, uint32_t where, kws_error_t *err) {
    uint32_t w = op->u.w.weights_offset, c = op->u.w.channels_offset;
    if ((w | c) % 4 != 0) {
        return FAIL(KWS_E_ALIGN, "weights of an op");
    }
    if (w + weights > m->weights_bytes || c + (uint64_t)channels * sizeof(kws_channel_t) > m->weights_bytes) {
        return FAIL(KWS_E_OFFSET, "weights of an op leave their section");
    }
    int64_t bias_room = ((int64_t)1 << 30) - ((int64_t)products << 15);
    const kws_channel_t *ch = (const kws_channel_t *)(m->weights + c);
    for (uint32_t i = 0; i < channels; i++) {
        int64_t bias = ch[i].bias < 0 ? -(int64_t)ch[i].bias : ch[i].bias;
        if (products >= 1 << 15 || bias >= bias_room) {
            return FAIL(KWS_E_RANGE, "sum of an output channel may not fit");
        }
        if (!mult_ok(ch[i].mult, ch[i].shift, -31, 30)) {
            return FAIL(KWS_E_RANGE, "multiplier of an output channel");
        }
    }
    return KWS_OK;
}

static int check_linear(const kws_model_t *m, uint32_t i, uint32_t where, kws_error_t *err) {
    const kws_op_t *op = &m->ops[i];
    kws_linear_t p = kws_op_linear(m, i);
    uint64_t taps = (uint64_t)p.window.kernel_h * p.window.kernel_w;
    uint64_t scratch = 0, products, weights;
    if (op->code == KWS_OP_FULLY_CONNECTED) {
        static const kws_window_t none;
        if (memcmp(&p.window, &none, sizeof(none)) != 0 || kws_shape_pixels(p.out) != 1) {
            return FAIL(KWS_E_SHAPE, "fully connected op needs no window and a flat output");
        }
        products = kws_shape_bytes(p.in);
        weights = products * p.out.c;
    } else {
        int status = check_window(p.in, p.out, &p.window, where, err);
        if (status != KWS_OK) {
            return status;
        }
        if (op->code == KWS_OP_DEPTHWISE_CONV_2D) {
            if (p.out.c % p.in.c != 0) {
                return FAIL(KWS_E_SHAPE, "depthwise output channels are no multiple of the input's");
            }
            products = taps;
            weights = taps * p.out.c;
            scratch = kws_depthwise_conv2d_scratch_bytes(p.in, &p.window);
        } else {
            products = taps * p.in.c;
            weights = products * p.out.c;
            scratch = kws_conv2d_scratch_bytes(p.in, &p.window);
        }
    }
    if (op->scratch_bytes < scratch) {
        return FAIL(KWS_E_ARENA, "scratch of an op is too small");
    }
    return check_weights(m, op, weights, products, p.out.c, where, err);
}

static int check_pool(const kws_model_t *m, uint32_t i, uint32_t where, kws_error_t *err) {
    kws_pool_t p = kws_op_pool(m, i);
    if (p.in.c != p.out.c || !same_quantisation(&m->tensors[m->ops[i].input0], &m->tensors[i + 1])) {
        return FAIL(KWS_E_SHAPE, "pooling changes channels or quantisation");
    }
    if (p.window.dilation_h != 1 || p.window.dilation_w != 1 || m->ops[i].u.w.weights_offset != 0 ||
        m->ops[i].u.w.channels_offset != 0) {
        return FAIL(KWS_E_RANGE, "pooling has no dilation and no weights");
    }
    return check_window(p.in, p.out, &p.window, where, err);
}

static int check_softmax(const kws_model_t *m, uint32_t i, uint32_t where, kws_error_t *err) {
    const uint32_t one_256th = 0x3b800000; // as float32
    kws_softmax_t p = kws_op_softmax(m, i);
    const kws_tensor_t *out = &m->tensors[i + 1];
    if (p.classes > 256 || !mult_ok(p.mult, p.shift, 0, 31)) {
        return FAIL(KWS_E_RANGE, "softmax classes or multiplier");
    }
    if (out->zero_point != -128 || out->scale_bits != one_256th) {
        return FAIL(KWS_E_RANGE, "softmax output is not quantised as (q + 128) / 256");
    }
    return KWS_OK;
}

// The parameters behind the first `used` pairs of mult and shift are 0.
static int rest_is_zero(const kws_op_t *op, int used) {
    for (int i = used; i < 3; i++) {
        if (op->u.q[i].mult != 0 || op->u.q[i].shift != 0) {
            return 0;
        }
    }
    return 1;
}

static int same_shape(const kws_tensor_t *a, const kws_tensor_t *b) {
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

int kws_check_op(const kws_model_t *m, uint32_t i, kws_error_t *err) {
    const kws_op_t *op = &m->ops[i];
    uint32_t where = (uint32_t)((const uint8_t *)op - m->blob);
    if (op->zero0 != 0 || op->zero1 != 0 || op->zero2 != 0) {
        return FAIL(KWS_E_RANGE, "reserved field of an op is not 0");
    }
    if (op->input0 > i || (op->code == KWS_OP_ADD ? op->input1 > i : op->input1 != 0xffff)) {
        return FAIL(KWS_E_SHAPE, "op reads a tensor that is not computed before it");
    }
    if (op->out_min < -128 || op->out_min > op->out_max || op->out_max > 127) {
        return FAIL(KWS_E_RANGE, "output clamp of an op");
    }
    if (op->scratch_offset % KWS_TENSOR_ALIGN != 0 ||
        (uint64_t)op->scratch_offset + op->scratch_bytes > m->arena_bytes) {
        return FAIL(KWS_E_ARENA, "scratch of an op leaves the arena");
    }
    if ((op->code == KWS_OP_RELU || op->code == KWS_OP_SOFTMAX || op->code == KWS_OP_RESHAPE) &&
        !rest_is_zero(op, op->code == KWS_OP_RESHAPE ? 0 : 1)) {
        return FAIL(KWS_E_RANGE, "unused parameter of an op is not 0");
    }
    const kws_tensor_t *in = &m->tensors[op->input0], *out = &m->tensors[i + 1];
    switch (op->code) {
    case KWS_OP_CONV_2D:
    case KWS_OP_DEPTHWISE_CONV_2D:
    case KWS_OP_FULLY_CONNECTED:
        return check_linear(m, i, where, err);
    case KWS_OP_AVG_POOL_2D:
    case KWS_OP_MAX_POOL_2D:
        return check_pool(m, i, where, err);
    case KWS_OP_ADD: {
        kws_add_t p = kws_op_add(m, i);
        if (!same_shape(in, out) || !same_shape(&m->tensors[op->input1], out)) {
            return FAIL(KWS_E_SHAPE, "add of different shapes");
        }
        if (!mult_ok(p.in0_mult, p.in0_shift, -31, 0) || !mult_ok(p.in1_mult, p.in1_shift, -31, 0) ||
            !mult_ok(p.out_mult, p.out_shift, -31, 0)) {
            return FAIL(KWS_E_RANGE, "multiplier of an add");
        }
        return KWS_OK;
    }
    case KWS_OP_RELU: {
        kws_relu_t p = kws_op_relu(m, i);
        if (!same_shape(in, out)) {
            return FAIL(KWS_E_SHAPE, "relu changes the shape");
        }
        return mult_ok(p.mult, p.shift, -31, 22) ? KWS_OK : FAIL(KWS_E_RANGE, "multiplier of a relu");
    }
    case KWS_OP_SOFTMAX:
        return same_shape(in, out) ? check_softmax(m, i, where, err)
                                   : FAIL(KWS_E_SHAPE, "softmax changes the shape");
    case KWS_OP_RESHAPE:
        return kws_shape_bytes(kws_tensor_shape(in)) == kws_shape_bytes(kws_tensor_shape(out)) &&
                       same_quantisation(in, out)
                   ? KWS_OK
                   : FAIL(KWS_E_SHAPE, "reshape changes the number of elements or the quantisation");
    default:
        return FAIL(KWS_E_OP, "unknown op code");
    }
}
