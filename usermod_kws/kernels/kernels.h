// One table entry a kernel. The C files in this folder are the reference: always built, always tested against
// TensorFlow Lite's reference interpreter, bit for bit. An architecture's folder (kernels/m7, kernels/a64) may offer
// a table of its own that replaces entries; it must give the same bytes and need no more scratch than stated here.
//
// Common to all kernels
// - Tensors are int8, NHWC with N = 1: element (y, x, c) lies at (y * w + x) * c_count + c. No alignment is assumed.
// - A kernel neither fails nor checks: net/model.c has validated every field before the first call, and the ranges
//   given below are what it guarantees.
// - Output and input do not overlap, except that relu and add may write over an input at the same address.
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
// and columns likewise. Every window covers at least one input pixel. All fields but the pads are >= 1.
typedef struct {
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left;
} kws_window_t;

// What turns an output channel's sum into int8: output = clamp(requantise(sum + bias, mult, shift) + out_zero).
typedef struct {
    int32_t bias;  // TensorFlow Lite's bias - in_zero * (sum of the channel's weights); see SPEC.md
    int32_t mult;  // 0..2^31-1, fraction of 2^31
    int32_t shift; // -31..30, power of two beside it
} kws_channel_t;

// conv2d, depthwise_conv2d and fully_connected. |bias| + 2^15 * (products a channel) < 2^30.
typedef struct {
    kws_shape_t in, out;
    kws_window_t window;    // not used by fully_connected
    int32_t in_zero;        // what a pixel outside the input counts as
    int32_t out_zero;       // -128..127
    int32_t out_min, out_max;
    const int8_t *weights;          // conv2d [c_out][kernel_h][kernel_w][c_in], depthwise [kernel_h][kernel_w][c_out],
                                    // fully_connected [c_out][in.h * in.w * in.c]
    const kws_channel_t *channels;  // [c_out], 4-byte aligned
} kws_linear_t;

typedef struct {
    kws_shape_t in, out; // in.c == out.c
    kws_window_t window; // dilation 1
    int32_t out_min, out_max;
} kws_pool_t;

typedef struct {
    int32_t in0_zero, in1_zero, out_zero; // -128..127
    int32_t in0_mult, in0_shift;          // 0..2^31-1, -31..0
    int32_t in1_mult, in1_shift;
    int32_t out_mult, out_shift;
    int32_t out_min, out_max;
} kws_add_t;

typedef struct {
    int32_t in_zero, out_zero; // -128..127
    int32_t mult, shift;       // 0..2^31-1, -31..22
    int32_t out_min, out_max;
} kws_relu_t;

typedef struct {
    uint32_t rows;    // softmax runs over each row
    uint32_t classes; // 1..256
    int32_t mult;     // 0..2^31-1
    int32_t shift;    // 0..26: an input step is mult * 2^(shift - 31) in the exponent's Q5.26
} kws_softmax_t;

typedef struct {
    const char *name; // of the kernel set, for kws.kernels and reports
    void (*conv2d)(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
    void (*depthwise_conv2d)(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
    void (*fully_connected)(const kws_linear_t *p, const int8_t *in, int8_t *out);
    void (*avg_pool2d)(const kws_pool_t *p, const int8_t *in, int8_t *out);
    void (*max_pool2d)(const kws_pool_t *p, const int8_t *in, int8_t *out);
    void (*add)(const kws_add_t *p, const int8_t *in0, const int8_t *in1, int8_t *out, size_t n);
    void (*relu)(const kws_relu_t *p, const int8_t *in, int8_t *out, size_t n);
    void (*softmax)(const kws_softmax_t *p, const int8_t *in, int8_t *out);
    void (*reshape)(const int8_t *in, int8_t *out, size_t n);
} kws_kernels_t;

// The set that this build runs.
extern const kws_kernels_t kws_kernels;

// Scratch that conv2d may use, 4-byte aligned: two patches at 16 bits a value.
static inline uint64_t kws_conv2d_scratch_bytes(kws_shape_t in, const kws_window_t *w) {
    return 4 * (uint64_t)w->kernel_h * w->kernel_w * in.c;
}

// Scratch that depthwise_conv2d may use, 4-byte aligned: one patch at 16 bits a value.
static inline uint64_t kws_depthwise_conv2d_scratch_bytes(kws_shape_t in, const kws_window_t *w) {
    return 2 * (uint64_t)w->kernel_h * w->kernel_w * in.c;
}

void kws_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_depthwise_conv2d_c(const kws_linear_t *p, const int8_t *in, int8_t *out, void *scratch);
void kws_fully_connected_c(const kws_linear_t *p, const int8_t *in, int8_t *out);
void kws_avg_pool2d_c(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_max_pool2d_c(const kws_pool_t *p, const int8_t *in, int8_t *out);
void kws_add_c(const kws_add_t *p, const int8_t *in0, const int8_t *in1, int8_t *out, size_t n);
void kws_relu_c(const kws_relu_t *p, const int8_t *in, int8_t *out, size_t n);
void kws_softmax_c(const kws_softmax_t *p, const int8_t *in, int8_t *out);
void kws_reshape_c(const int8_t *in, int8_t *out, size_t n);

#endif
