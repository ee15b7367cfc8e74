// The loop that widens the bytes of a pixel: four words at a time, 6 instructions a word, or 5.25 where LDM may load them.
// In assembly for STRD's step from group to group, which gcc makes additions of.
#include "kernels/m7/gemm.h"

// In: r4 the word, r5 is free.
#define WIDEN(word)                                                                                                    \
    "sxtb16 r4, " word "\n"                                                                                            \
    "sxtb16 r5, " word ", ror #8\n"                                                                                    \
    "sadd16 r4, r4, r4\n"                                                                                              \
    "sadd16 r5, r5, r5\n"

#define STEP_48 "strd r4, r5, [r0], #48\n"
#define STEP_ANY "strd r4, r5, [r0]\n add r0, r0, r1\n"

#define FOUR(step)                                                                                                     \
    WIDEN("r6") step WIDEN("r7") step WIDEN("r8") step WIDEN("r9") step                                                \
    "subs r3, #4\n"

// r0 to, r1 bytes from group to group, r2 from, r3 words left less 4.
#define WORDS(step)                                                                                                    \
    "tst r2, #3\n"                                                                                                     \
    "bne 2f\n"                                                                                                         \
    "1:\n"                                                                                                             \
    "ldm r2!, {r6-r9}\n" FOUR(step)                                                                                    \
    "bpl 1b\n"                                                                                                         \
    "b 4f\n"                                                                                                           \
    "2:\n"                                                                                                             \
    "ldr r6, [r2], #4\n"                                                                                               \
    "ldr r7, [r2], #4\n"                                                                                               \
    "ldr r8, [r2], #4\n"                                                                                               \
    "ldr r9, [r2], #4\n" FOUR(step)                                                                                    \
    "bpl 2b\n"                                                                                                         \
    "b 4f\n"

__attribute__((naked)) uint32_t *m7_widen_words(uint32_t *to __attribute__((unused)),
                                                uint32_t step __attribute__((unused)),
                                                const int8_t *from __attribute__((unused)),
                                                uint32_t n __attribute__((unused))) {
    __asm__("push {r4-r9}\n"
            "lsl r1, r1, #2\n"
            "subs r3, #4\n"
            "bmi 4f\n"
            "cmp r1, #48\n" // the step of six pixels
            "bne 3f\n" WORDS(STEP_48)
            "3:\n" WORDS(STEP_ANY)
            "4:\n"
            "adds r3, #4\n"
            "beq 6f\n"
            "5:\n"
            "ldr r6, [r2], #4\n" WIDEN("r6") STEP_ANY
            "subs r3, #1\n"
            "bne 5b\n"
            "6:\n"
            "pop {r4-r9}\n"
            "bx lr\n");
}
