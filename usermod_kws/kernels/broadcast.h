// How far an operand's pointer moves along each dimension of the output: not at all where the operand has length 1.
#ifndef KWS_BROADCAST_H
#define KWS_BROADCAST_H

#include "kernels/kernels.h"

typedef struct {
    size_t h, w, c;
} kws_steps_t;

static inline kws_steps_t kws_steps(kws_shape_t s) {
    return (kws_steps_t){s.h > 1 ? (size_t)s.w * s.c : 0, s.w > 1 ? s.c : 0, s.c > 1};
}

#endif
