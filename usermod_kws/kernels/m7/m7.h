// The kernels of this folder that table.c puts into kws_kernels_t; their contracts are kernels.h's.
#ifndef KWS_M7_H
#define KWS_M7_H

#include "kernels/kernels.h"

void kws_conv2d_m7(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_depthwise_conv2d_m7(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_fully_connected_m7(const kws_linear_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool2d_m7(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_max_pool2d_m7(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool_step_m7(const kws_pool_t *p, const int8_t *in, int8_t *out, void *state);
void kws_mean_m7(const kws_mean_t *p, const int8_t *in, int8_t *out);
void kws_add_m7(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
void kws_mul_m7(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
void kws_svdf_m7(const kws_svdf_t *p, const int8_t *in, int8_t *out, int16_t *state, int32_t *scratch);
void kws_lut_m7(const int8_t table[256], const int8_t *in, int8_t *out, size_t n);

#endif
