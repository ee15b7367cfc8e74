// The FFT of ../fft.c, whose comments say what is computed; here is how a Cortex-M7 does it, value for value the same.
//
// A butterfly in assembly takes 44 instructions, all in registers: gcc 12 spends 60 on the same C, because it keeps too
// many addresses. The first butterfly of every block has twiddles of 1, so that its products are shifts.
#include "fixed.h"
#include "frontend/stages.h"
#include "frontend/tables.h"

// Where the four values of a butterfly lie. NEAR: all within the reach of LDRD from r0. FAR: b and d from r1. Both move
// on by 8 when the last value is stored. WIDE: for blocks of 512, from the middle between two values.
#define NEAR_A "[r0]"
#define NEAR_C(q) "[r0, #(" #q ")]"
#define NEAR_B(q) "[r0, #(2 * " #q ")]"
#define NEAR_D(q) "[r0, #(3 * " #q ")]"
#define NEAR_STORE(b, d, a, q) "strd " b ", " NEAR_B(q) "\n strd " d ", " NEAR_D(q) "\n strd " a ", [r0], #8\n"
#define FAR_A "[r0]"
#define FAR_C(q) "[r0, #(" #q ")]"
#define FAR_B(q) "[r1]"
#define FAR_D(q) "[r1, #(" #q ")]"
#define FAR_STORE(b, d, a, q) "strd " d ", " FAR_D(q) "\n strd " b ", [r1], #8\n strd " a ", [r0], #8\n"
#define WIDE_A "[r0, #-512]"
#define WIDE_C(q) "[r0, #512]"
#define WIDE_B(q) "[r1, #-512]"
#define WIDE_D(q) "[r1, #512]"
#define WIDE_STORE(b, d, a, q)                                                                                         \
    "strd " b ", " WIDE_B(q) "\n strd " d ", " WIDE_D(q) "\n strd " a ", " WIDE_A "\n add r0, #8\n add r1, #8\n"

// (re, im) of x times the twiddle at r2 + offset, upper words: into re and x1. low, w0, w1 and x0 are lost.
#define TIMES(re, x0, x1, w0, w1, low, twiddle)                                                                        \
    "ldrd " w0 ", " w1 ", " twiddle "\n"                                                                               \
    "smull " low ", " re ", " x0 ", " w0 "\n"                                                                          \
    "smlal " low ", " re ", " x1 ", " w1 "\n"                                                                          \
    "rsb " w1 ", " w1 ", #0\n"                                                                                         \
    "smull " low ", " x1 ", " x1 ", " w0 "\n"                                                                          \
    "smlal " low ", " x1 ", " x0 ", " w1 "\n"

// t = b +- d in r4, r7 (sum) and r9, r5 (difference); s = a +- c in r11, r12 (sum) and lr, r8 (difference).
#define BUTTERFLY(m, q)                                                                                                \
    "ldrd r4, r5, " m##_B(q) "\n" TIMES("r9", "r4", "r5", "r6", "r7", "r8", "[r2, #8]")                                \
    "ldrd r4, r6, " m##_D(q) "\n" TIMES("r11", "r4", "r6", "r7", "r10", "r8", "[r2, #16]")                             \
    "add r4, r9, r11\n sub r9, r9, r11\n add r7, r5, r6\n sub r5, r5, r6\n"                                            \
    "ldrd r6, r8, " m##_C(q) "\n" TIMES("lr", "r6", "r8", "r10", "r11", "r12", "[r2], #24")                            \
    "ldrd r6, r10, " m##_A "\n"                                                                                        \
    "add r11, lr, r6, asr #2\n rsb lr, lr, r6, asr #2\n add r12, r8, r10, asr #2\n rsb r8, r8, r10, asr #2\n"          \
    "add r6, r11, r4\n sub r11, r11, r4\n add r10, r12, r7\n sub r12, r12, r7\n"                                       \
    "add r4, lr, r5\n sub lr, lr, r5\n sub r7, r8, r9\n add r8, r8, r9\n"                                              \
    "strd r4, r7, " m##_C(q) "\n" m##_STORE("r11, r12", "lr, r8", "r6, r10", q)

#define FIRST_BUTTERFLY(m, q)                                                                                          \
    "ldrd r4, r5, " m##_B(q) "\n ldrd r6, r7, " m##_D(q) "\n asr r4, r4, #2\n asr r5, r5, #2\n"                        \
    "add r8, r4, r6, asr #2\n sub r9, r4, r6, asr #2\n add r10, r5, r7, asr #2\n sub r11, r5, r7, asr #2\n"            \
    "ldrd r4, r5, " m##_C(q) "\n ldrd r6, r7, " m##_A "\n asr r4, r4, #2\n asr r5, r5, #2\n"                           \
    "add r12, r4, r6, asr #2\n rsb lr, r4, r6, asr #2\n add r4, r5, r7, asr #2\n rsb r5, r5, r7, asr #2\n"             \
    "add r6, r12, r8\n sub r12, r12, r8\n add r7, r4, r10\n sub r4, r4, r10\n"                                         \
    "add r8, lr, r11\n sub lr, lr, r11\n sub r10, r5, r9\n add r5, r5, r9\n"                                           \
    "strd r8, r10, " m##_C(q) "\n" m##_STORE("r12, r4", "lr, r5", "r6, r7", q)

// A radix-4 stage; q: bytes of a quarter of a block. z: its first value, for WIDE 512 bytes on; b: for FAR and WIDE two
// quarters behind. first, last: twiddles of a block behind those of 1. On the stack: end of z, first twiddle.
#define STAGE(name, m, q)                                                                                              \
    __attribute__((naked)) static void name(int32_t *z, int32_t *b, const int32_t *first, const int32_t *last,         \
                                            const int32_t *end) {                                                      \
        __asm__ volatile("push {r2, r4-r11, lr}\n"                                                                     \
                         "1:\n"                                                                                        \
                         "ldr r2, [sp]\n" FIRST_BUTTERFLY(m, q) "2:\n" BUTTERFLY(m, q) "cmp r2, r3\n"                  \
                         "bne 2b\n"                                                                                    \
                         "ldr r12, [sp, #40]\n"                                                                        \
                         "add r0, r0, #(3 * " #q ")\n"                                                                 \
                         "add r1, r1, #(3 * " #q ")\n"                                                                 \
                         "cmp r0, r12\n"                                                                               \
                         "blo 1b\n"                                                                                    \
                         "pop {r2, r4-r11, pc}\n");                                                                    \
        (void)z, (void)b, (void)first, (void)last, (void)end;                                                          \
    }

STAGE(stage_2, NEAR, 16)
STAGE(stage_4, NEAR, 32)
STAGE(stage_8, NEAR, 64)
STAGE(stage_16, NEAR, 128)
STAGE(stage_32, NEAR, 256)
STAGE(stage_64, FAR, 512)
STAGE(stage_128, WIDE, 1024)

typedef void stage_t(int32_t *z, int32_t *b, const int32_t *first, const int32_t *last, const int32_t *end);

// Runs a stage of blocks of 4 * quarter values; returns the next stage's twiddles.
static inline const int32_t *radix4(stage_t *stage, int32_t *z, const int32_t *end, unsigned quarter, const int32_t *w) {
    const int32_t *const last = w + 6 * quarter;
    const unsigned middle = quarter == 128 ? 128 : 0;
    stage(z + middle, z + 4 * quarter + middle, w + 6, last, end);
    return last;
}

// Span 4: LDM and STM of a whole block.
__attribute__((naked)) static void first_radix4(int32_t *z, const int32_t *end) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "1:\n"
                     "ldm r0, {r2-r9}\n"
                     "add r10, r2, r4\n sub r11, r2, r4\n add r12, r3, r5\n sub lr, r3, r5\n"
                     "asr r10, r10, #2\n asr r11, r11, #2\n asr r12, r12, #2\n asr lr, lr, #2\n"
                     "add r2, r6, r8\n sub r5, r6, r8\n add r3, r7, r9\n sub r4, r7, r9\n"
                     "sub r6, r10, r2, asr #2\n sub r7, r12, r3, asr #2\n"
                     "sub r8, r11, r4, asr #2\n add r9, lr, r5, asr #2\n"
                     "add r2, r10, r2, asr #2\n add r3, r12, r3, asr #2\n"
                     "add r4, r11, r4, asr #2\n sub r5, lr, r5, asr #2\n"
                     "stm r0!, {r2-r9}\n"
                     "cmp r0, r1\n"
                     "bne 1b\n"
                     "pop {r4-r11, pc}\n");
    (void)z, (void)end;
}

static void first_radix2(int32_t *z, const int32_t *end) {
    for (; z < end; z += 4) {
        const int32_t ar = z[0], ai = z[1], br = z[2], bi = z[3];
        z[0] = (ar + br) >> 1;
        z[1] = (ai + bi) >> 1;
        z[2] = (ar - br) >> 1;
        z[3] = (ai - bi) >> 1;
    }
}

// All pairs of bins but the middle one; step: bytes from twiddle to twiddle. With both parts of the difference negated,
// one product is negated instead of two factors.
#define SPLIT(name, step)                                                                                              \
    __attribute__((naked)) static uint32_t name(int32_t *low, int32_t *high, const int32_t *w) {                       \
        __asm__ volatile("push {r4-r11, lr}\n"                                                                         \
                         "mov r3, #0\n"                                                                                \
                         "1:\n"                                                                                        \
                         "ldrd r4, r5, [r0]\n ldrd r6, r7, [r1]\n ldrd r8, r9, [r2], #" #step "\n"                     \
                         "add r10, r4, r6\n sub r4, r6, r4\n sub r6, r5, r7\n add r5, r5, r7\n"                        \
                         "smull r7, r11, r4, r9\n smlal r7, r11, r5, r8\n"                                             \
                         "rsb r5, r5, #0\n"                                                                            \
                         "smull r7, r12, r4, r8\n smlal r7, r12, r5, r9\n"                                             \
                         "add r4, r11, r10, asr #2\n rsb r5, r11, r10, asr #2\n"                                       \
                         "add r7, r12, r6, asr #2\n sub r8, r12, r6, asr #2\n"                                         \
                         "strd r4, r7, [r0], #8\n strd r5, r8, [r1], #-8\n"                                            \
                         "eor r4, r4, r4, asr #31\n eor r5, r5, r5, asr #31\n"                                         \
                         "eor r7, r7, r7, asr #31\n eor r8, r8, r8, asr #31\n"                                         \
                         "orr r3, r3, r4\n orr r3, r3, r5\n orr r3, r3, r7\n orr r3, r3, r8\n"                         \
                         "cmp r0, r1\n"                                                                                \
                         "blo 1b\n"                                                                                    \
                         "mov r0, r3\n"                                                                                \
                         "pop {r4-r11, pc}\n");                                                                        \
        (void)low, (void)high, (void)w;                                                                                \
    }

SPLIT(split_256, 32)
SPLIT(split_512, 16)
SPLIT(split_1024, 8)

uint32_t kws_fft(int32_t *z, unsigned fft_len) {
    const int32_t *const end = z + fft_len;
    int32_t *const low = z + 2, *const high = z + fft_len - 2, *const middle = z + fft_len / 2;
    uint32_t bits;
    if (fft_len == 512) {
        first_radix4(z, end);
        const int32_t *w = radix4(stage_4, z, end, 4, kws_fft_twiddles_256);
        w = radix4(stage_16, z, end, 16, w);
        radix4(stage_64, z, end, 64, w);
        bits = split_512(low, high, kws_fft_split + 4);
    } else {
        first_radix2(z, end);
        const int32_t *w = radix4(stage_2, z, end, 2, fft_len == 256 ? kws_fft_twiddles_128 : kws_fft_twiddles_512);
        w = radix4(stage_8, z, end, 8, w);
        w = radix4(stage_32, z, end, 32, w);
        if (fft_len == 1024) {
            radix4(stage_128, z, end, 128, w);
            bits = split_1024(low, high, kws_fft_split + 2);
        } else {
            bits = split_256(low, high, kws_fft_split + 8);
        }
    }
    // The middle bin is its own partner, and there -j W = -1.
    middle[0] >>= 1;
    middle[1] = -(middle[1] >> 1);
    return bits | fx_magnitude_bits(middle[0]) | fx_magnitude_bits(middle[1]);
}
