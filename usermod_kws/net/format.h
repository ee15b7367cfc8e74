// The .kws blob as it lies in memory: little-endian, version 1. SPEC.md describes every byte; tools/blob/format.py is
// the same for Python, and a test compares the two. Fields called zero must be 0.
#ifndef KWS_FORMAT_H
#define KWS_FORMAT_H

#include "kernels/kernels.h"

#define KWS_MAGIC "HARK"
#define KWS_VERSION 1
#define KWS_SECTION_ALIGN 16
#define KWS_TENSOR_ALIGN 16
#define KWS_MAX_OPS 255
#define KWS_MAX_LABEL_BYTES 63
#define KWS_MAX_BYTES ((uint32_t)1 << 24) // of a blob, a tensor, an arena

enum {
    KWS_SECTION_FRONTEND = 1,
    KWS_SECTION_LABELS = 2,
    KWS_SECTION_TENSORS = 3,
    KWS_SECTION_OPS = 4,
    KWS_SECTION_WEIGHTS = 5,
    KWS_SECTION_META = 6,
    KWS_SECTION_COUNT = 6,
};

typedef struct {
    uint32_t id;
    uint32_t offset; // from the start of the blob, multiple of 16
    uint32_t length; // bytes; sections lie in the order of their ids, at most 15 zero bytes apart
    uint32_t count;  // labels, tensors or ops in the section; 0 in the others
} kws_section_t;

typedef struct {
    char magic[4];
    uint32_t version;
    uint32_t crc32; // of everything behind this field (polynomial 0xEDB88320, as zlib's)
    uint32_t length;
    uint32_t section_count;
    uint32_t arena_bytes;
    uint16_t decision_hop_frames;
    uint16_t zero0;
    uint32_t zero1;
    kws_section_t sections[KWS_SECTION_COUNT];
} kws_header_t;

// Tensor 0 is the network's input, tensor i + 1 is what op i writes, the last one is the output.
typedef struct {
    uint32_t arena_offset; // multiple of 16
    uint16_t h, w, c, zero;
    int32_t zero_point;    // -128..127
    uint32_t scale_bits;   // IEEE float32, positive and finite; reported, never computed with
} kws_tensor_t;

enum {
    KWS_OP_CONV_2D = 1,
    KWS_OP_DEPTHWISE_CONV_2D = 2,
    KWS_OP_FULLY_CONNECTED = 3,
    KWS_OP_AVG_POOL_2D = 4,
    KWS_OP_MAX_POOL_2D = 5,
    KWS_OP_ADD = 6,
    KWS_OP_RELU = 7,
    KWS_OP_SOFTMAX = 8,
    KWS_OP_RESHAPE = 9,
};

typedef struct {
    uint8_t code;
    uint8_t zero0;
    uint16_t input0, input1; // tensor indices; input1 is 0xFFFF but for add
    uint16_t zero1;
    uint32_t scratch_offset, scratch_bytes; // in the arena, multiple of 16; both 0 when not needed
    int16_t out_min, out_max;               // clamp of the output, within -128..127
    union {
        struct {                      // conv2d, depthwise, pools; fully connected has only the last two
            kws_window_t window;
            uint32_t weights_offset;  // from the start of the weights section, multiple of 4
            uint32_t channels_offset; // likewise; kws_channel_t [out.c]
        } w;
        // add: mult and shift of input 0, input 1 and the output. relu, softmax: mult, shift.
        struct {
            int32_t mult, shift;
        } q[3];
    } u;
    uint32_t zero2;
} kws_op_t;

typedef char kws_header_is_128_bytes[sizeof(kws_header_t) == 128 ? 1 : -1];
typedef char kws_tensor_is_20_bytes[sizeof(kws_tensor_t) == 20 ? 1 : -1];
typedef char kws_op_is_48_bytes[sizeof(kws_op_t) == 48 ? 1 : -1];
typedef char kws_channel_is_12_bytes[sizeof(kws_channel_t) == 12 ? 1 : -1];

#endif
