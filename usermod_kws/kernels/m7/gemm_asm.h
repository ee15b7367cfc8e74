// The assembly that the loops of gemm_loops.c and gemm_blocks.c share.
//
//     r0 x, r1 weights, r3 r2 four weights unpacked, r4..r7 two pixels of a group, r8..r12 lr sums of pixels 0..5
//
// Behind the groups r0 and r2..r7 are free for the requantisation, which expects its scale in r7.
#ifndef KWS_M7_GEMM_ASM_H
#define KWS_M7_GEMM_ASM_H

#define M7_GEMM_MACROS                                                                                                 \
    /* Products of two pixels (of one: m7_pixel), added to their sums; the first products to `first` instead. */       \
    ".macro m7_two_pixels a, b, first_a, first_b\n"                                                                    \
    "  ldm r0!, {r4-r7}\n"                                                                                             \
    "  smlad \\a, r3, r4, \\first_a\n"                                                                                 \
    "  smlad \\b, r3, r6, \\first_b\n"                                                                                 \
    "  smlad \\a, r2, r5, \\a\n"                                                                                       \
    "  smlad \\b, r2, r7, \\b\n"                                                                                       \
    ".endm\n"                                                                                                          \
    ".macro m7_pixel a, first_a\n"                                                                                     \
    "  ldm r0!, {r4, r5}\n"                                                                                            \
    "  smlad \\a, r3, r4, \\first_a\n"                                                                                 \
    "  smlad \\a, r2, r5, \\a\n"                                                                                       \
    ".endm\n"                                                                                                          \
                                                                                                                       \
    /* The weights, and the first two pixels while they are unpacked: no instruction waits for the one before it. */    \
    ".macro m7_first_pixels first_a, first_b, keep_a, keep_b, extra\n"                                                 \
    "  ldr r2, [r1], #4\n"                                                                                             \
    "  ldm r0!, {r4-r7\\extra}\n"                                                                                      \
    "  sxtb16 r3, r2\n"                                                                                                \
    "  smlad r8, r3, r4, \\first_a\n"                                                                                  \
    "  sxtb16 r2, r2, ror #8\n"                                                                                        \
    "  smlad r9, r3, r6, \\first_b\n"                                                                                  \
    "  .ifnb \\keep_a\n vmov \\keep_a, \\keep_b, r2, r3\n .endif\n"                                                    \
    "  smlad r8, r2, r5, r8\n"                                                                                         \
    "  smlad r9, r2, r7, r9\n"                                                                                         \
    ".endm\n"                                                                                                          \
                                                                                                                       \
    /* s0..s4: what the pixels' sums are before the group. The sixth pixel's sum and the bias are both lr. */          \
    ".macro m7_group pixels, s0, s1, s2, s3, s4\n"                                                                     \
    "  m7_first_pixels \\s0, \\s1\n"                                                                                   \
    "  .if \\pixels >= 4\n m7_two_pixels r10, r11, \\s2, \\s3\n .elseif \\pixels == 3\n m7_pixel r10, \\s2\n .endif\n" \
    "  .if \\pixels >= 6\n m7_two_pixels r12, lr, \\s4, lr\n .elseif \\pixels == 5\n m7_pixel r12, \\s4\n .endif\n"    \
    ".endm\n"                                                                                                          \
                                                                                                                       \
    /* The same behind the first group: with an odd number of pixels, registers without a sum save a load. */          \
    ".macro m7_next_group pixels\n"                                                                                    \
    "  .if \\pixels == 5\n"                                                                                            \
    "  m7_first_pixels r8, r9, extra=\", lr\"\n"                                                                       \
    "  smlad r10, r3, lr, r10\n"                                                                                       \
    "  ldm r0!, {r4-r7, lr}\n"                                                                                         \
    "  smlad r11, r3, r5, r11\n"                                                                                       \
    "  smlad r10, r2, r4, r10\n"                                                                                       \
    "  smlad r12, r3, r7, r12\n"                                                                                       \
    "  smlad r11, r2, r6, r11\n"                                                                                       \
    "  smlad r12, r2, lr, r12\n"                                                                                       \
    "  .elseif \\pixels == 3\n"                                                                                        \
    "  m7_first_pixels r8, r9, extra=\", r11, r12\"\n"                                                                 \
    "  smlad r10, r3, r11, r10\n"                                                                                      \
    "  smlad r10, r2, r12, r10\n"                                                                                      \
    "  .else\n"                                                                                                        \
    "  m7_group \\pixels, r8, r9, r10, r11, r12\n"                                                                     \
    "  .endif\n"                                                                                                       \
    ".endm\n"                                                                                                          \
    ".macro m7_each pixels, f, with\n"                                                                                 \
    "  \\f r8, \\with\n"                                                                                               \
    "  .if \\pixels >= 2\n \\f r9, \\with\n .endif\n"                                                                  \
    "  .if \\pixels >= 3\n \\f r10, \\with\n .endif\n"                                                                 \
    "  .if \\pixels >= 4\n \\f r11, \\with\n .endif\n"                                                                 \
    "  .if \\pixels >= 5\n \\f r12, \\with\n .endif\n"                                                                 \
    "  .if \\pixels >= 6\n \\f lr, \\with\n .endif\n"                                                                  \
    ".endm\n"                                                                                                          \
    ".macro m7_multiply_rounded sum, mult\n smmulr \\sum, \\sum, \\mult\n .endm\n"                                     \
    ".macro m7_multiply sum, mult\n smmul \\sum, \\sum, \\mult\n .endm\n"                                              \
    ".macro m7_scale sum, zero\n smmlar \\sum, \\sum, r7, \\zero\n .endm\n"                                            \
    ".macro m7_saturate sum, unused\n ssat \\sum, #8, \\sum\n .endm\n"

#endif
