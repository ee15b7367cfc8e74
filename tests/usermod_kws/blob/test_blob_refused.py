"""Every kind of damage is refused with the right status and place, even when the checksum has been made to fit."""

import struct
import zlib
from collections.abc import Callable

import pytest

from tools.blob import format as fmt
from tools.blob.format import Op, ProgramKind, Section
from tools.blob.reader import BlobError, read
from tools.blob.samples import every_op
from tools.kwslib import KwsError, Model

MAGIC, VERSION, LENGTH, CRC, OFFSET, ALIGN, OP, SHAPE, RANGE, ARENA = range(-1, -11, -1)
BLOB = every_op()
INFO = read(BLOB)
STEP_OPS, STEP_TENSORS = len(INFO.ops), len(INFO.tensors)  # where the step program's begin


def at(section: Section, index: int = 0, size: int = 0, field: int = 0) -> int:
    return INFO.sections[section][0] + index * size + field


def table(section: Section, field: int) -> int:
    return fmt.HEADER.size + (section - 1) * fmt.SECTION.size + field


def program(kind: ProgramKind, field: int) -> int:
    return at(Section.PROGRAMS, kind, fmt.PROGRAM.size, field)


def tensor(index: int, field: int) -> int:
    return at(Section.TENSORS, index, fmt.TENSOR.size, field)


def op(index: int, field: int) -> int:
    return at(Section.OPS, index, fmt.OP.size, field)


def state(index: int, field: int) -> int:
    return at(Section.STATES, index, fmt.STATE.size, field)


def code(wanted: Op, kind: ProgramKind = ProgramKind.WINDOW) -> int:
    """Number of the first op of this code."""
    codes = [o.code for o in INFO.programs[kind].ops]
    return codes.index(wanted) + (STEP_OPS if kind == ProgramKind.STEP else 0)


def weights(offset: int) -> int:
    return INFO.sections[Section.WEIGHTS][0] + offset


def refit(blob: bytearray) -> bytes:
    blob[8:12] = zlib.crc32(blob[12:]).to_bytes(4, "little")
    return bytes(blob)


def patched(offset: int, kind: str, *values: int | bytes) -> bytes:
    blob = bytearray(BLOB)
    struct.pack_into("<" + kind, blob, offset, *values)
    return refit(blob)


def refused(blob: bytes) -> KwsError:
    with pytest.raises(KwsError) as caught:
        Model(blob)
    return caught.value


WINDOW, STEP = ProgramKind.WINDOW, ProgramKind.STEP
FIRST, SECOND = INFO.ops[0], INFO.ops[1]
RING = INFO.step.states[-1]
COPY_RECORD = weights(INFO.ops[code(Op.COPY)].weights_offset)

# Fields of a program: kind 0, tensors 4, ops 12, states 20, arena_bytes 28, state_bytes 32, input 36, output 38.
# Of a tensor: offset 0, h 4, w 6, c 8, storage 10, missing 12, zero 14, zero_point 16, scale 20.
# Of a state: offset 0, keep 4, shift 8, fill 12, init_offset 16.
# Of an op: code 0, input0 2, input1 4, output 6, scratch_offset 8, scratch_bytes 12, out_min 16, window 20, weights 36, channels 40, zero 44.
CASES = {
    "section count": (16, "I", 5, LENGTH),
    "reserved header field": (20, "I", 1, RANGE),
    "decision hop of 0": (24, "H", 0, None),
    "decision hop of the window": (24, "H", 3, SHAPE),
    "section id": (table(Section.OPS, 0), "I", 9, RANGE),
    "section offset unaligned": (table(Section.OPS, 4), "I", at(Section.OPS) + 4, ALIGN),
    "section offset behind the end": (table(Section.META, 4), "I", 0xFFFFFFF0, OFFSET),
    "section over another": (table(Section.OPS, 4), "I", at(Section.OPS) - 16, OFFSET),
    "section length": (table(Section.META, 8), "I", 0xFFFFFFFF, OFFSET),
    "number of programs": (table(Section.PROGRAMS, 12), "I", 1, LENGTH),
    "no program": (table(Section.PROGRAMS, 12), "I", 0, LENGTH),
    "number of ops": (table(Section.OPS, 12), "I", 2 * len(INFO.ops) - 1, LENGTH),
    "number of tensors": (table(Section.TENSORS, 12), "I", 1 << 20, LENGTH),
    "number of states": (table(Section.STATES, 12), "I", 1, LENGTH),
    "too many labels": (table(Section.LABELS, 12), "I", 4, RANGE),
    "too few labels": (table(Section.LABELS, 12), "I", 2, LENGTH),
    "label not UTF-8": (at(Section.LABELS), "B", 0xFF, RANGE),
    "label empty": (at(Section.LABELS), "B", 0, RANGE),
    "meta not UTF-8": (at(Section.META), "B", 0xC0, RANGE),
    "program kind": (program(STEP, 0), "I", 0, RANGE),
    "reserved program field": (program(WINDOW, 40), "I", 1, RANGE),
    "program's first op": (program(STEP, 12), "I", STEP_OPS - 1, OFFSET),
    "program's number of tensors": (program(STEP, 8), "I", 1 << 12, OFFSET),
    "arena over 16 MiB": (program(WINDOW, 28), "I", (1 << 24) + 16, ARENA),
    "state larger than the arena": (program(STEP, 32), "I", INFO.step.arena_bytes + 16, ARENA),
    "state unaligned": (program(STEP, 32), "I", 8, ARENA),
    "program's input is no tensor": (program(WINDOW, 36), "H", STEP_TENSORS, RANGE),
    "step program's input is another": (program(STEP, 36), "H", 5, SHAPE),
    "tensor dimension 0": (tensor(2, 4), "H", 0, SHAPE),
    "tensor of 4 GiB": (tensor(2, 4), "HHH", (0xFFFF, 0xFFFF, 0xFFFF), SHAPE),
    "tensor behind the arena": (tensor(2, 0), "I", INFO.arena_bytes, ARENA),
    "tensor storage": (tensor(2, 10), "H", 2, RANGE),
    "constant behind the weights": (tensor(8, 0), "I", 0x7FFFFFF0, OFFSET),
    "missing rows of a constant": (tensor(8, 12), "H", 1, RANGE),
    "missing rows in a window program": (tensor(2, 12), "H", 1, RANGE),
    "zero point": (tensor(2, 16), "i", 128, RANGE),
    "scale is NaN": (tensor(2, 20), "I", 0x7FC00000, RANGE),
    "input rows are not the front end's": (tensor(0, 6), "H", 9, None),
    "state behind the state bytes": (state(0, 4), "I", INFO.step.state_bytes, ARENA),
    "state with a fill of 9 bits": (state(0, 12), "i", 128, RANGE),
    "state's beginning behind the weights": (state(0, 16), "I", 0x7FFFFFF0, OFFSET),
    "ring that does not begin as zeros": (state(len(INFO.step.states) - 1, 12), "i", 1, ARENA),
    "ring that moves": (state(len(INFO.step.states) - 1, 8), "I", 1, ARENA),
    "ring over the input": (op(code(Op.AVG_POOL_STEP, STEP), 8), "I", 0, ARENA),
    "state of a pool too small": (op(code(Op.AVG_POOL_STEP, STEP), 12), "I", RING.keep - 1, ARENA),
    "op code": (op(1, 0), "B", 200, OP),
    "input that is no tensor": (op(1, 2), "H", STEP_TENSORS, SHAPE),
    "second input where there is none": (op(1, 4), "H", 0, SHAPE),
    "output that is a constant": (op(1, 6), "H", 8, ARENA),
    "clamp upside down": (op(1, 16), "hh", (5, 4), RANGE),
    **{f"clamp of a {o.name.lower()}": (op(code(o), 16), "h", -127, RANGE) for o in (Op.PRELU, Op.LUT, Op.SOFTMAX, Op.COPY, Op.FILL)},
    "clamp outside int8": (op(1, 18), "h", 128, RANGE),
    "stride 0": (op(1, 24), "H", 0, SHAPE),
    "kernel of 60000 rows": (op(1, 20), "H", 60000, None),
    "pad as large as the kernel": (op(1, 32), "H", 3, SHAPE),
    "weights behind the end": (op(1, 36), "I", 0x7FFFFFFC, OFFSET),
    "weights unaligned": (op(1, 36), "I", SECOND.weights_offset + 2, OFFSET),
    "channels behind the end": (op(1, 40), "I", INFO.sections[Section.WEIGHTS][1] & ~3, OFFSET),
    "row of weights not padded with 0": (weights(FIRST.weights_offset + 11), "b", 1, RANGE),
    "scratch too small": (op(1, 12), "I", 0, ARENA),
    "scratch behind the arena": (op(1, 8), "I", 0x7FFFFFF0, ARENA),
    "scratch over the input": (op(1, 8), "I", INFO.tensors[SECOND.inputs[0]].offset & ~15, ARENA),
    "output over the input": (tensor(SECOND.output, 0), "I", INFO.tensors[SECOND.inputs[0]].offset, ARENA),
    "reserved op field": (op(1, 44), "I", 1, RANGE),
    "unused parameter": (op(code(Op.SOFTMAX), 28), "I", 1, RANGE),
    "multiplier of an add": (op(code(Op.ADD), 24), "i", 1, RANGE),
    "multiplier of a mul": (op(code(Op.MUL), 24), "i", 15, RANGE),
    "multiplier of a prelu": (op(code(Op.PRELU), 20), "i", -1, RANGE),
    "multiplier of a mean": (op(code(Op.MEAN), 24), "i", 31, RANGE),
    "axes of a mean": (op(code(Op.MEAN), 28), "i", 8, RANGE),
    "table behind the weights": (op(code(Op.LUT), 36), "I", INFO.sections[Section.WEIGHTS][1] & ~3, OFFSET),
    "copy's record behind the weights": (op(code(Op.COPY), 36), "I", INFO.sections[Section.WEIGHTS][1] & ~3, OFFSET),
    "copy of nothing": (COPY_RECORD, "I", 0, SHAPE),
    "copy that leaves its input": (COPY_RECORD + 28, "i", 1 << 20, OFFSET),
    "copy that begins in front of its output": (COPY_RECORD + 44, "i", -1, OFFSET),
    "fill of 9 bits": (op(code(Op.FILL), 20), "i", 128, RANGE),
    "softmax of another scale": (tensor(INFO.ops[-1].output, 20), "f", 0.5, RANGE),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_behind_a_good_checksum(name: str) -> None:
    """Whoever can write a file can fix its checksum: without these checks such a file writes over the heap."""
    offset, kind, value, status = CASES[name]
    error = refused(patched(offset, kind, *(value if isinstance(value, tuple) else (value,))))
    assert error.code == status if status else error.code in (SHAPE, RANGE, ARENA)
    assert error.what
    assert error.where < len(BLOB)


@pytest.mark.parametrize(("offset", "value", "status", "where"), [(0, b"KRAH", MAGIC, 0), (4, b"\1\0\0\0", VERSION, 4), (30, b"\1", CRC, 8)])
def test_refused_container(offset: int, value: bytes, status: int, where: int) -> None:
    """A wrong or damaged file is named as what it is."""
    blob = bytearray(BLOB)
    blob[offset : offset + len(value)] = value
    error = refused(bytes(blob))
    assert (error.code, error.where) == (status, where)


def test_channel_ranges() -> None:
    """A multiplier or bias out of range overflows the sums."""
    channels = INFO.sections[Section.WEIGHTS][0] + struct.unpack_from("<I", BLOB, op(1, 40))[0]
    for field, value in ((0, 1 << 30), (0, -(1 << 31)), (4, -1), (8, 31), (8, -32)):
        assert refused(patched(channels + field, "i", value)).code == RANGE


@pytest.mark.parametrize("cut", [0, 3, 4, 12, 159, len(BLOB) // 2, len(BLOB) - 1])
def test_truncated(cut: int) -> None:
    """A copy that was interrupted is refused, whatever is left of it."""
    assert refused(BLOB[:cut]).code in (MAGIC, LENGTH)
    with pytest.raises(BlobError):
        read(BLOB[:cut])
    if cut >= fmt.HEADER_BYTES:
        shortened = bytearray(BLOB[:cut])
        struct.pack_into("<I", shortened, 12, cut)
        assert refused(refit(shortened)).code in (LENGTH, OFFSET)


def test_trailing_bytes() -> None:
    """Two files glued together are not a model."""
    assert refused(BLOB + bytes(16)).code == LENGTH


@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b"x" + b[1:], lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:]])
def test_show_refuses(damage: Callable[[bytes], bytes]) -> None:
    """`show` says that a file is damaged instead of printing what it happens to hold."""
    with pytest.raises(BlobError):
        read(damage(BLOB))
