"""Reads a .kws blob for people: an independent second reader, which shares only the constants with the writer."""

import json
import zlib
from dataclasses import dataclass

from tools.blob import format as fmt
from tools.blob.format import Op, Section


class BlobError(ValueError):
    """Not a blob that this version can read; says what and where."""


@dataclass(frozen=True)
class TensorInfo:
    arena_offset: int
    shape: tuple[int, int, int]
    zero_point: int
    scale: float

    @property
    def bytes(self) -> int:
        h, w, c = self.shape
        return h * w * c


@dataclass(frozen=True)
class OpInfo:
    code: Op
    inputs: tuple[int, ...]
    scratch_offset: int
    scratch_bytes: int
    clamp: tuple[int, int]
    kernel: tuple[int, int] | None  # of windowed ops, as are stride, dilation and pads (top, left)
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    pads: tuple[int, int] | None
    macs: int
    weight_bytes: int  # with the channels' bias, mult and shift


@dataclass(frozen=True)
class BlobInfo:
    length: int
    crc32: int
    arena_bytes: int
    decision_hop_frames: int
    sections: dict[Section, tuple[int, int, int]]  # offset, length, count
    frontend: bytes
    labels: list[str]
    tensors: list[TensorInfo]
    ops: list[OpInfo]
    meta: dict

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(op.macs for op in self.ops)


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise BlobError(text)


def _op(data: bytes, index: int, tensors: list[TensorInfo]) -> OpInfo:
    code, _, in0, in1, _, scratch_offset, scratch, low, high, params, _ = fmt.OP.unpack(data)
    _need(code in list(Op), f"op {index}: unknown code {code}")
    inputs = tuple(t for t in (in0, in1) if t != fmt.NO_TENSOR)
    _need(bool(inputs) and max(inputs) <= index, f"op {index}: reads tensors {list(inputs)}, which are not computed before it")
    x, y = tensors[in0], tensors[index + 1]
    window = [None] * 4
    macs = weights = 0
    if code in fmt.WINDOWED:
        p = fmt.WINDOW_PARAMS.unpack(params)
        window = [p[0:2], p[2:4], p[4:6], p[6:8]]
    if code in fmt.LINEAR:
        c_out = y.shape[2]
        products = {
            Op.CONV_2D: lambda: p[0] * p[1] * x.shape[2],
            Op.DEPTHWISE_CONV_2D: lambda: p[0] * p[1],
            Op.FULLY_CONNECTED: lambda: x.bytes,
        }[Op(code)]()
        macs, weights = products * y.bytes, c_out * (products + fmt.CHANNEL.size)
    return OpInfo(Op(code), inputs, scratch_offset, scratch, (low, high), *window, macs, weights)


def read(blob: bytes) -> BlobInfo:
    """Parses and checks a blob's container; raises BlobError. The network's fields are for the C reader to check."""
    _need(blob[:4] == fmt.MAGIC, f"does not start with {fmt.MAGIC.decode()} but with {blob[:4]!r}")
    _need(len(blob) >= fmt.HEADER_BYTES, f"{len(blob)} bytes are less than the header's {fmt.HEADER_BYTES}")
    _, version, crc, length, n_sections, arena_bytes, hop, _, _ = fmt.HEADER.unpack_from(blob)
    _need(version == fmt.VERSION, f"version {version}; this tool knows {fmt.VERSION}")
    _need(length == len(blob), f"the header says {length} bytes, there are {len(blob)}")
    computed = zlib.crc32(blob[fmt.CRC_COVERS_FROM :])
    _need(crc == computed, f"CRC at byte 8: stored {crc:#010x}, computed {computed:#010x}")
    _need(n_sections == len(Section), f"{n_sections} sections instead of {len(Section)}")
    sections: dict[Section, tuple[int, int, int]] = {}
    data: dict[Section, bytes] = {}
    for i, section in enumerate(Section):
        section_id, offset, size, count = fmt.SECTION.unpack_from(blob, fmt.HEADER.size + i * fmt.SECTION.size)
        _need(section_id == section, f"section {i} has id {section_id} instead of {int(section)}")
        _need(offset % fmt.SECTION_ALIGN == 0 and offset + size <= length, f"section {section.name} at {offset}, {size} bytes, leaves the blob")
        sections[section] = offset, size, count
        data[section] = blob[offset : offset + size]
    tensors = [TensorInfo(offset, (h, w, c), zero, scale) for offset, h, w, c, _, zero, scale in fmt.TENSOR.iter_unpack(data[Section.TENSORS])]
    n_ops = len(data[Section.OPS]) // fmt.OP.size
    _need(len(tensors) == n_ops + 1, f"{len(tensors)} tensors for {n_ops} ops")
    ops = [_op(data[Section.OPS][i * fmt.OP.size : (i + 1) * fmt.OP.size], i, tensors) for i in range(n_ops)]
    labels = data[Section.LABELS].decode().split("\0")[:-1]
    _need(len(labels) == sections[Section.LABELS][2], f"{len(labels)} labels where the table says {sections[Section.LABELS][2]}")
    meta = json.loads(data[Section.META])
    return BlobInfo(length, crc, arena_bytes, hop, sections, data[Section.FRONTEND], labels, tensors, ops, meta)
