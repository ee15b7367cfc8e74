// The kernels of this folder: "neon" for any 64-bit Arm, "sdot" for those with the dot product instructions.
#ifndef KWS_A64_H
#define KWS_A64_H

#include "kernels/kernels.h"

void kws_conv2d_neon(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_conv2d_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_depthwise_conv2d_neon(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_depthwise_conv2d_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_fully_connected_neon(const kws_linear_t *p, const int8_t *in, int8_t *out);
void kws_fully_connected_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool2d_neon(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_add_neon(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);

extern const kws_kernels_t kws_kernels_neon, kws_kernels_sdot;

#endif
