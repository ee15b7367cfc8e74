// The depthwise convolution's path for 3x3 kernels: dilation 1, stride in width 1 or 2, one output channel an input
// channel, at least four channels. Everything else goes the general way in depthwise_conv2d.c.
#ifndef KWS_M7_DEPTHWISE3X3_H
#define KWS_M7_DEPTHWISE3X3_H

#include <stdbool.h>

#include "kernels/kernels.h"

bool m7_depthwise3x3_takes(const kws_linear_t *p);
void m7_depthwise3x3(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);

#endif
