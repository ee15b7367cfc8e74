// The .kws blob as it lies in memory: little-endian, version 2. SPEC.md describes every byte; tools/blob/format.py is
// the same for Python, and a test compares the two. Fields called zero must be 0.
#ifndef KWS_FORMAT_H
#define KWS_FORMAT_H

#include "kernels/kernels.h"

#define KWS_MAGIC "HARK"
#define KWS_VERSION 2
#define KWS_SECTION_ALIGN 16
#define KWS_MAX_OPS 1024   // of all programs
#define KWS_MAX_TENSORS 4096
#define KWS_MAX_STATES 1024
#define KWS_MAX_LABEL_BYTES 63
#define KWS_MAX_BYTES ((uint32_t)1 << 24) // of a blob, a tensor, an arena
#define KWS_NO_TENSOR 0xFFFF
#define KWS_NO_OFFSET 0xFFFFFFFFu

enum {
    KWS_SECTION_FRONTEND = 1,
    KWS_SECTION_LABELS = 2,
    KWS_SECTION_PROGRAMS = 3,
    KWS_SECTION_TENSORS = 4,
    KWS_SECTION_OPS = 5,
    KWS_SECTION_STATES = 6,
    KWS_SECTION_WEIGHTS = 7,
    KWS_SECTION_META = 8,
    KWS_SECTION_COUNT = 8,
};

typedef struct {
    uint32_t id;
    uint32_t offset; // from the start of the blob, multiple of 16
    uint32_t length; // bytes; sections lie in the order of their ids, at most 15 zero bytes apart
    uint32_t count;  // records (labels, programs, tensors, ops, states) in the section; 0 in the others
} kws_section_t;

typedef struct {
    char magic[4];
    uint32_t version;
    uint32_t crc32; // of everything behind this field (polynomial 0xEDB88320, as zlib's)
    uint32_t length;
    uint32_t section_count;
    uint32_t zero0;
    uint16_t decision_hop_frames; // a stream makes a row of scores every so many frames
    uint16_t zero1;
    uint32_t zero2;
    kws_section_t sections[KWS_SECTION_COUNT];
} kws_header_t;

// A network as a list of ops over an arena. A blob has a window program, and behind it perhaps a step program, which
// computes the same scores from only the newest frames. The state, the first state_bytes of the arena, survives from run to run;
// the rest does not.
enum {
    KWS_PROGRAM_WINDOW = 0, // input: the window, oldest frame first
    KWS_PROGRAM_STEP = 1,   // input: the decision_hop_frames newest frames; lies in the state, so that frames can be
                            // placed there one by one
};

typedef struct {
    uint32_t kind; // the record's place in the section
    uint32_t first_tensor, n_tensors; // the programs' tensors, ops and states stand one behind the other
    uint32_t first_op, n_ops;
    uint32_t first_state, n_states;
    uint32_t arena_bytes;
    uint32_t state_bytes; // multiple of 16, at most arena_bytes
    uint16_t input, output; // tensors; as all tensor numbers, counted from the program's first
    uint32_t zero[2];
} kws_program_record_t;

enum {
    KWS_STORAGE_ARENA = 0,
    KWS_STORAGE_WEIGHTS = 1, // a constant: offset is in the weights section; no op writes it
};

// A view of a part of the arena or of the weights. Views of one buffer overlap where the packer wants it: a step
// program's op writes the newest rows of a buffer whose older rows its successor reads too.
typedef struct {
    uint32_t offset;
    uint16_t h, w, c;
    uint16_t storage;
    uint16_t missing;      // step program: rows that do not exist yet when the first step ends, see SPEC.md
    uint16_t zero;
    int32_t zero_point;    // -128..127
    uint32_t scale_bits;   // IEEE float32, positive and finite; reported, never computed with
} kws_tensor_t;

// A part of the state and what it begins as. Before each run but the first after a reset, `keep` bytes at
// offset + shift move to offset.
typedef struct {
    uint32_t offset;
    uint32_t keep;        // bytes that move
    uint32_t shift;       // 0: nothing moves
    int32_t fill;         // -128..127: every byte of [offset, offset + keep + shift) at the start, unless
    uint32_t init_offset; // is an offset in the weights section of as many bytes; KWS_NO_OFFSET otherwise
} kws_state_t;

enum {
    KWS_OP_CONV_2D = 1,
    KWS_OP_DEPTHWISE_CONV_2D = 2,
    KWS_OP_FULLY_CONNECTED = 3,
    KWS_OP_AVG_POOL_2D = 4,
    KWS_OP_MAX_POOL_2D = 5,
    KWS_OP_AVG_POOL_STEP = 6, // u.w; scratch is its state
    KWS_OP_MEAN = 7,          // u.q: {mult, shift}, {axes, 0}
    KWS_OP_ADD = 8,           // u.q: input0, input1, output
    KWS_OP_SUB = 9,           // the same
    KWS_OP_MUL = 10,          // u.q: output
    KWS_OP_PRELU = 11,        // u.q: positive, negative; input1 is alpha
    KWS_OP_LUT = 12,          // u.w.weights_offset: int8 [256]
    KWS_OP_SOFTMAX = 13,      // u.q
    KWS_OP_COPY = 14,         // u.w.weights_offset: kws_copy_t
    KWS_OP_FILL = 15,         // u.q[0].mult: the value; no input
    KWS_OP_SVDF = 16,         // u.w.weights_offset: kws_svdf_record_t; input1 is the state, int8 view of it
};

typedef struct {
    uint8_t code;
    uint8_t zero0;
    uint16_t input0, input1; // tensors; KWS_NO_TENSOR where there is none
    uint16_t output;
    uint32_t scratch_offset, scratch_bytes; // in the arena, multiple of 16; both 0 when not needed
    int16_t out_min, out_max;               // clamp of the output, within -128..127
    union {
        struct {                      // conv2d, depthwise, pools; the others that use w have only the offsets
            kws_window_t window;
            uint32_t weights_offset;  // from the start of the weights section, multiple of 4
            uint32_t channels_offset; // likewise; kws_channel_t [out.c]
        } w;
        struct {
            int32_t mult, shift;
        } q[3];
    } u;
    uint32_t zero1;
} kws_op_t;

typedef struct {
    uint32_t rank, memory;
    int32_t feature_mult, feature_shift;
    int32_t out_mult, out_shift;
    uint32_t feature_offset, time_offset, bias_offset; // from the start of the weights section, multiples of 4
} kws_svdf_record_t;

typedef char kws_header_is_160_bytes[sizeof(kws_header_t) == 160 ? 1 : -1];
typedef char kws_program_record_is_48_bytes[sizeof(kws_program_record_t) == 48 ? 1 : -1];
typedef char kws_tensor_is_24_bytes[sizeof(kws_tensor_t) == 24 ? 1 : -1];
typedef char kws_state_is_20_bytes[sizeof(kws_state_t) == 20 ? 1 : -1];
typedef char kws_op_is_48_bytes[sizeof(kws_op_t) == 48 ? 1 : -1];
typedef char kws_channel_is_12_bytes[sizeof(kws_channel_t) == 12 ? 1 : -1];

#endif
