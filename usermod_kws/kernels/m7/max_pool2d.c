// Max pooling, four channels of a window at a time: SSUB8 sets a flag a byte where the first is not less, SEL chooses.
#include "fixed.h"
#include "kernels/m7/clamp.h"
#include "kernels/m7/m7.h"
#include "kernels/pool.h"

static inline uint32_t max4(uint32_t a, uint32_t b) {
    uint32_t y;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(y) : "r"(a), "r"(b));
    return y;
}

void kws_max_pool2d_m7(const kws_pool_t *p, const int8_t *in, int8_t *out) {
    const size_t c = p->in.c, row = (size_t)p->in.w * c;
    int8_t *const all = out;
    if (c < 4) {
        kws_max_pool2d_c(p, in, out);
        return;
    }
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++, out += c) {
            const kws_pool_span_t s = kws_pool_span(p, oy, ox);
            const int8_t *const window = in + (size_t)s.y0 * row + (size_t)s.x0 * c;
            const size_t rows = (size_t)(s.y1 - s.y0), columns = (size_t)(s.x1 - s.x0);
            for (size_t k = 0; k < c; k += 4) {
                k = k + 4 <= c ? k : c - 4;
                const int8_t *line = window + k;
                uint32_t most = m7_load(line);
                for (size_t y = 0; y < rows; y++, line += row) {
                    const int8_t *px = line;
                    for (size_t x = 0; x < columns; x++, px += c) {
                        most = max4(most, m7_load(px));
                    }
                }
                m7_store(out + k, most);
            }
        }
    }
    m7_clamp(all, kws_shape_bytes(p->out), p->out_min, p->out_max);
}
