"""Reads a .kws blob for people: an independent second reader, which shares only the constants with the writer."""

import json
import zlib
from dataclasses import dataclass

from tools.blob import format as fmt
from tools.blob.format import Op, ProgramKind, Section, Storage

TFLITE = b"TFL3"  # a FlatBuffer's identifier, behind its first 4 bytes


class BlobError(ValueError):
    """Not a blob that this version can read; says what and where."""


@dataclass(frozen=True)
class TensorInfo:
    offset: int  # in the arena, or in the weights section
    shape: tuple[int, int, int]
    storage: Storage
    missing: int
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
    output: int
    scratch_offset: int
    scratch_bytes: int
    clamp: tuple[int, int]
    params: bytes
    kernel: tuple[int, int] | None  # of windowed ops, as are stride, dilation and pads (top, left)
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    pads: tuple[int, int] | None
    weights_offset: int  # in the weights section; 0 for ops without
    macs: int
    weight_bytes: int  # with the channels' bias, mult and shift


@dataclass(frozen=True)
class StateInfo:
    offset: int
    keep: int
    shift: int
    fill: int
    init_offset: int | None


@dataclass(frozen=True)
class ProgramInfo:
    kind: ProgramKind
    tensors: list[TensorInfo]
    ops: list[OpInfo]
    states: list[StateInfo]
    arena_bytes: int
    state_bytes: int
    input: TensorInfo
    output: TensorInfo

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(op.macs for op in self.ops)


@dataclass(frozen=True)
class BlobInfo:
    """arena_bytes, input, output, tensors, ops and macs are the window program's."""

    length: int
    crc32: int
    decision_hop_frames: int
    sections: dict[Section, tuple[int, int, int]]  # offset, length, count
    frontend: bytes
    labels: list[str]
    programs: list[ProgramInfo]
    weights: bytes
    meta: dict

    @property
    def window(self) -> ProgramInfo:
        return self.programs[ProgramKind.WINDOW]

    @property
    def step(self) -> ProgramInfo | None:
        return self.programs[ProgramKind.STEP] if len(self.programs) > ProgramKind.STEP else None

    @property
    def arena_bytes(self) -> int:
        return self.window.arena_bytes

    @property
    def input(self) -> TensorInfo:
        return self.window.input

    @property
    def output(self) -> TensorInfo:
        return self.window.output

    @property
    def tensors(self) -> list[TensorInfo]:
        return self.window.tensors

    @property
    def ops(self) -> list[OpInfo]:
        return self.window.ops

    @property
    def macs(self) -> int:
        return self.window.macs


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise BlobError(text)


def _op(data: bytes, name: str, tensors: list[TensorInfo], weights: bytes) -> OpInfo:
    code, _, in0, in1, out, scratch_offset, scratch, low, high, params, _ = fmt.OP.unpack(data)
    _need(code in list(Op), f"{name}: unknown code {code}")
    inputs = tuple(t for t in (in0, in1) if t != fmt.NO_TENSOR)
    _need(max(*inputs, out) < len(tensors) if inputs else out < len(tensors), f"{name}: tensors {[*inputs, out]} of {len(tensors)}")
    y = tensors[out]
    window, offset = [None] * 4, 0
    macs = weight_bytes = 0
    p = fmt.WINDOW_PARAMS.unpack(params)
    if code in (*fmt.LINEAR, Op.LUT, Op.COPY, Op.SVDF):
        offset = p[8]
    if code in fmt.WINDOWED:
        window = [p[0:2], p[2:4], p[4:6], p[6:8]]
    if code in fmt.LINEAR:
        pixels, c_out = y.bytes // y.shape[2], y.shape[2]
        products = {
            Op.CONV_2D: lambda: p[0] * p[1] * tensors[in0].shape[2],
            Op.DEPTHWISE_CONV_2D: lambda: p[0] * p[1],
            Op.FULLY_CONNECTED: lambda: tensors[in0].bytes // pixels,
        }[Op(code)]()
        macs, weight_bytes = products * y.bytes, c_out * (fmt.row_bytes(products) + fmt.CHANNEL.size)
    if code == Op.SVDF:
        _need(offset + fmt.SVDF.size <= len(weights), f"{name}: its record leaves the weights")
        rank, memory, *_ = fmt.SVDF.unpack_from(weights, offset)
        filters, n = y.bytes * rank, tensors[in0].bytes
        macs, weight_bytes = filters * (n + memory), filters * (fmt.row_bytes(n) + 2 * memory) + 4 * y.bytes
    return OpInfo(Op(code), inputs, out, scratch_offset, scratch, (low, high), params, *window, offset, macs, weight_bytes)


def _tensor(data: bytes) -> TensorInfo:
    offset, h, w, c, storage, missing, _, zero, scale = fmt.TENSOR.unpack(data)
    _need(storage in list(Storage), f"a tensor's storage is {storage}")
    return TensorInfo(offset, (h, w, c), Storage(storage), missing, zero, scale)


def _records(data: bytes, size: int, first: int, count: int, what: str) -> list[bytes]:
    _need((first + count) * size <= len(data), f"{what} {first}..{first + count} of {len(data) // size}")
    return [data[i * size : (i + 1) * size] for i in range(first, first + count)]


def _program(record: tuple[int, ...], data: dict[Section, bytes]) -> ProgramInfo:
    kind, t0, n_t, op0, n_op, s0, n_s, arena_bytes, state_bytes, source, result, _, _ = record
    _need(kind in list(ProgramKind), f"a program of kind {kind}")
    tensors = [_tensor(r) for r in _records(data[Section.TENSORS], fmt.TENSOR.size, t0, n_t, "tensors")]
    _need(max(source, result) < n_t, f"a program's input and output are tensors {source} and {result} of {n_t}")
    ops = [
        _op(r, f"op {i} of the {ProgramKind(kind).name.lower()} program", tensors, data[Section.WEIGHTS])
        for i, r in enumerate(_records(data[Section.OPS], fmt.OP.size, op0, n_op, "ops"))
    ]
    states = []
    for r in _records(data[Section.STATES], fmt.STATE.size, s0, n_s, "states"):
        offset, keep, shift, fill, init = fmt.STATE.unpack(r)
        states.append(StateInfo(offset, keep, shift, fill, None if init == fmt.NO_OFFSET else init))
    return ProgramInfo(ProgramKind(kind), tensors, ops, states, arena_bytes, state_bytes, tensors[source], tensors[result])


def read(blob: bytes) -> BlobInfo:
    """Parses and checks a blob's container; raises BlobError. The network's fields are for the C reader to check."""
    _need(blob[4:8] != TFLITE, "a TensorFlow Lite model; python -m tools.import_tflite makes a blob of it")
    _need(blob[:4] == fmt.MAGIC, f"does not start with {fmt.MAGIC.decode()} but with {blob[:4]!r}")
    _need(len(blob) >= 8, f"{len(blob)} bytes are less than the header's {fmt.HEADER_BYTES}")
    version = int.from_bytes(blob[4:8], "little")
    old = "; import or export the model again" if version < fmt.VERSION else ""
    _need(version == fmt.VERSION, f"version {version}; this tool knows {fmt.VERSION}{old}")
    _need(len(blob) >= fmt.HEADER_BYTES, f"{len(blob)} bytes are less than the header's {fmt.HEADER_BYTES}")
    _, _, crc, length, n_sections, _, hop, _, _ = fmt.HEADER.unpack_from(blob)
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
    _need(len(data[Section.PROGRAMS]) % fmt.PROGRAM.size == 0, "the section of programs holds a broken record")
    programs = [_program(record, data) for record in fmt.PROGRAM.iter_unpack(data[Section.PROGRAMS])]
    _need([p.kind for p in programs] in ([0], [0, 1]), f"programs of kinds {[int(p.kind) for p in programs]}")
    try:
        labels = data[Section.LABELS].decode().split("\0")[:-1]
        meta = json.loads(data[Section.META])
    except ValueError as error:
        raise BlobError(f"labels or meta are no text: {error}") from error
    _need(len(labels) == sections[Section.LABELS][2], f"{len(labels)} labels where the table says {sections[Section.LABELS][2]}")
    return BlobInfo(length, crc, hop, sections, data[Section.FRONTEND], labels, programs, data[Section.WEIGHTS], meta)
