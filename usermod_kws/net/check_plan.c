// Checks of the arena plan: what an op writes or uses as scratch lies apart from everything that is still needed.
#include "net/model.h"

typedef struct {
    uint32_t start, end;
} span_t;

static span_t tensor_span(const kws_tensor_t *t) {
    return (span_t){t->arena_offset, t->arena_offset + kws_shape_bytes(kws_tensor_shape(t))};
}

static int overlap(span_t a, span_t b) {
    return a.start < b.end && b.start < a.end;
}

static int reads(const kws_op_t *op, uint32_t tensor) {
    return op->input0 == tensor || (op->code == KWS_OP_ADD && op->input1 == tensor);
}

// Whether any op behind `after` still reads the tensor.
static int read_later(const kws_model_t *m, uint32_t tensor, uint32_t after) {
    for (uint32_t i = after + 1; i < m->n_ops; i++) {
        if (reads(&m->ops[i], tensor)) {
            return 1;
        }
    }
    return 0;
}

static int may_write_in_place(const kws_op_t *op) {
    return op->code == KWS_OP_ADD || op->code == KWS_OP_RELU || op->code == KWS_OP_RESHAPE;
}

int kws_check_plan(const kws_model_t *m, kws_error_t *err) {
    for (uint32_t i = 0; i < m->n_ops; i++) {
        const kws_op_t *op = &m->ops[i];
        uint32_t where = (uint32_t)((const uint8_t *)op - m->blob);
        span_t out = tensor_span(&m->tensors[i + 1]);
        span_t scratch = {op->scratch_offset, op->scratch_offset + op->scratch_bytes};
        if (overlap(out, scratch)) {
            return kws_fail(err, KWS_E_ARENA, where, "output and scratch of an op overlap");
        }
        for (uint32_t t = 0; t <= i; t++) {
            int used_now = reads(op, t), used_later = read_later(m, t, i);
            if (!used_now && !used_later) {
                continue;
            }
            span_t span = tensor_span(&m->tensors[t]);
            int in_place = !used_later && may_write_in_place(op) && span.start == out.start;
            if (overlap(span, scratch) || (overlap(span, out) && !in_place)) {
                return kws_fail(err, KWS_E_ARENA, where, "op writes over a tensor that is still needed");
            }
        }
    }
    return KWS_OK;
}
