// Depthwise convolution: chooses the way, and limits the outputs where the clamp is narrower than int8.
#include "kernels/m7/clamp.h"
#include "kernels/m7/depthwise.h"
#include "kernels/m7/m7.h"

void kws_depthwise_conv2d_m7(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    if (p->in.c == 1) {
        kws_conv2d_m7(p, in, out, scratch); // the same sums, and the same rows of weights
        return;
    }
    if (m7_depthwise3x3_takes(p)) {
        m7_depthwise3x3(p, in, out, scratch);
    } else if (m7_depthwise_column_takes(p)) {
        m7_depthwise_column(p, in, out, scratch);
    } else if (m7_depthwise_direct_takes(p)) {
        m7_depthwise_direct(p, in, out, scratch);
    } else {
        m7_depthwise_strips(p, in, out, scratch);
    }
    m7_clamp(out, kws_shape_bytes(p->out), p->out_min, p->out_max);
}
