// One table entry a kernel; SPEC.md, "Arithmetic", has the formulas. The C files in this folder are the reference: always
// built, always tested against TensorFlow Lite's reference interpreter, bit for bit. An architecture's folder
// (kernels/m7, kernels/a64) brings a table of its own with some entries replaced; they give the same bytes within the
// scratch stated here.
//
// Common to all kernels
// - Tensors are int8, NHWC with N = 1: element (y, x, c) lies at (y * w + x) * c_count + c. No alignment is assumed.
// - mult and shift stand for mult * 2^(shift - 31), 0 <= mult < 2^31; the range of shift is beside each.
// - A kernel neither fails nor checks: net/ has validated every field before the first call, and the ranges given
//   below are what it guarantees.
// - Output, inputs and scratch do not overlap, except that add, mul, prelu and lut may write over an input of the
//   output's shape at the same address.
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint16_t h, w, c; // each >= 1
} kws_shape_t;

static inline uint32_t kws_shape_pixels(kws_shape_t s) {
    return (uint32_t)s.h * s.w;
}

static inline uint32_t kws_shape_bytes(kws_shape_t s) {
    return (uint32_t)s.h * s.w * s.c;
}

// Where a kernel's window lies: output (y, x) covers input rows y * stride_h - pad_top + i * dilation_h, i < kernel_h,
// and columns likewise. Every window's extent overlaps the input; with dilation, all of its taps may yet lie outside. All
// fields but the pads are >= 1.
typedef struct {
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left;
} kws_window_t;

// What turns an output channel's sum into int8: output = clamp(requantise(sum + bias, mult, shift) + out_zero).
typedef struct {
    int32_t bias;  // TensorFlow Lite's bias - in_zero * (sum of the channel's weights); see SPEC.md
    int32_t mult;  // fraction of 2^31
    int32_t shift; // -31..30
} kws_channel_t;

// Products of an output channel, rounded up to the length of a row of weights.
static inline uint32_t kws_row_bytes(uint32_t products) {
    return (products + 3) & ~UINT32_C(3);
}

// conv2d, depthwise_conv2d and fully_connected. K products an output: kernel_h * kernel_w * in.c, kernel_h * kernel_w,
// or in.c. |bias| + 2^15 K < 2^30 and K < 2^15.
typedef struct {
    kws_shape_t in, out;    // fully_connected: in (rows, 1, K), out (rows, 1, channels)
    kws_window_t window;    // not used by fully_connected
    int32_t in_zero;        // what a pixel outside the input counts as
    int32_t out_zero;       // -128..127
    int32_t out_min, out_max;
    const int8_t *weights;          // [out.c][kws_row_bytes(K)], 4-byte aligned; the bytes behind K are 0. A row is
                                    // [kernel_h][kernel_w][in.c], [kernel_h][kernel_w], or [in.c]
    const kws_channel_t *channels;  // [out.c], 4-byte aligned
} kws_linear_t;

typedef struct {
    kws_shape_t in, out; // in.c == out.c
    kws_window_t window; // dilation 1
    int32_t out_min, out_max;
} kws_pool_t;

// add (in0 +- in1) and mul. Each dimension of an input is the output's, or 1: then its only index is used for all.
typedef struct {
    kws_shape_t in0, in1, out;
    int32_t in0_zero, in1_zero, out_zero; // -128..127
    int32_t in0_mult, in0_shift;          // -31..0; not used by mul
    int32_t in1_mult, in1_shift;
    int32_t out_mult, out_shift;          // add: -31..0; mul: -31..14
    int32_t out_min, out_max;
    int32_t subtract;                     // add only: 1 for in0 - in1, else 0
} kws_binary_t;

enum { KWS_AXIS_H = 1, KWS_AXIS_W = 2, KWS_AXIS_C = 4 };

// Mean of fewer than 2^23 values over the axes whose bit is set, requantised. The output has 1 in their place.
typedef struct {
    kws_shape_t in;
    uint32_t axes; // 1..7
    int32_t in_zero, out_zero;
    int32_t mult, shift; // -31..30; of the sum, so the division by the number of values is in it
    int32_t out_min, out_max;
} kws_mean_t;

typedef struct {
    kws_shape_t in, alpha; // each dimension of alpha is the input's, or 1
    int32_t in_zero, alpha_zero, out_zero;
    int32_t pos_mult, pos_shift; // -31..22; for inputs >= in_zero
    int32_t neg_mult, neg_shift; // -31..14; of input * alpha, for the others
} kws_prelu_t;

typedef struct {
    uint32_t rows;    // softmax runs over each row
    uint32_t classes; // 1..256
    int32_t mult;     // an input step is mult * 2^(shift - 31) in the exponent's Q5.26
    int32_t shift;    // 0..31
} kws_softmax_t;

// Copies a block of up to four dimensions: element i of the input side lies at in_offset + sum of i[d] * in_stride[d],
// likewise of the output side. All of them lie inside the two tensors. As it lies in a blob.
typedef struct {
    uint32_t n[4]; // n[3] innermost, each >= 1
    int32_t in_stride[4], out_stride[4];
    uint32_t in_offset, out_offset;
} kws_copy_t;

// Singular value decomposition filter: filters = units * rank, inputs < 2^15. The int16 state [filters][memory], newest
// value last, begins as zeros and is 2-byte aligned; the sum of time * state and bias wraps.
typedef struct {
    uint32_t inputs, units, rank, memory;
    int32_t in_zero, out_zero, out_min, out_max;
    int32_t feature_mult, feature_shift; // -31..30; to the state
    int32_t out_mult, out_shift;         // -31..30
    const int8_t *feature; // [filters][kws_row_bytes(inputs)]; as the two below 4-byte aligned
    const int16_t *time;   // [filters][memory]
    const int32_t *bias;   // [units]
} kws_svdf_t;

typedef struct {
    const char *name; // of the kernel set, for kws.kernels and reports
    void (*conv2d)(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
    void (*depthwise_conv2d)(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
    void (*fully_connected)(const kws_linear_t *p, const int8_t *in, int8_t *out);
    void (*avg_pool2d)(const kws_pool_t *p, const int8_t *in, int8_t *out);
    void (*max_pool2d)(const kws_pool_t *p, const int8_t *in, int8_t *out);
    void (*avg_pool_step)(const kws_pool_t *p, const int8_t *in, int8_t *out, void *state);
    void (*mean)(const kws_mean_t *p, const int8_t *in, int8_t *out);
    void (*add)(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
    void (*mul)(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
    void (*prelu)(const kws_prelu_t *p, const int8_t *in, const int8_t *alpha, int8_t *out);
    void (*lut)(const int8_t table[256], const int8_t *in, int8_t *out, size_t n); // out = table[in + 128]
    void (*softmax)(const kws_softmax_t *p, const int8_t *in, int8_t *out);
    void (*copy)(const kws_copy_t *p, const int8_t *in, int8_t *out);
    void (*svdf)(const kws_svdf_t *p, const int8_t *in, int8_t *out, int16_t *state, int32_t *scratch);
} kws_kernels_t;

// The set that this build, on this processor, runs.
const kws_kernels_t *kws_kernels(void);

// Pixels whose patches conv2d may hold at once, 16 bits a value: more of them where they are short.
#define KWS_CONV_PIXELS 6
static inline uint32_t kws_conv2d_pixels(uint64_t products) {
    return products <= 64 ? 2 * KWS_CONV_PIXELS : KWS_CONV_PIXELS;
}

// Scratch that conv2d may use, 4-byte aligned.
static inline uint64_t kws_conv2d_scratch_bytes(kws_shape_t in, const kws_window_t *w) {
    uint64_t products = (uint64_t)w->kernel_h * w->kernel_w * in.c;
    return kws_conv2d_pixels(products) * 2 * ((products + 3) & ~UINT64_C(3));
}

// The least that depthwise_conv2d gets for rows of its input, widened and padded, beyond which it works in strips.
#define KWS_DEPTHWISE_STRIP_BYTES 1024

// Scratch that depthwise_conv2d may use, 4-byte aligned: twice the weights; or, where that is more, one channel's weights
// and the rows of one channel under a window, or a strip of more rows and channels, at 16 bits a value. With one input
// channel it is a convolution and gets no less than that.
static inline uint64_t kws_depthwise_conv2d_scratch_bytes(kws_shape_t in, const kws_window_t *w) {
    uint64_t taps = 2 * (uint64_t)w->kernel_h * w->kernel_w * in.c;
    uint64_t columns = (uint64_t)in.w + w->pad_left + (uint64_t)w->kernel_w * w->dilation_w;
    uint64_t rows = w->kernel_h * 2 * ((columns + 2) & ~UINT64_C(1));
    uint64_t strip = rows > KWS_DEPTHWISE_STRIP_BYTES ? rows : KWS_DEPTHWISE_STRIP_BYTES;
    strip += 4 * (uint64_t)w->kernel_h * (w->kernel_w + UINT64_C(2));
    uint64_t conv = in.c == 1 ? kws_conv2d_scratch_bytes(in, w) : 0;
    strip = strip > conv ? strip : conv;
    return ((taps > strip ? taps : strip) + 3) & ~UINT64_C(3);
}

// avg_pool_step: the mean over the last kernel_h rows of all that it was given, in (new rows, w, c), out (1, out.w, c),
// pad_top 0; stride_h does not matter. kernel_h * kernel_w * 128 < 2^31 and kernel_w < 256. The state, 4-byte aligned,
// begins as zeros:
// {uint32_t next row of the ring; int32_t sums[out.w * c]; int16_t ring[kernel_h][out.w * c]}
static inline uint64_t kws_avg_pool_step_state_bytes(kws_shape_t out, const kws_window_t *w) {
    uint64_t row = (uint64_t)out.w * out.c;
    return 4 + 4 * row + 2 * row * w->kernel_h;
}

// svdf's scratch is int32_t [filters], 4-byte aligned.

void kws_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_depthwise_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_fully_connected_c(const kws_linear_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool2d_c(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_max_pool2d_c(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool_step_c(const kws_pool_t *p, const int8_t *in, int8_t *out, void *state);
void kws_mean_c(const kws_mean_t *p, const int8_t *in, int8_t *out);
void kws_add_c(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
void kws_mul_c(const kws_binary_t *p, const int8_t *in0, const int8_t *in1, int8_t *out);
void kws_prelu_c(const kws_prelu_t *p, const int8_t *in, const int8_t *alpha, int8_t *out);
void kws_lut_c(const int8_t table[256], const int8_t *in, int8_t *out, size_t n);
void kws_softmax_c(const kws_softmax_t *p, const int8_t *in, int8_t *out);
void kws_copy_c(const kws_copy_t *p, const int8_t *in, int8_t *out);
void kws_svdf_c(const kws_svdf_t *p, const int8_t *in, int8_t *out, int16_t *state, int32_t *scratch);

#endif
