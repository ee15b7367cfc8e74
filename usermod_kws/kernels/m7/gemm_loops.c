// The inner loops of the matrix product: one output channel after the other, for 1 to 6 pixels each.
//
// In assembly, because six sums, two words of weights, four words of pixels and two pointers are all the registers that
// there are (gcc spills), and because the groups are entered in their middle.
//
//     r0 x, r1 weights, r2 r3 four weights unpacked, r4..r7 two pixels of a group, r8..r12 lr sums of pixels 0..5
//
// A group is four products of each pixel: 18 instructions for the 24 of six pixels. The first group stands alone, since
// its SMLADs take the doubled bias, which waits in lr, as their sum: no register is moved or cleared. `entry` then jumps
// over the unrolled groups that are too many. Behind the groups r0 and r2..r7 are free for the requantisation, which
// is the three instructions of requantise.h (SMMUL instead of SMMULR where TensorFlow Lite rounds once) for shifts
// in -12..-2: with scale = (2^20 + 1) << (12 + shift), |v| >= 2^20 saturates for each of them, so no sum needs a look.
// Everything else that the loop needs lies on the stack: m7_gemm_frame_t.
//
// A single pixel has registers to spare: its groups go by four, 19 instructions for 16 products instead of 24.
#include "kernels/m7/gemm_loops.h"

#include <stddef.h>

#include "kernels/m7/gemm_asm.h"

// The offsets that the assembly uses. The stack must stay a multiple of 8 with the nine registers pushed.
#define AT(field, offset) _Static_assert(offsetof(m7_gemm_frame_t, field) == (offset), #field)
AT(state.zero, 0);
AT(state.out, 12);
AT(state.channel, 16);
AT(state.x, 20);
AT(state.end, 24);
AT(state.entry, 28);
AT(state.exit, 32);
AT(state.finish, 36);
AT(state.x_end, 40);
AT(state.entry_fours, 44);
AT(job, 48);
AT(sums, 52);
AT(weights, 76);
_Static_assert(sizeof(m7_gemm_frame_t) == 84, "frame");
_Static_assert(offsetof(m7_gemm_job_t, weights) == 48, "job");

__asm__(
    ".syntax unified\n"
    ".thumb\n" M7_GEMM_MACROS

    // Stores the outputs r3 apart. The first one last, for r4 to move on to the next channel.
    ".macro m7_store pixels\n"
    "  .if \\pixels >= 4\n add r0, r4, r3\n .endif\n"
    "  .if \\pixels >= 2\n strb r9, [r4, r3]\n .endif\n"
    "  .if \\pixels >= 3\n strb r10, [r4, r3, lsl #1]\n .endif\n"
    "  .if \\pixels >= 4\n strb r11, [r0, r3, lsl #1]\n .endif\n"
    "  .if \\pixels >= 5\n strb r12, [r4, r3, lsl #2]\n .endif\n"
    "  .if \\pixels >= 6\n strb lr, [r0, r3, lsl #2]\n .endif\n"
    "  strb r8, [r4], #1\n"
    ".endm\n"

    ".macro m7_finish pixels, multiply\n"
    "  ldm sp, {r0, r2-r5}\n" // zero, scale, stride, out, channel
    "  ldrd r6, r7, [r5], #12\n"
    "  adds r7, #12\n"
    "  cmp r7, #10\n"
    "  bhi m7_finish_any_\\pixels\n"
    "  lsl r7, r2, r7\n"
    "  m7_each \\pixels, \\multiply, r6\n"
    "  m7_each \\pixels, m7_scale, r0\n"
    "  m7_each \\pixels, m7_saturate\n"
    "  m7_store \\pixels\n"
    "  strd r4, r5, [sp, #12]\n"
    ".endm\n"

    // Any parameters, in C.
    ".macro m7_finish_any pixels\n"
    "m7_finish_any_\\pixels:\n"
    "  str r1, [sp, #76]\n"
    "  add r2, sp, #52\n"
    "  stm r2, {r8-r12, lr}\n"
    "  mov r0, sp\n"
    "  mov r1, #\\pixels\n"
    "  bl m7_gemm_finish_any\n"
    "  ldr r1, [sp, #76]\n"
    "  ldr r5, [sp, #16]\n"
    "  b m7_next_\\pixels\n"
    ".endm\n"

    ".macro m7_enter pixels\n"
    ".section .text.m7_gemm_loop_\\pixels, \"ax\", %progbits\n"
    ".balign 8\n"
    ".thumb_func\n"
    ".type m7_gemm_loop_\\pixels, %function\n"
    "m7_gemm_loop_\\pixels:\n"
    "  push {r4-r11, lr}\n"
    "  sub sp, #84\n"
    "  ldm r0, {r1-r12}\n"
    "  stm sp, {r1-r12}\n"
    "  str r0, [sp, #48]\n"
    "  ldr r1, [r0, #48]\n"
    "  b m7_next_\\pixels\n"
    ".endm\n"
    ".macro m7_leave pixels\n"
    "  add sp, #84\n"
    "  pop {r4-r11, pc}\n"
    ".size m7_gemm_loop_\\pixels, . - m7_gemm_loop_\\pixels\n"
    ".endm\n"

    // r5: the next channel.
    ".macro m7_next pixels\n"
    "m7_next_\\pixels:\n"
    "  ldrd r0, r2, [sp, #20]\n" // x, end
    "  cmp r5, r2\n"
    "  beq m7_done_\\pixels\n"
    "  ldr lr, [r5, #-4]\n"
    "  lsl lr, lr, #1\n"
    ".endm\n"

    ".macro m7_finishes pixels\n"
    "m7_finish_once_\\pixels:\n"
    "  m7_finish \\pixels, m7_multiply\n"
    "  b m7_next_\\pixels\n"
    "  m7_finish_any \\pixels\n"
    "m7_finish_twice_\\pixels:\n"
    "  m7_finish \\pixels, m7_multiply_rounded\n"
    ".endm\n"

    // Behind the unrolled groups (or fours of groups).
    ".macro m7_passes pixels\n"
    "m7_end_\\pixels:\n"
    "  ldr pc, [sp, #32]\n" // exit
    "m7_more_\\pixels:\n"
    "  ldr r2, [sp, #40]\n" // x_end
    "  cmp r0, r2\n"
    "  bne m7_groups_\\pixels\n"
    "  ldr pc, [sp, #36]\n" // finish
    "m7_done_\\pixels:\n"
    ".endm\n"

    ".macro m7_loop pixels\n"
    "  m7_enter \\pixels\n"
    "  m7_finishes \\pixels\n"
    "  m7_next \\pixels\n"
    "  m7_group \\pixels, lr, lr, lr, lr, lr\n"
    "  ldr pc, [sp, #28]\n" // entry
    "m7_groups_\\pixels:\n"
    "  .rept 15\n"
    "  m7_next_group \\pixels\n"
    "  .endr\n"
    "  m7_passes \\pixels\n"
    "  m7_leave \\pixels\n"
    ".endm\n"
    "m7_loop 6\n"
    "m7_loop 5\n"
    "m7_loop 4\n"
    "m7_loop 3\n"
    "m7_loop 2\n"

    ".macro m7_four_of weights, even, odd\n"
    "  sxtb16 r2, \\weights\n"
    "  sxtb16 \\weights, \\weights, ror #8\n"
    "  smlad r8, r2, \\even, r8\n"
    "  smlad r8, \\weights, \\odd, r8\n"
    ".endm\n"
    "  m7_enter 1\n"
    "  m7_finishes 1\n"
    "  m7_next 1\n"
    "  mov r8, lr\n"
    "  ldr pc, [sp, #28]\n" // entry
    "  .rept 3\n"
    "  ldr r2, [r1], #4\n"
    "  ldm r0!, {r4, r5}\n"
    "  sxtb16 r3, r2\n"
    "  smlad r8, r3, r4, r8\n"
    "  sxtb16 r2, r2, ror #8\n"
    "  smlad r8, r2, r5, r8\n"
    "  .endr\n"
    "m7_singles_end_1:\n"
    "  ldr pc, [sp, #44]\n" // entry_fours
    "m7_groups_1:\n"
    "  .rept 4\n"
    "  ldm r1!, {r9-r12}\n"
    "  ldm r0!, {r4-r7}\n"
    "  m7_four_of r9, r4, r5\n"
    "  m7_four_of r10, r6, r7\n"
    "  ldm r0!, {r4-r7}\n"
    "  m7_four_of r11, r4, r5\n"
    "  m7_four_of r12, r6, r7\n"
    "  .endr\n"
    "  m7_passes 1\n"
    "  m7_leave 1\n"

    // An entry of m7_gemm_loops. Addresses that are jumped to have bit 0 set.
    ".macro m7_entry pixels, unrolled, singles_end\n"
    "  .word m7_gemm_loop_\\pixels, m7_end_\\pixels + 1, \\singles_end + 1, m7_more_\\pixels + 1\n"
    "  .word m7_finish_twice_\\pixels + 1, m7_finish_once_\\pixels + 1, m7_finish_any_\\pixels + 1\n"
    "  .word \\unrolled, (m7_end_\\pixels - m7_groups_\\pixels) / \\unrolled\n"
    ".endm\n"
    ".section .rodata.m7_gemm_loops, \"a\", %progbits\n"
    ".balign 4\n"
    ".global m7_gemm_loops\n"
    "m7_gemm_loops:\n"
    "  m7_entry 1, 4, m7_singles_end_1\n"
    "  m7_entry 2, 15, 0\n"
    "  m7_entry 3, 15, 0\n"
    "  m7_entry 4, 15, 0\n"
    "  m7_entry 5, 15, 0\n"
    "  m7_entry 6, 15, 0\n"
    ".text\n");
