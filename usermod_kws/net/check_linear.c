// Checks of the ops with a window, with weights, or both.
#include <string.h>

#include "net/check.h"
#include "net/op_params.h"

#define FAIL(code, what) kws_fail_at(r, (code), &p->ops[i], (what))

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

static int check_window(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_tensor_t *in = kws_op_input0(p, i), *out = kws_op_output(p, i);
    const kws_window_t *w = &p->ops[i].u.w.window;
    if (!axis_ok(in->h, out->h, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top) ||
        !axis_ok(in->w, out->w, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left)) {
        return FAIL(KWS_E_SHAPE, "window does not lead from the input's to the output's shape");
    }
    return KWS_OK;
}

int kws_check_pool(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    const kws_tensor_t *in = kws_op_input0(p, i), *out = kws_op_output(p, i);
    const kws_window_t *w = &op->u.w.window;
    if (in->c != out->c || !kws_same_quantisation(in, out)) {
        return FAIL(KWS_E_SHAPE, "pooling changes channels or quantisation");
    }
    if (w->dilation_h != 1 || w->dilation_w != 1 || op->u.w.weights_offset != 0 || op->u.w.channels_offset != 0) {
        return FAIL(KWS_E_RANGE, "pooling has no dilation and no weights");
    }
    if ((uint64_t)w->kernel_h * w->kernel_w >= 1 << 23) {
        return FAIL(KWS_E_RANGE, "sum of a pool may not fit");
    }
    if (op->code != KWS_OP_AVG_POOL_STEP) {
        return check_window(r, p, i);
    }
    // The rows come one by one; of its window only the columns are laid over the input.
    if (out->h != 1 || w->stride_h == 0 || w->pad_top != 0 || w->kernel_h == 0 ||
        !axis_ok(in->w, out->w, w->kernel_w, w->stride_w, 1, w->pad_left)) {
        return FAIL(KWS_E_SHAPE, "window of an average pool step");
    }
    if (w->kernel_w >= 256) {
        return FAIL(KWS_E_RANGE, "row of an average pool step may not fit");
    }
    if (op->scratch_bytes < kws_avg_pool_step_state_bytes(kws_tensor_shape(out), w)) {
        return FAIL(KWS_E_ARENA, "state of an average pool step is too small");
    }
    return KWS_OK;
}

// Bytes behind each row of weights are 0, so that a kernel may multiply them.
static int padded_with_zeros(const int8_t *weights, uint32_t rows, uint32_t products) {
    uint32_t row = kws_row_bytes(products);
    for (uint32_t i = 0; products != row && i < rows; i++, weights += row) {
        for (uint32_t k = products; k < row; k++) {
            if (weights[k] != 0) {
                return 0;
            }
        }
    }
    return 1;
}

// Weights of `products` values an output channel, and the channels' records.
static int check_weights(const kws_reader_t *r, const kws_program_t *p, uint32_t i, uint64_t products) {
    const kws_op_t *op = &p->ops[i];
    uint32_t channels = kws_op_output(p, i)->c;
    if (products >= 1 << 15) {
        return FAIL(KWS_E_RANGE, "sum of an output channel may not fit");
    }
    if (!kws_in_weights(p, op->u.w.weights_offset, (uint64_t)channels * kws_row_bytes((uint32_t)products)) ||
        !kws_in_weights(p, op->u.w.channels_offset, (uint64_t)channels * sizeof(kws_channel_t))) {
        return FAIL(KWS_E_OFFSET, "weights of an op leave their section or are not aligned");
    }
    if (!padded_with_zeros((const int8_t *)p->weights + op->u.w.weights_offset, channels, (uint32_t)products)) {
        return FAIL(KWS_E_RANGE, "padding of a row of weights is not 0");
    }
    int64_t bias_room = ((int64_t)1 << 30) - ((int64_t)products << 15);
    const kws_channel_t *ch = (const kws_channel_t *)(const void *)(p->weights + op->u.w.channels_offset);
    for (uint32_t k = 0; k < channels; k++) {
        if (!kws_in_range(ch[k].bias, -bias_room + 1, bias_room - 1)) {
            return FAIL(KWS_E_RANGE, "sum of an output channel may not fit");
        }
        if (!kws_mult_ok(ch[k].mult, ch[k].shift, -31, 30)) {
            return FAIL(KWS_E_RANGE, "multiplier of an output channel");
        }
    }
    return KWS_OK;
}

static int check_fully_connected(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    static const kws_window_t none;
    uint32_t rows = kws_shape_pixels(kws_tensor_shape(kws_op_output(p, i)));
    uint32_t inputs = kws_tensor_bytes(kws_op_input0(p, i));
    if (memcmp(&p->ops[i].u.w.window, &none, sizeof(none)) != 0) {
        return FAIL(KWS_E_SHAPE, "fully connected op has no window");
    }
    if (rows > UINT16_MAX || inputs % rows != 0) {
        return FAIL(KWS_E_SHAPE, "fully connected op's input does not fill its rows");
    }
    return check_weights(r, p, i, inputs / rows);
}

int kws_check_linear(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    if (op->code == KWS_OP_FULLY_CONNECTED) {
        return check_fully_connected(r, p, i);
    }
    int status = check_window(r, p, i);
    if (status != KWS_OK) {
        return status;
    }
    kws_shape_t in = kws_tensor_shape(kws_op_input0(p, i)), out = kws_tensor_shape(kws_op_output(p, i));
    const kws_window_t *w = &op->u.w.window;
    uint64_t taps = (uint64_t)w->kernel_h * w->kernel_w, products = taps, scratch;
    if (op->code == KWS_OP_DEPTHWISE_CONV_2D) {
        if (out.c % in.c != 0) {
            return FAIL(KWS_E_SHAPE, "depthwise output channels are no multiple of the input's");
        }
        scratch = kws_depthwise_conv2d_scratch_bytes(in, w);
    } else {
        products = taps * in.c;
        scratch = kws_conv2d_scratch_bytes(in, w);
    }
    if (op->scratch_bytes < scratch) {
        return FAIL(KWS_E_ARENA, "scratch of an op is too small");
    }
    return check_weights(r, p, i, products);
}

int kws_check_svdf(const kws_reader_t *r, const kws_program_t *p, uint32_t i) {
    const kws_op_t *op = &p->ops[i];
    if (!kws_in_weights(p, op->u.w.weights_offset, sizeof(kws_svdf_record_t))) {
        return FAIL(KWS_E_OFFSET, "record of an svdf leaves the weights or is not aligned");
    }
    kws_svdf_t q = kws_op_svdf(p, i);
    const kws_svdf_record_t *record = (const kws_svdf_record_t *)(const void *)(p->weights + op->u.w.weights_offset);
    uint64_t filters = (uint64_t)q.units * q.rank;
    if (q.rank == 0 || q.memory == 0 || q.inputs >= 1 << 15 || filters > KWS_MAX_BYTES || q.memory > KWS_MAX_BYTES ||
        filters * q.memory > KWS_MAX_BYTES) {
        return FAIL(KWS_E_RANGE, "rank, memory or inputs of an svdf");
    }
    if (!kws_in_weights(p, record->feature_offset, filters * kws_row_bytes(q.inputs)) ||
        !kws_in_weights(p, record->time_offset, filters * q.memory * sizeof(int16_t)) ||
        !kws_in_weights(p, record->bias_offset, (uint64_t)q.units * sizeof(int32_t))) {
        return FAIL(KWS_E_OFFSET, "weights of an svdf leave their section or are not aligned");
    }
    if (!padded_with_zeros(q.feature, (uint32_t)filters, q.inputs)) {
        return FAIL(KWS_E_RANGE, "padding of a row of weights is not 0");
    }
    if (!kws_mult_ok(q.feature_mult, q.feature_shift, -31, 30) || !kws_mult_ok(q.out_mult, q.out_shift, -31, 30)) {
        return FAIL(KWS_E_RANGE, "multiplier of an svdf");
    }
    const kws_tensor_t *state = kws_op_input1(p, i);
    if (state->storage != KWS_STORAGE_ARENA || state->offset % sizeof(int16_t) != 0 ||
        kws_tensor_bytes(state) != filters * q.memory * sizeof(int16_t)) {
        return FAIL(KWS_E_ARENA, "state of an svdf");
    }
    if (op->scratch_bytes < filters * sizeof(int32_t)) {
        return FAIL(KWS_E_ARENA, "scratch of an op is too small");
    }
    return KWS_OK;
}
