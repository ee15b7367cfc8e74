#include "kernels/a64/dot_sdot.h"

#include "kernels/a64/a64.h"
#include "kernels/a64/conv2d_lanes.h"

void kws_conv2d_sdot(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    if (p->out.c < 4) {
        kws_conv2d_c(p, in, out, scratch);
        return;
    }
    const uint32_t n = (uint32_t)p->window.kernel_h * p->window.kernel_w * p->in.c;
    if (kws_shape_pixels(p->out) >= A64_LANE_PIXELS && kws_row_bytes(n) >= 16) {
        a64_conv2d_lanes(p, in, out, scratch);
        return;
    }
    a64_conv2d(p, in, out, scratch);
}
