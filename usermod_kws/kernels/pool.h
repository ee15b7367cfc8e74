// The part of a pooling window that lies inside the input; never empty.
#ifndef KWS_POOL_H
#define KWS_POOL_H

#include "kernels/kernels.h"

typedef struct {
    int32_t y0, y1, x0, x1; // rows y0 <= y < y1, columns x0 <= x < x1
} kws_pool_span_t;

static inline kws_pool_span_t kws_pool_span(const kws_pool_t *p, int32_t out_y, int32_t out_x) {
    const kws_window_t *w = &p->window;
    kws_pool_span_t s;
    s.y0 = out_y * w->stride_h - w->pad_top;
    s.x0 = out_x * w->stride_w - w->pad_left;
    s.y1 = s.y0 + w->kernel_h < p->in.h ? s.y0 + w->kernel_h : p->in.h;
    s.x1 = s.x0 + w->kernel_w < p->in.w ? s.x0 + w->kernel_w : p->in.w;
    s.y0 = s.y0 > 0 ? s.y0 : 0;
    s.x0 = s.x0 > 0 ? s.x0 : 0;
    return s;
}

#endif
