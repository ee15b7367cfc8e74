// The kernels' parameters as they stand in op i's record: exec.c passes them on, check_op.c holds them against the
// ranges in kernels.h.
#ifndef KWS_OP_PARAMS_H
#define KWS_OP_PARAMS_H

#include "net/model.h"

static inline const kws_tensor_t *kws_op_input0(const kws_program_t *p, uint32_t i) {
    return &p->tensors[p->ops[i].input0];
}

static inline const kws_tensor_t *kws_op_input1(const kws_program_t *p, uint32_t i) {
    return &p->tensors[p->ops[i].input1];
}

static inline const kws_tensor_t *kws_op_output(const kws_program_t *p, uint32_t i) {
    return &p->tensors[p->ops[i].output];
}

kws_linear_t kws_op_linear(const kws_program_t *p, uint32_t i);
kws_pool_t kws_op_pool(const kws_program_t *p, uint32_t i);
kws_mean_t kws_op_mean(const kws_program_t *p, uint32_t i);
kws_binary_t kws_op_binary(const kws_program_t *p, uint32_t i); // add, sub, mul
kws_prelu_t kws_op_prelu(const kws_program_t *p, uint32_t i);
kws_softmax_t kws_op_softmax(const kws_program_t *p, uint32_t i);
kws_svdf_t kws_op_svdf(const kws_program_t *p, uint32_t i);

#endif
