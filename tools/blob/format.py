"""Constants and structures of the .kws blob, version 1: what usermod_kws/net/format.h is for C."""

import struct
from enum import IntEnum

MAGIC = b"HARK"
VERSION = 1
SECTION_ALIGN = 16
TENSOR_ALIGN = 16
MAX_OPS = 255
MAX_LABEL_BYTES = 63
MAX_BYTES = 1 << 24
NO_TENSOR = 0xFFFF


class Section(IntEnum):
    FRONTEND = 1
    LABELS = 2
    TENSORS = 3
    OPS = 4
    WEIGHTS = 5
    META = 6


class Op(IntEnum):
    CONV_2D = 1
    DEPTHWISE_CONV_2D = 2
    FULLY_CONNECTED = 3
    AVG_POOL_2D = 4
    MAX_POOL_2D = 5
    ADD = 6
    RELU = 7
    SOFTMAX = 8
    RESHAPE = 9


WINDOWED = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.AVG_POOL_2D, Op.MAX_POOL_2D)
LINEAR = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)
IN_PLACE = (Op.ADD, Op.RELU, Op.RESHAPE)

# magic, version, crc32, length, section_count, arena_bytes, decision_hop_frames, zero, zero
HEADER = struct.Struct("<4sIIIIIHHI")
CRC_FIELD = slice(8, 12)
CRC_COVERS_FROM = 12
# id, offset, length, count
SECTION = struct.Struct("<IIII")
HEADER_BYTES = HEADER.size + len(Section) * SECTION.size
# arena_offset, h, w, c, zero, zero_point, scale
TENSOR = struct.Struct("<I4Hif")
# code, zero, input0, input1, zero, scratch_offset, scratch_bytes, out_min, out_max, 24 bytes of parameters, zero
OP = struct.Struct("<BBHHHIIhh24sI")
# kernel, stride, dilation (each h, w), pad_top, pad_left, weights_offset, channels_offset
WINDOW_PARAMS = struct.Struct("<8HII")
# mult, shift of up to three tensors
SCALE_PARAMS = struct.Struct("<6i")
# bias, mult, shift
CHANNEL = struct.Struct("<iii")


def align(n: int, to: int = SECTION_ALIGN) -> int:
    """n rounded up to a multiple of `to`."""
    return -(-n // to) * to


def scratch_bytes(op: Op, shape: tuple[int, int, int], window: tuple[int, ...]) -> int:
    """Scratch in the arena that the kernels may use, as kernels.h has it. shape: the input's (h, w, c); window: kernel, stride, dilation
    (each h, w), pad_top, pad_left."""
    kernel_h, kernel_w, _, _, _, dilation_w, _, left = window
    products = kernel_h * kernel_w * shape[2]
    if op == Op.CONV_2D:
        return 6 * 2 * align(products, 4)
    if op == Op.DEPTHWISE_CONV_2D:
        rows = kernel_h * 2 * (shape[1] + left + kernel_w * dilation_w + 2 & ~1)
        return align(max(2 * products, max(rows, 1024) + 4 * kernel_h * (kernel_w + 2)), 4)
    return 0
