// Softmax over rows of int8, output scale 1/256 and zero point -128, with the fixed-point arithmetic that TensorFlow
// Lite's reference kernel takes from gemmlowp. Qa.b below: a integer bits, b fraction bits, and a sign.
#include "fixed.h"
#include "kernels/kernels.h"

#define Q31_ONE INT32_MAX

static inline int32_t mul(int32_t a, int32_t b) {
    return fx_mul_q31(a, b);
}

static int32_t shift_left_saturating(int32_t x, int32_t n) {
    int32_t limit = INT32_MAX >> n;
    return x > limit ? INT32_MAX : x < -limit - 1 ? INT32_MIN : fx_shl(x, (unsigned)n);
}

// exp(x) for -1/4 <= x < 0, Q0.31 in and out: Taylor of fourth order about -1/8.
static int32_t exp_quarter(int32_t x) {
    const int32_t exp_minus_eighth = 1895147668; // exp(-1/8) * 2^31
    const int32_t third = 715827883;             // 2^31 / 3
    int32_t d = x + (INT32_C(1) << 28);
    int32_t d2 = mul(d, d);
    int32_t d3 = mul(d2, d);
    int32_t d4_over_4 = fx_div_pot(mul(d2, d2), 2);
    int32_t tail = fx_div_pot(mul(d4_over_4 + d3, third) + d2, 1);
    return exp_minus_eighth + mul(exp_minus_eighth, d + tail);
}

// exp(x) in Q0.31 for -32 < x <= 0 in Q5.26: the rest of x modulo 1/4 by the polynomial, then one factor for each
// remaining bit of x.
static int32_t exp_negative(int32_t x) {
    static const int32_t factor[7] = {
        // exp(-2^k) * 2^31, k = -2..4
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    };
    if (x == 0) {
        return Q31_ONE;
    }
    const int32_t quarter = INT32_C(1) << 24;
    int32_t rest = (x & (quarter - 1)) - quarter;
    int32_t result = exp_quarter(fx_shl(rest, 5));
    int32_t bits = rest - x;
    for (int k = 0; k < 7; k++) {
        if (bits & (quarter << k)) {
            result = mul(result, factor[k]);
        }
    }
    return result;
}

// 1 / (1 + x) for 0 <= x < 1, Q0.31 in and out: Newton's iteration from the usual linear guess.
static int32_t one_over_one_plus(int32_t x) {
    const int32_t guess = 1515870810;   // 48/17 in Q2.29
    const int32_t slope = -1010580540;  // -32/17 in Q2.29
    const int32_t one_q29 = INT32_C(1) << 29;
    int32_t half = (int32_t)(((int64_t)x + Q31_ONE + 1) / 2);
    int32_t y = guess + mul(half, slope);
    for (int i = 0; i < 3; i++) {
        y += shift_left_saturating(mul(y, one_q29 - mul(half, y)), 2);
    }
    return shift_left_saturating(y, 1);
}

static void row(const kws_softmax_t *p, const int8_t *in, int8_t *out) {
    int32_t most = INT8_MIN;
    for (uint32_t i = 0; i < p->classes; i++) {
        most = in[i] > most ? in[i] : most;
    }
    // Inputs further below the largest than this would leave Q5.26; their probability is 0.
    const int32_t diff_min = -(int32_t)((INT32_C(31) << 26) >> p->shift);
    int32_t sum = 0; // Q12.19
    for (uint32_t i = 0; i < p->classes; i++) {
        int32_t diff = in[i] - most;
        if (diff >= diff_min) {
            sum += fx_div_pot(exp_negative(mul(fx_shl(diff, (unsigned)p->shift), p->mult)), 12);
        }
    }
    int zeros = (int)fx_clz32((uint32_t)sum);
    int32_t reciprocal = one_over_one_plus((int32_t)(((uint32_t)sum << zeros) - UINT32_C(0x80000000)));
    int32_t shift = 12 - zeros + 31 - 8;
    for (uint32_t i = 0; i < p->classes; i++) {
        int32_t diff = in[i] - most;
        int32_t y = INT8_MIN;
        if (diff >= diff_min) {
            int32_t e = exp_negative(mul(fx_shl(diff, (unsigned)p->shift), p->mult));
            y += fx_div_pot(mul(reciprocal, e), shift);
        }
        out[i] = (int8_t)fx_clamp(y, INT8_MIN, INT8_MAX);
    }
}

void kws_softmax_c(const kws_softmax_t *p, const int8_t *in, int8_t *out) {
    for (uint32_t r = 0; r < p->rows; r++) {
        row(p, in + (size_t)r * p->classes, out + (size_t)r * p->classes);
    }
}
