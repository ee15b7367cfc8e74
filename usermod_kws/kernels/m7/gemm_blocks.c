// Several blocks of six pixels by one output channel after the other: the channel's weights are unpacked for the first
// block and kept in s0..s31 for the others.
//
// The first block's groups are those of gemm_loops.c with one VMOV more: 19 instructions. The other blocks need
// no pointer to the weights, so that LDM brings five words at a time: 31 instructions for two groups. The constants of
// the requantisation are made once a channel.
//
// Groups 0 and 1 take the bias as their sum and stand alone in either case; the others are entered where it is due.
#include "kernels/m7/gemm_blocks.h"

#include <stddef.h>

#include "kernels/m7/gemm_asm.h"

// The offsets that the assembly uses.
#define AT(field, offset) _Static_assert(offsetof(m7_gemm_blocks_t, field) == (offset), #field)
AT(zero, 0);
AT(out, 8);
AT(mult, 16);
AT(x, 24);
AT(out_first, 28);
AT(channel, 32);
AT(entry_first, 40);
AT(entry_next, 44);
AT(bias, 48);
AT(x_end, 52);
AT(scale_base, 56);
AT(weights, 60);
_Static_assert(sizeof(m7_gemm_blocks_t) == 64, "frame");

// Words a and b of the weights are a group's.
#define KEEP(a, b) "m7_group_keep s" #a ", s" #b ", r8, r9, r10, r11, r12\n"
#define PAIR(a, b, c, d) "m7_two_groups s" #a ", s" #b ", s" #c ", s" #d ", r8, r9, r10, r11, r12\n"

__asm__(
    ".syntax unified\n"
    ".thumb\n" M7_GEMM_MACROS

    ".macro m7_group_keep a, b, s0, s1, s2, s3, s4\n"
    "  m7_first_pixels \\s0, \\s1, \\a, \\b\n"
    "  m7_two_pixels r10, r11, \\s2, \\s3\n"
    "  m7_two_pixels r12, lr, \\s4, lr\n"
    ".endm\n"

    ".macro m7_two_groups a, b, c, d, s0, s1, s2, s3, s4\n"
    "  vmov r2, r3, \\a, \\b\n"
    "  ldm r0!, {r1, r4-r7}\n"
    "  smlad r8, r3, r1, \\s0\n"
    "  smlad r9, r3, r5, \\s1\n"
    "  smlad r8, r2, r4, r8\n"
    "  smlad r9, r2, r6, r9\n"
    "  smlad r10, r3, r7, \\s2\n"
    "  ldm r0!, {r1, r4-r7}\n"
    "  smlad r11, r3, r4, \\s3\n"
    "  smlad r10, r2, r1, r10\n"
    "  smlad r12, r3, r6, \\s4\n"
    "  smlad r11, r2, r5, r11\n"
    "  smlad r12, r2, r7, r12\n"
    "  ldm r0!, {r1, r4-r7}\n"
    "  smlad lr, r3, r1, lr\n"
    "  smlad lr, r2, r4, lr\n"
    "  vmov r2, r3, \\c, \\d\n"
    "  smlad r8, r3, r5, r8\n"
    "  smlad r9, r3, r7, r9\n"
    "  smlad r8, r2, r6, r8\n"
    "  ldm r0!, {r1, r4-r7}\n"
    "  smlad r10, r3, r4, r10\n"
    "  smlad r9, r2, r1, r9\n"
    "  smlad r11, r3, r6, r11\n"
    "  smlad r10, r2, r5, r10\n"
    "  smlad r11, r2, r7, r11\n"
    "  ldm r0!, {r4-r7}\n"
    "  smlad r12, r3, r4, r12\n"
    "  smlad lr, r3, r6, lr\n"
    "  smlad r12, r2, r5, r12\n"
    "  smlad lr, r2, r7, lr\n"
    ".endm\n"

    ".section .text.m7_gemm_blocks_run, \"ax\", %progbits\n"
    ".balign 8\n"
    ".global m7_gemm_blocks_run\n"
    ".thumb_func\n"
    ".type m7_gemm_blocks_run, %function\n"
    "m7_gemm_blocks_run:\n"
    "  push {r4-r11, lr}\n"
    "  sub sp, #4\n"
    "  vpush {s16-s31}\n"
    "  sub sp, #64\n"
    "  mov r1, sp\n"
    "  .rept 2\n"
    "  ldm r0!, {r4-r11}\n"
    "  stm r1!, {r4-r11}\n"
    "  .endr\n"

    "m7_blocks_channel:\n"
    "  ldrd r5, r6, [sp, #32]\n" // channel, end
    "  cmp r5, r6\n"
    "  beq m7_blocks_done\n"
    "  ldm r5!, {r2-r4}\n" // bias, mult, shift
    "  str r5, [sp, #32]\n"
    "  ldr r6, [sp, #56]\n" // scale_base
    "  adds r4, #12\n"
    "  lsl r4, r6, r4\n"
    "  strd r3, r4, [sp, #16]\n" // mult, scale
    "  lsl lr, r2, #1\n"
    "  str lr, [sp, #48]\n"      // bias
    "  ldrd r0, r4, [sp, #24]\n" // x, out_first
    "  str r4, [sp, #8]\n"       // out
    "  adds r4, #1\n"
    "  str r4, [sp, #28]\n"
    "  ldr r1, [sp, #60]\n" // weights
    "  m7_group_keep s0, s1, lr, lr, lr, lr, lr\n"
    "m7_blocks_keep:\n" KEEP(2, 3)
    "  ldr pc, [sp, #40]\n" // entry_first
    "m7_blocks_keep_rest:\n" KEEP(4, 5) KEEP(6, 7) KEEP(8, 9) KEEP(10, 11) KEEP(12, 13) KEEP(14, 15) KEEP(16, 17)
    KEEP(18, 19) KEEP(20, 21) KEEP(22, 23) KEEP(24, 25) KEEP(26, 27) KEEP(28, 29) KEEP(30, 31)
    "m7_blocks_keep_end:\n"
    "  str r1, [sp, #60]\n"
    "  b m7_blocks_finish\n"

    "m7_blocks_next:\n"
    "  ldr lr, [sp, #48]\n" // bias
    "  m7_two_groups s0, s1, s2, s3, lr, lr, lr, lr, lr\n"
    "  ldr pc, [sp, #44]\n" // entry_next
    "m7_blocks_pairs:\n" PAIR(4, 5, 6, 7)
    "m7_blocks_second_pair:\n" PAIR(8, 9, 10, 11) PAIR(12, 13, 14, 15) PAIR(16, 17, 18, 19)
    PAIR(20, 21, 22, 23) PAIR(24, 25, 26, 27) PAIR(28, 29, 30, 31)
    "m7_blocks_finish:\n"
    "  ldm sp, {r2-r7}\n" // zero, stride, out, out_step, mult, scale
    "  m7_each 6, m7_multiply_rounded, r6\n"
    "  m7_each 6, m7_scale, r2\n"
    "  m7_each 6, m7_saturate\n"
    "  add r6, r4, r3\n"
    "  strb r8, [r4]\n"
    "  strb r9, [r4, r3]\n"
    "  strb r10, [r4, r3, lsl #1]\n"
    "  strb r11, [r6, r3, lsl #1]\n"
    "  strb r12, [r4, r3, lsl #2]\n"
    "  strb lr, [r6, r3, lsl #2]\n"
    "  add r4, r5\n"
    "  str r4, [sp, #8]\n"
    "  ldr r2, [sp, #52]\n" // x_end
    "  cmp r0, r2\n"
    "  bne m7_blocks_next\n"
    "  b m7_blocks_channel\n"

    "m7_blocks_done:\n"
    "  add sp, #64\n"
    "  vpop {s16-s31}\n"
    "  add sp, #4\n"
    "  pop {r4-r11, pc}\n"
    ".size m7_gemm_blocks_run, . - m7_gemm_blocks_run\n"

    // Addresses that are jumped to have bit 0 set.
    ".section .rodata.m7_gemm_blocks_code, \"a\", %progbits\n"
    ".balign 4\n"
    ".global m7_gemm_blocks_code\n"
    "m7_gemm_blocks_code:\n"
    "  .word m7_blocks_keep_end + 1, (m7_blocks_keep_end - m7_blocks_keep - 4) / 15\n"
    "  .word m7_blocks_finish + 1, m7_blocks_second_pair - m7_blocks_pairs\n"
    ".text\n");
