// Real FFT of N points through a complex FFT of N/2 points: decimation in time, radix 4 with one leading radix-2
// stage where N/2 is not a power of 4. Every stage divides by its radix, so the magnitude of a complex value never
// exceeds that of the largest input, sqrt(2) * 2^30, and nothing can overflow.
#include "fixed.h"
#include "frontend/stages.h"
#include "frontend/tables.h"

// First stage when N/2 = 4^k: span 4, all twiddles 1. The first sums cannot overflow: inputs are below 2^30.
static void first_radix4(int32_t *z, const int32_t *end) {
    for (; z < end; z += 8) {
        const int32_t s0r = (z[0] + z[2]) >> 2, s0i = (z[1] + z[3]) >> 2;
        const int32_t s1r = (z[0] - z[2]) >> 2, s1i = (z[1] - z[3]) >> 2;
        const int32_t t0r = z[4] + z[6], t0i = z[5] + z[7];
        const int32_t t1r = z[4] - z[6], t1i = z[5] - z[7];
        z[0] = s0r + (t0r >> 2);
        z[1] = s0i + (t0i >> 2);
        z[2] = s1r + (t1i >> 2);
        z[3] = s1i - (t1r >> 2);
        z[4] = s0r - (t0r >> 2);
        z[5] = s0i - (t0i >> 2);
        z[6] = s1r - (t1i >> 2);
        z[7] = s1i + (t1r >> 2);
    }
}

// First stage otherwise: span 2.
static void first_radix2(int32_t *z, const int32_t *end) {
    for (; z < end; z += 4) {
        const int32_t ar = z[0], ai = z[1], br = z[2], bi = z[3];
        z[0] = (ar + br) >> 1;
        z[1] = (ai + bi) >> 1;
        z[2] = (ar - br) >> 1;
        z[3] = (ai - bi) >> 1;
    }
}

// One radix-4 stage over blocks of 4 * quarter complex values. In bit-reversed order the second and third quarter
// hold the sub-transforms of samples 2 and 1 (mod 4). A product with a Q30 twiddle, upper word taken, is a division
// by 4; the untwiddled quarter is shifted to match. w = (cos, sin) stands for cos - j sin. Returns the next stage's
// twiddles. Inlined with a constant `quarter`, which saves a third of the instructions: four pointers become one.
static inline __attribute__((always_inline)) const int32_t *radix4(int32_t *z, const int32_t *end, unsigned quarter,
                                                                   const int32_t *twiddles) {
    const int32_t *w = twiddles;
    for (; z < end; z += 6 * quarter) {
        w = twiddles;
        for (const int32_t *const stop = z + 2 * quarter; z < stop; z += 2, w += 6) {
            int32_t *const a = z, *const c = z + 2 * quarter, *const b = z + 4 * quarter, *const d = z + 6 * quarter;

            const int32_t cr = fx_dot2_hi(c[0], w[0], c[1], w[1]);
            const int32_t ci = fx_dot2_hi(c[1], w[0], c[0], -w[1]);
            const int32_t s0r = (a[0] >> 2) + cr, s0i = (a[1] >> 2) + ci;
            const int32_t s1r = (a[0] >> 2) - cr, s1i = (a[1] >> 2) - ci;

            const int32_t br = fx_dot2_hi(b[0], w[2], b[1], w[3]);
            const int32_t bi = fx_dot2_hi(b[1], w[2], b[0], -w[3]);
            const int32_t dr = fx_dot2_hi(d[0], w[4], d[1], w[5]);
            const int32_t di = fx_dot2_hi(d[1], w[4], d[0], -w[5]);
            const int32_t t0r = br + dr, t0i = bi + di;
            const int32_t t1r = br - dr, t1i = bi - di;

            a[0] = s0r + t0r;
            a[1] = s0i + t0i;
            b[0] = s0r - t0r;
            b[1] = s0i - t0i;
            c[0] = s1r + t1i;
            c[1] = s1i - t1r;
            d[0] = s1r - t1i;
            d[1] = s1i + t1r;
        }
    }
    return w;
}

// Z (complex FFT of the pairs) -> X (real FFT): with E = Z[k] + conj Z[h-k], O = Z[k] - conj Z[h-k], W = e^(-2 pi j k/N)
// X[k] = (E - j W O) / 4 and X[h-k] = conj((E + j W O) / 4). E and O are twice the transforms of the even and of the
// odd samples, each below 2^30 in magnitude, so they fit. With -j W = -sin - j cos.
static uint32_t split(int32_t *z, unsigned half) {
    const unsigned step = 2 * (512 / half);
    const int32_t *w = kws_fft_split + step;
    int32_t *lo = z + 2, *hi = z + 2 * (half - 1);
    uint32_t bits = 0;

    for (; lo < hi; lo += 2, hi -= 2, w += step) {
        const int32_t er = lo[0] + hi[0], ei = lo[1] - hi[1];
        const int32_t odd_r = lo[0] - hi[0], odd_i = lo[1] + hi[1];
        const int32_t cosine = w[0], minus_sine = -w[1];
        const int32_t tr = fx_dot2_hi(odd_r, minus_sine, odd_i, cosine);
        const int32_t ti = fx_dot2_hi(odd_i, minus_sine, odd_r, -cosine);
        const int32_t xr = (er >> 2) + tr, xi = (ei >> 2) + ti;
        const int32_t yr = (er >> 2) - tr, yi = ti - (ei >> 2);
        bits |= fx_magnitude_bits(xr) | fx_magnitude_bits(xi) | fx_magnitude_bits(yr) | fx_magnitude_bits(yi);
        lo[0] = xr;
        lo[1] = xi;
        hi[0] = yr;
        hi[1] = yi;
    }
    // The middle bin is its own partner, and there -j W = -1.
    lo[0] >>= 1;
    lo[1] = -(lo[1] >> 1);
    return bits | fx_magnitude_bits(lo[0]) | fx_magnitude_bits(lo[1]);
}

uint32_t kws_fft(int32_t *z, unsigned fft_len) {
    const int32_t *const end = z + fft_len;
    const int32_t *w;

    if (fft_len == 512) {
        first_radix4(z, end);
        w = radix4(z, end, 4, kws_fft_twiddles_256);
        w = radix4(z, end, 16, w);
        radix4(z, end, 64, w);
    } else {
        first_radix2(z, end);
        w = radix4(z, end, 2, fft_len == 256 ? kws_fft_twiddles_128 : kws_fft_twiddles_512);
        w = radix4(z, end, 8, w);
        w = radix4(z, end, 32, w);
        if (fft_len == 1024) {
            radix4(z, end, 128, w);
        }
    }
    return split(z, fft_len / 2);
}
