// The input pixels under one window, copied into a row of [kernel_h][kernel_w][c] with the input's zero point where
// the window leaves the input. With it every window is whole, so that the input's offset folds into the bias exactly
// and the inner loops need no edges.
#ifndef KWS_PATCH_H
#define KWS_PATCH_H

#include <string.h>

#include "kernels/kernels.h"

static inline void kws_patch_gather(int8_t *patch, const int8_t *in, kws_shape_t shape, const kws_window_t *w,
                                    int32_t zero, int32_t out_y, int32_t out_x) {
    int32_t y0 = out_y * w->stride_h - w->pad_top;
    int32_t x0 = out_x * w->stride_w - w->pad_left;
    size_t row_bytes = (size_t)w->kernel_w * shape.c;
    for (int32_t i = 0; i < w->kernel_h; i++, patch += row_bytes) {
        int32_t y = y0 + i * w->dilation_h;
        if (y < 0 || y >= shape.h) {
            memset(patch, zero, row_bytes);
            continue;
        }
        const int8_t *row = in + (size_t)y * shape.w * shape.c;
        if (w->dilation_w == 1 && x0 >= 0 && x0 + w->kernel_w <= shape.w) {
            memcpy(patch, row + (size_t)x0 * shape.c, row_bytes);
            continue;
        }
        for (int32_t j = 0; j < w->kernel_w; j++) {
            int32_t x = x0 + j * w->dilation_w;
            int8_t *tap = patch + (size_t)j * shape.c;
            if (x < 0 || x >= shape.w) {
                memset(tap, zero, shape.c);
            } else {
                memcpy(tap, row + (size_t)x * shape.c, shape.c);
            }
        }
    }
}

#endif
