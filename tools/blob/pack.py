"""Programs, weights and texts into the bytes of a blob."""

import json
import zlib
from collections.abc import Sequence

from tools.blob import format as fmt
from tools.blob.format import Section, Storage
from tools.blob.program import Program, View, Weights


class _Records:
    """One program's records; tensors are numbered as they are met."""

    def __init__(self, program: Program) -> None:
        self.program, self.tensors = program, {}
        self.input, self.output = self.tensor(program.input), self.tensor(program.output)
        self.ops = b"".join(self._op(op) for op in program.ops)
        self.states = b"".join(fmt.STATE.pack(s.buffer.place, s.keep, s.shift, s.fill, s.init_offset) for s in program.states)

    def tensor(self, view: View) -> int:
        storage = Storage.ARENA if view.buffer else Storage.WEIGHTS
        record = fmt.TENSOR.pack(view.offset, *view.shape, storage, view.missing, 0, view.quant.zero_point, view.quant.scale)
        return self.tensors.setdefault(record, len(self.tensors))

    def _op(self, op) -> bytes:
        inputs = ([self.tensor(v) for v in op.inputs] + [fmt.NO_TENSOR] * 2)[:2]
        place, size = (op.scratch.place, op.scratch.size) if op.scratch else (0, 0)
        return fmt.OP.pack(op.code, 0, *inputs, self.tensor(op.output), place, size, *op.clamp, op.params, 0)


def _programs(programs: Sequence[Program]) -> list[tuple[bytes, int]]:
    """The sections of programs, tensors, ops and states, each with its number of records."""
    header = tensors = ops = states = b""
    counts = [0, 0, 0]
    for program in programs:
        r = _Records(program)
        numbers = [len(r.tensors), len(program.ops), len(program.states)]
        places = [n for pair in zip(counts, numbers, strict=True) for n in pair]
        header += fmt.PROGRAM.pack(program.kind, *places, program.arena_bytes, program.state_bytes, r.input, r.output, 0, 0)
        counts = [a + b for a, b in zip(counts, numbers, strict=True)]
        tensors, ops, states = tensors + b"".join(r.tensors), ops + r.ops, states + r.states
    for what, count, limit in zip(("tensors", "ops", "states"), counts, (fmt.MAX_TENSORS, fmt.MAX_OPS, fmt.MAX_STATES), strict=True):
        if count > limit:
            raise ValueError(f"the network needs {count} {what}, the format has room for {limit}")
    if max(p.arena_bytes for p in programs) > fmt.MAX_BYTES:
        raise ValueError(f"the network needs an arena of {max(p.arena_bytes for p in programs)} bytes, the format allows {fmt.MAX_BYTES}")
    return [(header, len(programs)), *zip((tensors, ops, states), counts, strict=True)]


def _labels(labels: Sequence[str]) -> bytes:
    encoded = [label.encode() for label in labels]
    for data in encoded:
        if not 1 <= len(data) <= fmt.MAX_LABEL_BYTES or min(data) < 0x20:
            raise ValueError(f"label {data!r} is not 1..{fmt.MAX_LABEL_BYTES} bytes of text")
    return b"".join(data + b"\0" for data in encoded)


def pack(programs: Sequence[Program], weights: Weights, *, frontend: bytes, labels: Sequence[str], decision_hop_frames: int, meta: dict) -> bytes:
    """The blob."""
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    sections = [(frontend, 0), (_labels(labels), len(labels)), *_programs(programs), (bytes(weights.data), 0), (text, 0)]
    table = body = b""
    for section_id, (data, count) in zip(Section, sections, strict=True):
        body += bytes(-len(body) % fmt.SECTION_ALIGN)
        table += fmt.SECTION.pack(section_id, fmt.HEADER_BYTES + len(body), len(data), count)
        body += data
    length = fmt.HEADER_BYTES + len(body)
    if length > fmt.MAX_BYTES:
        raise ValueError(f"the blob would have {length} bytes, the format allows {fmt.MAX_BYTES}")
    header = fmt.HEADER.pack(fmt.MAGIC, fmt.VERSION, 0, length, len(Section), 0, decision_hop_frames, 0, 0)
    blob = bytearray(header + table + body)
    blob[fmt.CRC_FIELD] = zlib.crc32(blob[fmt.CRC_COVERS_FROM :]).to_bytes(4, "little")
    return bytes(blob)
