// The ways in which depthwise_conv2d.c may go. Each works on any clamp as if it were -128..127.
#ifndef KWS_M7_DEPTHWISE_H
#define KWS_M7_DEPTHWISE_H

#include <stdbool.h>

#include "kernels/kernels.h"

// 3x3 and 1x3; dilation 1 in width, also in height where that has a stride; stride in width 1 or 2; at least four input
// channels.
bool m7_depthwise3x3_takes(const kws_linear_t *p);
void m7_depthwise3x3(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

// kernel_w 1, stride and dilation 1 in height; one output channel an input channel, at least four; eight outputs at least.
bool m7_depthwise_column_takes(const kws_linear_t *p);
void m7_depthwise_column(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

// Any window; one output channel an input channel, at least four.
bool m7_depthwise_direct_takes(const kws_linear_t *p);
void m7_depthwise_direct(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

// Anything.
void m7_depthwise_strips(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

#endif
