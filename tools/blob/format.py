"""Constants and structures of the .kws blob, version 2: what usermod_kws/net/format.h is for C."""

import struct
from enum import IntEnum

MAGIC = b"HARK"
VERSION = 2
SECTION_ALIGN = 16
MAX_OPS = 1024
MAX_TENSORS = 4096
MAX_STATES = 1024
MAX_LABEL_BYTES = 63
MAX_BYTES = 1 << 24
MAX_DIMENSION = 0xFFFF
NO_TENSOR = 0xFFFF
NO_OFFSET = 0xFFFFFFFF

# The writer puts buffers and weights at multiples of this; the format asks for it of states and scratch only.
BUFFER_ALIGN = 16


class Section(IntEnum):
    FRONTEND = 1
    LABELS = 2
    PROGRAMS = 3
    TENSORS = 4
    OPS = 5
    STATES = 6
    WEIGHTS = 7
    META = 8


class ProgramKind(IntEnum):
    WINDOW = 0
    STEP = 1


class Storage(IntEnum):
    ARENA = 0
    WEIGHTS = 1


class Op(IntEnum):
    CONV_2D = 1
    DEPTHWISE_CONV_2D = 2
    FULLY_CONNECTED = 3
    AVG_POOL_2D = 4
    MAX_POOL_2D = 5
    AVG_POOL_STEP = 6
    MEAN = 7
    ADD = 8
    SUB = 9
    MUL = 10
    PRELU = 11
    LUT = 12
    SOFTMAX = 13
    COPY = 14
    FILL = 15
    SVDF = 16


WINDOWED = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.AVG_POOL_2D, Op.MAX_POOL_2D, Op.AVG_POOL_STEP)
LINEAR = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)
# The output may be written over an input of the same shape.
IN_PLACE = (Op.ADD, Op.SUB, Op.MUL, Op.PRELU, Op.LUT)

# magic, version, crc32, length, section_count, zero, decision_hop_frames, zero, zero
HEADER = struct.Struct("<4sIIIIIHHI")
CRC_FIELD = slice(8, 12)
CRC_COVERS_FROM = 12
# id, offset, length, count
SECTION = struct.Struct("<IIII")
HEADER_BYTES = HEADER.size + len(Section) * SECTION.size
# kind, first and number of tensors, ops, states; arena_bytes, state_bytes, input, output, two zeros
PROGRAM = struct.Struct("<9I2H2I")
# offset, h, w, c, storage, missing, zero, zero_point, scale
TENSOR = struct.Struct("<I6Hif")
# offset, keep, shift, fill, init_offset
STATE = struct.Struct("<IIIiI")
# code, zero, input0, input1, output, scratch_offset, scratch_bytes, out_min, out_max, 24 bytes of parameters, zero
OP = struct.Struct("<BBHHHIIhh24sI")
# kernel, stride, dilation (each h, w), pad_top, pad_left, weights_offset, channels_offset
WINDOW_PARAMS = struct.Struct("<8HII")
# mult, shift of up to three tensors
SCALE_PARAMS = struct.Struct("<6i")
# bias, mult, shift
CHANNEL = struct.Struct("<iii")
# n[4], in_stride[4], out_stride[4], in_offset, out_offset
COPY = struct.Struct("<4I8i2I")
# rank, memory, feature mult and shift, output mult and shift, feature, time and bias offset
SVDF = struct.Struct("<2I4i3I")

# Bits of a mean's axes.
AXIS_BITS = (1, 2, 4)
CONV_PIXELS = 6
DEPTHWISE_STRIP_BYTES = 1024


def align(n: int, to: int = SECTION_ALIGN) -> int:
    """n rounded up to a multiple of `to`."""
    return -(-n // to) * to


def row_bytes(products: int) -> int:
    """Length of a row of weights."""
    return align(products, 4)


def conv2d_scratch_bytes(kernel: tuple[int, int], in_channels: int) -> int:
    """kws_conv2d_scratch_bytes."""
    products = kernel[0] * kernel[1] * in_channels
    return (2 * CONV_PIXELS if products <= 64 else CONV_PIXELS) * 2 * align(products, 4)


def depthwise_conv2d_scratch_bytes(kernel: tuple[int, int], dilation_w: int, pad_left: int, in_w: int, in_channels: int) -> int:
    """kws_depthwise_conv2d_scratch_bytes."""
    taps = 2 * kernel[0] * kernel[1] * in_channels
    columns = in_w + pad_left + kernel[1] * dilation_w
    strip = max(kernel[0] * 2 * align(columns + 1, 2), DEPTHWISE_STRIP_BYTES) + 4 * kernel[0] * (kernel[1] + 2)
    conv = conv2d_scratch_bytes(kernel, 1) if in_channels == 1 else 0
    return align(max(taps, strip, conv), 4)


def avg_pool_step_state_bytes(out_w: int, channels: int, kernel_h: int) -> int:
    """kws_avg_pool_step_state_bytes."""
    row = out_w * channels
    return 4 + 4 * row + 2 * row * kernel_h
