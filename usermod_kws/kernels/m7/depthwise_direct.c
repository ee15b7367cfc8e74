// Depthwise convolution straight from the input, four channels of one output pixel at a time: for few outputs (a step of
// a stream) and for geometries that depthwise3x3.c does not know. One output channel an input channel, at least four.
//
// A table holds where each tap of the window lies; a tap outside of the input points to a row of zero points. Two taps,
// 0 and 2 or 1 and 3 of four, make pairs, because SXTB16 widens a channel's weights in this order.
#include "kernels/m7/depthwise.h"

#include "kernels/m7/requantise.h"

// Sums of the four channels from byte o of the pixels on; w: the first one's weights, `row` bytes a channel. In assembly,
// because all fourteen registers are in use: a round of four taps is 44 instructions, where gcc needs 63.
//
// r0 taps, r1 o, r2 weights, r3 row, r4..r7 sums. Of four taps x0..x3, (x0, x2) of channels 0 and 1 come to lie in r12, of 2
// and 3 in r10; (x1, x3) in lr and r11.
__attribute__((naked)) static void four_sums(const int8_t *const *taps, size_t o, const int8_t *w, size_t row,
                                             int32_t sums[4]) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "add r12, r2, r3\n"
                     "push {r12}\n"
                     "mov r4, #0\n mov r5, #0\n mov r6, #0\n mov r7, #0\n"
                     "1:\n"
                     "ldm r0!, {r8-r11}\n"
                     "ldr r8, [r8, r1]\n ldr r9, [r9, r1]\n ldr r10, [r10, r1]\n ldr r11, [r11, r1]\n"
                     "pkhbt r12, r8, r10, lsl #16\n pkhtb r10, r10, r8, asr #16\n"
                     "pkhbt lr, r9, r11, lsl #16\n pkhtb r11, r11, r9, asr #16\n"
                     "ldr r8, [r2]\n sxtb16 r9, r12\n sxtb16 r8, r8\n smlad r4, r8, r9, r4\n"
                     "ldr r8, [r2]\n sxtb16 r9, lr\n sxtb16 r8, r8, ror #8\n smlad r4, r8, r9, r4\n"
                     "ldr r8, [r2, r3]\n sxtb16 r9, r12, ror #8\n sxtb16 r12, r8\n smlad r5, r9, r12, r5\n"
                     "sxtb16 r9, lr, ror #8\n sxtb16 r8, r8, ror #8\n smlad r5, r8, r9, r5\n"
                     "ldr r8, [r2, r3, lsl #1]\n sxtb16 r9, r10\n sxtb16 r12, r8\n smlad r6, r9, r12, r6\n"
                     "sxtb16 r9, r11\n sxtb16 r8, r8, ror #8\n smlad r6, r8, r9, r6\n"
                     "add r8, r2, r3, lsl #1\n"
                     "ldr r8, [r8, r3]\n sxtb16 r9, r10, ror #8\n sxtb16 r12, r8\n smlad r7, r9, r12, r7\n"
                     "sxtb16 r9, r11, ror #8\n sxtb16 r8, r8, ror #8\n smlad r7, r8, r9, r7\n"
                     "add r2, r2, #4\n"
                     "ldr r8, [sp]\n"
                     "cmp r2, r8\n"
                     "bne 1b\n"
                     "ldr r8, [sp, #40]\n"
                     "stm r8, {r4-r7}\n"
                     "add sp, #4\n"
                     "pop {r4-r11, pc}\n");
    (void)taps, (void)o, (void)w, (void)row, (void)sums;
}

static inline int32_t finish(const kws_channel_t *ch, int32_t sum, int32_t zero) {
    const int32_t shift = ch->shift;
    sum += ch->bias;
    if (shift >= -11 && shift <= -2) { // m7_requantise_fast without a look at the sum's size
        return m7_ssat8(m7_smmlar(m7_smmulr(sum * 2, ch->mult), (int32_t)(UINT32_C(1) << (32 + shift)) + 1, zero));
    }
    return fx_requantise_int8(sum, ch->mult, shift, zero, INT8_MIN, INT8_MAX);
}

bool m7_depthwise_direct_takes(const kws_linear_t *p) {
    return p->in.c == p->out.c && p->in.c >= 4;
}

void m7_depthwise_direct(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch) {
    const kws_window_t *win = &p->window;
    const size_t c = p->in.c, taps = (size_t)win->kernel_h * win->kernel_w, row = kws_row_bytes((uint32_t)taps);
    const int32_t zero = p->out_zero;
    const int8_t **const table = scratch;
    int8_t *const zeros = (int8_t *)(table + row);
    for (size_t i = 0; i < c; i++) {
        zeros[i] = (int8_t)p->in_zero;
    }
    for (size_t i = taps; i < row; i++) {
        table[i] = zeros; // their weights are 0
    }
    for (int32_t oy = 0; oy < p->out.h; oy++) {
        for (int32_t ox = 0; ox < p->out.w; ox++, out += c) {
            const int8_t **tap = table;
            int32_t y = oy * win->stride_h - win->pad_top;
            for (int32_t i = 0; i < win->kernel_h; i++, y += win->dilation_h) {
                int32_t x = ox * win->stride_w - win->pad_left;
                uintptr_t px = (uintptr_t)in + ((size_t)y * p->in.w + (size_t)x) * c; // of a tap outside: any number
                for (int32_t j = 0; j < win->kernel_w; j++, x += win->dilation_w, px += win->dilation_w * c) {
                    *tap++ = y >= 0 && y < p->in.h && x >= 0 && x < p->in.w ? (const int8_t *)px : zeros;
                }
            }
            for (size_t o = 0; o < c; o += 4) {
                o = o + 4 <= c ? o : c - 4;
                int32_t sums[4];
                four_sums(table, o, p->weights + o * row, row, sums);
                const kws_channel_t *ch = p->channels + o;
                int8_t *to = out + o;
                const int32_t y0 = finish(&ch[0], sums[0], zero), y1 = finish(&ch[1], sums[1], zero);
                const int32_t y2 = finish(&ch[2], sums[2], zero), y3 = finish(&ch[3], sums[3], zero);
                to[0] = (int8_t)y0;
                to[1] = (int8_t)y1;
                to[2] = (int8_t)y2;
                to[3] = (int8_t)y3;
            }
        }
    }
}
