#include "frontend/stages.h"

// Four bins a pass: LDM for the powers, which are aligned; the weights need not be. r0 power, r1 weights, r2 count; the
// sum, first the floor, is the next argument: two words on the stack by the calling convention.
__attribute__((naked)) uint64_t kws_mel_band(const uint32_t *power, const uint16_t *weights, unsigned count,
                                             uint64_t floor_scaled) {
    __asm__ volatile("push {r4-r7, lr}\n"
                     "ldrd r12, lr, [sp, #20]\n"
                     "subs r2, #4\n"
                     "blo 2f\n"
                     "1:\n"
                     "ldm r0!, {r4-r7}\n"
                     "ldrh r3, [r1], #8\n umlal r12, lr, r4, r3\n"
                     "ldrh r3, [r1, #-6]\n umlal r12, lr, r5, r3\n"
                     "ldrh r3, [r1, #-4]\n umlal r12, lr, r6, r3\n"
                     "ldrh r3, [r1, #-2]\n umlal r12, lr, r7, r3\n"
                     "subs r2, #4\n"
                     "bhs 1b\n"
                     "2:\n"
                     "adds r2, #4\n"
                     "beq 4f\n"
                     "3:\n"
                     "ldr r4, [r0], #4\n ldrh r3, [r1], #2\n umlal r12, lr, r4, r3\n"
                     "subs r2, #1\n"
                     "bne 3b\n"
                     "4:\n"
                     "mov r0, r12\n mov r1, lr\n"
                     "pop {r4-r7, pc}\n");
    (void)power, (void)weights, (void)count, (void)floor_scaled;
}
