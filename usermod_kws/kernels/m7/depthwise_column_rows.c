// The inner loop of a depthwise convolution along one axis: four outputs a pass, any number of taps.
//
// x: words of two inputs. An even output and the odd one behind it share words: the odd one has the weights of
// its own that are half a word behind, (0, w0), (w1, w2), ... beside (w0, w1), (w2, w3), ... The next two outputs take
// the same weights a word later. So four words of weights (LDM) and two of inputs (LDRD) feed eight SMLAD.
//
// r0 x, r1 weights, lr passes left, r4..r7 sums, r8..r10 inputs, r2, r3, r11, r12 weights.
#include "kernels/m7/depthwise_column_rows.h"

// The constants' places on the stack: as in m7_column_t.
#define OUT "#16"
#define WEIGHTS_AND_PASSES "#20"
#define BACK_AND_BLOCKS "#28"
#define BLOCKS "#32"
#define BIAS "#36"

__attribute__((naked)) void m7_column_run(const uint32_t *x, const m7_column_t *column) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "ldm r1, {r2-r11}\n"
                     "push {r2-r11}\n"
                     "1:\n"
                     "ldr r4, [sp, " BIAS "]\n"
                     "ldrd r1, lr, [sp, " WEIGHTS_AND_PASSES "]\n"
                     "ldr r8, [r0], #4\n"
                     "mov r5, r4\n mov r6, r4\n mov r7, r4\n"
                     "2:\n"
                     "ldm r1!, {r2, r3, r11, r12}\n"
                     "ldrd r9, r10, [r0], #8\n"
                     "smlad r4, r8, r2, r4\n smlad r5, r8, r3, r5\n smlad r6, r9, r2, r6\n smlad r7, r9, r3, r7\n"
                     "smlad r4, r9, r11, r4\n smlad r5, r9, r12, r5\n smlad r6, r10, r11, r6\n smlad r7, r10, r12, r7\n"
                     "mov r8, r10\n"
                     "subs lr, #1\n"
                     "bne 2b\n"
                     "ldm sp, {r8-r12}\n"
                     "smmulr r4, r4, r8\n smmulr r5, r5, r8\n smmulr r6, r6, r8\n smmulr r7, r7, r8\n"
                     "smmlar r4, r4, r9, r10\n smmlar r5, r5, r9, r10\n smmlar r6, r6, r9, r10\n smmlar r7, r7, r9, r10\n"
                     "ssat r4, #8, r4\n ssat r5, #8, r5\n ssat r6, #8, r6\n ssat r7, #8, r7\n"
                     "strb r4, [r12]\n strb r5, [r12, r11]\n strb r6, [r12, r11, lsl #1]\n"
                     "add r2, r12, r11\n strb r7, [r2, r11, lsl #1]\n"
                     "add r12, r12, r11, lsl #2\n str r12, [sp, " OUT "]\n"
                     "ldrd r2, r3, [sp, " BACK_AND_BLOCKS "]\n"
                     "sub r0, r0, r2\n"
                     "subs r3, #1\n str r3, [sp, " BLOCKS "]\n"
                     "bne 1b\n"
                     "add sp, #40\n"
                     "pop {r4-r11, pc}\n");
    (void)x, (void)column;
}
