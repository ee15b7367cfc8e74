// The inner loop of the 3x3 and 1x3 depthwise convolutions: a column of output blocks of one channel, 1 to 5 pixels wide.
//
// In assembly, because the loop wants all of r0 to lr (gcc spills) and LDM for the rows of the plane. A row of the
// plane is four words, 8 pixels p0..p7 of 16 bits; a row of weights is two words, (w0, w1) and (w1, w2), doubled. So
// with words a = (p0, p1), b = (p2, p3), ... and stride 1
//
//     output 0 = a . (w0, w1) + b.low * w2        SMLAD, SMLABT
//     output 1 = a.high * w0  + b . (w1, w2)      SMLATB, SMLAD
//
// and on in the same manner: two instructions for three products. With stride 2 every output is of the first kind. The
// first instruction of each output adds the bias instead of a sum.
//
// r0 plane, r1 output, r2 channels, r3..r7 sums, r8..r11 a row of the plane, r12 and lr a row of weights; behind the
// sums r8..lr hold the constants of the lane, which lie on the stack.
#include "kernels/m7/depthwise3x3_rows.h"

// The constants' places on the stack, in words: as in m7_lane_t.
#define STEP "#16"
#define BIAS "#24"
#define WEIGHTS_0 "#28"
#define WEIGHTS_1 "#36"
#define WEIGHTS_2 "#44"

#define ENTER                                                                                                          \
    "push {r4-r11, lr}\n"                                                                                              \
    "add r12, r3, " WEIGHTS_0 "\n"                                                                                     \
    "ldm r12, {r4-r9}\n"                                                                                               \
    "push {r4-r9}\n"                                                                                                   \
    "ldm r3, {r4-r10}\n"                                                                                               \
    "push {r4-r10}\n"                                                                                                  \
    "1:\n"

#define LEAVE                                                                                                          \
    "cmp r1, r11\n"                                                                                                    \
    "bne 1b\n"                                                                                                         \
    "add sp, #52\n"                                                                                                    \
    "pop {r4-r11, pc}\n"

#define LOAD(weights) "ldm r0!, {r8-r11}\n ldrd r12, lr, [sp, " weights "]\n"

// First and second part of output n with stride 1, whose sum so far is in s.
#define A0(s) "smlad r3, r8, r12, " s "\n"
#define A1(s) "smlatb r4, r8, r12, " s "\n"
#define A2(s) "smlad r5, r9, r12, " s "\n"
#define A3(s) "smlatb r6, r9, r12, " s "\n"
#define A4(s) "smlad r7, r10, r12, " s "\n"
#define B0 "smlabt r3, r9, lr, r3\n"
#define B1 "smlad r4, r9, lr, r4\n"
#define B2 "smlabt r5, r10, lr, r5\n"
#define B3 "smlad r6, r10, lr, r6\n"
#define B4 "smlabt r7, r11, lr, r7\n"

// And with stride 2.
#define C0(s) "smlad r3, r8, r12, " s "\n"
#define C1(s) "smlad r4, r9, r12, " s "\n"
#define C2(s) "smlad r5, r10, r12, " s "\n"
#define D0 "smlabt r3, r9, lr, r3\n"
#define D1 "smlabt r4, r10, lr, r4\n"
#define D2 "smlabt r5, r11, lr, r5\n"

// The bias waits in the last sum's register.
#define ROWS(last, first, next)                                                                                        \
    "ldr " last ", [sp, " BIAS "]\n" LOAD(WEIGHTS_0) first LOAD(WEIGHTS_1) next LOAD(WEIGHTS_2) next
#define ROW(last, first, next) "ldr " last ", [sp, " BIAS "]\n" LOAD(WEIGHTS_0) first

// requantise.h, for one sum.
#define MULT(s) "smmulr " s ", " s ", r8\n"
#define SCALE(s) "smmlar " s ", " s ", r9, r10\n"
#define SATURATE(s) "ssat " s ", #8, " s "\n"
#define FINISH_1(f) f("r3")
#define FINISH_2(f) FINISH_1(f) f("r4")
#define FINISH_3(f) FINISH_2(f) f("r5")
#define FINISH_4(f) FINISH_3(f) f("r6")
#define FINISH_5(f) FINISH_4(f) f("r7")
#define FINISH(n) "ldm sp, {r8-r11}\n ldrd r12, lr, [sp, " STEP "]\n" n(MULT) n(SCALE) n(SATURATE)

// Output pixels lie r2 apart. From four on one more register is needed for an address: r1 moves on by a pixel.
#define STORE_1 "strb r3, [r1]\n"
#define STORE_2 STORE_1 "strb r4, [r1, r2]\n"
#define STORE_3 STORE_2 "strb r5, [r1, r2, lsl #1]\n"
#define STORE_4 STORE_3 "add r1, r1, r2\n strb r6, [r1, r2, lsl #1]\n"
#define STORE_5 STORE_3 "strb r7, [r1, r2, lsl #2]\n add r1, r1, r2\n strb r6, [r1, r2, lsl #1]\n"
#define STORE(n) n "add r1, r1, r12\n add r0, r0, lr\n"

#define KERNEL(name, rows, finish, store)                                                                              \
    __attribute__((naked)) static void name(const uint32_t *plane, int8_t *out, size_t c, const m7_lane_t *lane) {     \
        __asm__ volatile(ENTER rows FINISH(finish) STORE(store) LEAVE);                                                \
        (void)plane, (void)out, (void)c, (void)lane;                                                                   \
    }

// For three rows and for one.
#define KERNELS(name, finish, store, last, first, next)                                                                \
    KERNEL(three_##name, ROWS(last, first, next), finish, store)                                                       \
    KERNEL(one_##name, ROW(last, first, next), finish, store)

KERNELS(stride1_1, FINISH_1, STORE_1, "r3", A0("r3") B0, A0("r3") B0)
KERNELS(stride1_2, FINISH_2, STORE_2, "r4", A0("r4") A1("r4") B0 B1, A0("r3") A1("r4") B0 B1)
KERNELS(stride1_3, FINISH_3, STORE_3, "r5", A0("r5") A1("r5") A2("r5") B0 B1 B2, A0("r3") A1("r4") A2("r5") B0 B1 B2)
KERNELS(stride1_4, FINISH_4, STORE_4, "r6", A0("r6") A1("r6") A2("r6") A3("r6") B0 B1 B2 B3,
        A0("r3") A1("r4") A2("r5") A3("r6") B0 B1 B2 B3)
KERNELS(stride1_5, FINISH_5, STORE_5, "r7", A0("r7") A1("r7") A2("r7") A3("r7") A4("r7") B0 B1 B2 B3 B4,
        A0("r3") A1("r4") A2("r5") A3("r6") A4("r7") B0 B1 B2 B3 B4)
KERNELS(stride2_1, FINISH_1, STORE_1, "r3", C0("r3") D0, C0("r3") D0)
KERNELS(stride2_2, FINISH_2, STORE_2, "r4", C0("r4") C1("r4") D0 D1, C0("r3") C1("r4") D0 D1)
KERNELS(stride2_3, FINISH_3, STORE_3, "r5", C0("r5") C1("r5") C2("r5") D0 D1 D2, C0("r3") C1("r4") C2("r5") D0 D1 D2)

#define STRIDES(rows)                                                                                                  \
    {                                                                                                                  \
        {NULL, rows##_stride1_1, rows##_stride1_2, rows##_stride1_3, rows##_stride1_4, rows##_stride1_5},              \
            {NULL, rows##_stride2_1, rows##_stride2_2, rows##_stride2_3},                                              \
    }

m7_rows_t *const m7_rows[2][2][M7_BLOCK_1 + 1] = {STRIDES(one), STRIDES(three)};
