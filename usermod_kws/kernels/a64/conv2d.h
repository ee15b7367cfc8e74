// 2-D convolution by rows of weights: four pixels by four output channels at a time.
#ifndef KWS_A64_CONV2D_H
#define KWS_A64_CONV2D_H

#include "kernels/a64/patch.h"
#include "kernels/a64/rows.h"

// Output pixels [first, end) whose patch lies in the input as it is: pixel i's at in + offset + i * step.
typedef struct {
    uint32_t first, end;
    ptrdiff_t offset;
    size_t step;
} a64_direct_t;

// Patches are contiguous where a window is one pixel that moves by one, or as wide as the input and the output one
// pixel wide.
static inline a64_direct_t a64_direct(const kws_linear_t *p) {
    const kws_window_t *w = &p->window;
    size_t row = (size_t)p->in.w * p->in.c;
    if (w->pad_left != 0 || (w->dilation_w != 1 && w->kernel_w != 1) || (w->dilation_h != 1 && w->kernel_h != 1)) {
        return (a64_direct_t){0, 0, 0, 0};
    }
    if (w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 && w->pad_top == 0 &&
        p->out.w == p->in.w) {
        return (a64_direct_t){0, kws_shape_pixels(p->out), 0, p->in.c};
    }
    if (p->out.w != 1 || w->kernel_w != p->in.w || w->kernel_h > p->in.h) {
        return (a64_direct_t){0, 0, 0, 0};
    }
    uint32_t first = (w->pad_top + w->stride_h - 1u) / w->stride_h;
    uint32_t end = (uint32_t)(p->in.h - w->kernel_h + w->pad_top) / w->stride_h + 1;
    end = end < p->out.h ? end : p->out.h;
    return (a64_direct_t){first, end, -(ptrdiff_t)(w->pad_top * row), w->stride_h * row};
}

// The patches of pixels [pixel, pixel + count), `step` bytes apart.
static inline void a64_gather_pixels(const kws_linear_t *p, const int8_t *in, uint32_t pixel, uint32_t count,
                                     size_t step, int8_t *patches) {
    for (uint32_t i = pixel; i < pixel + count; i++, patches += step) {
        a64_patch_gather(patches, in, p->in, &p->window, p->in_zero, (int32_t)(i / p->out.w), (int32_t)(i % p->out.w));
    }
}

// Pixels [pixel, pixel + rows).
A64_INLINE void a64_pixels(const kws_linear_t *p, const a64_rows_t *a, const a64_direct_t *d, int rows, uint32_t pixel,
                           const int8_t *in, int8_t *out, int8_t *scratch) {
    const int8_t *x = scratch;
    size_t step = a->w_step;
    if (pixel >= d->first && pixel + rows <= d->end) {
        x = in + (d->offset + (ptrdiff_t)(pixel * d->step));
        step = d->step;
    } else {
        a64_gather_pixels(p, in, pixel, rows, step, scratch);
    }
    a64_all_channels(a, rows, 0, x, step, out + (size_t)pixel * p->out.c);
}

A64_INLINE void a64_conv2d(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    uint32_t n = (uint32_t)p->window.kernel_h * p->window.kernel_w * p->in.c, pixels = kws_shape_pixels(p->out), i = 0;
    // A look at all weights pays when they are used for more than two or three pixels.
    a64_rows_t a = a64_rows(p, n, pixels >= 4 && a64_in_pairs(p->weights, (size_t)p->out.c * kws_row_bytes(n)));
    a64_direct_t direct = a64_direct(p);
    // Two or three pixels that are left are done with one or two before them, again.
    for (; pixels - i > 1 && pixels >= 4; i = i + 4 < pixels ? i + 4 : pixels) {
        i = i + 4 <= pixels ? i : pixels - 4;
        a64_pixels(p, &a, &direct, 4, i, in, out, scratch);
    }
    for (; i < pixels; i++) {
        a64_pixels(p, &a, &direct, 1, i, in, out, scratch);
    }
}

#endif
