"""Every kind of damage is refused with the right status and place, even when the checksum has been made to fit."""

import struct
import zlib
from collections.abc import Callable

import pytest

from tools.blob import format as fmt
from tools.blob.format import Section
from tools.blob.reader import BlobError, read
from tools.blob.samples import every_op
from tools.kwslib import KwsError, Model

MAGIC, VERSION, LENGTH, CRC, OFFSET, ALIGN, OP, SHAPE, RANGE, ARENA = range(-1, -11, -1)
BLOB = every_op()
INFO = read(BLOB)
RESHAPE_OP = next(i for i, o in enumerate(INFO.ops) if o.code == fmt.Op.RESHAPE)


def at(section: Section, index: int = 0, size: int = 0, field: int = 0) -> int:
    return INFO.sections[section][0] + index * size + field


def table(section: Section, field: int) -> int:
    return fmt.HEADER.size + (section - 1) * fmt.SECTION.size + field


def tensor(index: int, field: int) -> int:
    return at(Section.TENSORS, index, fmt.TENSOR.size, field)


def op(index: int, field: int) -> int:
    return at(Section.OPS, index, fmt.OP.size, field)


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


# Fields of an op: code 0, input0 2, input1 4, scratch_offset 8, out_min 16, window 20, weights 36, channels 40, zero 44.
CASES = {
    "section count": (16, "I", 5, LENGTH),
    "arena over 16 MiB": (20, "I", (1 << 24) + 16, ARENA),
    "reserved header field": (26, "H", 1, RANGE),
    "decision hop of 0": (24, "H", 0, RANGE),
    "section id": (table(Section.OPS, 0), "I", 7, RANGE),
    "section offset unaligned": (table(Section.OPS, 4), "I", at(Section.OPS) + 4, ALIGN),
    "section offset behind the end": (table(Section.META, 4), "I", 0xFFFFFFF0, OFFSET),
    "section over another": (table(Section.OPS, 4), "I", at(Section.OPS) - 16, OFFSET),
    "section length": (table(Section.META, 8), "I", 0xFFFFFFFF, OFFSET),
    "number of ops": (table(Section.OPS, 12), "I", len(INFO.ops) - 1, LENGTH),
    "number of tensors": (table(Section.TENSORS, 12), "I", len(INFO.ops), LENGTH),
    "too many labels": (table(Section.LABELS, 12), "I", 4, RANGE),
    "too few labels": (table(Section.LABELS, 12), "I", 2, LENGTH),
    "label not UTF-8": (at(Section.LABELS), "B", 0xFF, RANGE),
    "label empty": (at(Section.LABELS), "B", 0, RANGE),
    "meta not UTF-8": (at(Section.META), "B", 0xC0, RANGE),
    "tensor dimension 0": (tensor(2, 4), "H", 0, SHAPE),
    "tensor behind the arena": (tensor(2, 0), "I", INFO.arena_bytes, ARENA),
    "tensor unaligned": (tensor(2, 0), "I", 4, ARENA),
    "zero point": (tensor(2, 12), "i", 128, RANGE),
    "scale is NaN": (tensor(2, 16), "I", 0x7FC00000, RANGE),
    "input rows are not the front end's": (tensor(0, 6), "H", 9, SHAPE),
    "op code": (op(1, 0), "B", 200, OP),
    "input from the future": (op(1, 2), "H", 5, SHAPE),
    "second input where there is none": (op(1, 4), "H", 0, SHAPE),
    "clamp upside down": (op(1, 16), "hh", (5, 4), RANGE),
    "clamp outside int8": (op(1, 18), "h", 128, RANGE),
    "stride 0": (op(1, 24), "H", 0, SHAPE),
    "kernel larger than its scratch": (op(1, 20), "H", 60000, ARENA),
    "pad as large as the kernel": (op(1, 32), "H", 3, SHAPE),
    "weights behind the end": (op(1, 36), "I", 0x7FFFFFFC, OFFSET),
    "weights unaligned": (op(1, 36), "I", 2, ALIGN),
    "channels behind the end": (op(1, 40), "I", INFO.sections[Section.WEIGHTS][1] & ~3, OFFSET),
    "scratch too small": (op(1, 12), "I", 0, ARENA),
    "scratch behind the arena": (op(1, 8), "I", 0x7FFFFFF0, ARENA),
    "scratch over the input": (op(1, 8), "I", INFO.tensors[1].arena_offset, ARENA),
    "output over the input": (tensor(2, 0), "I", INFO.tensors[1].arena_offset, ARENA),
    "reserved op field": (op(1, 44), "I", 1, RANGE),
    "parameter of a reshape": (op(RESHAPE_OP, 20), "I", 1, RANGE),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_behind_a_good_checksum(name: str) -> None:
    """Whoever can write a file can fix its checksum: without these checks such a file writes over the heap."""
    offset, kind, value, status = CASES[name]
    error = refused(patched(offset, kind, *(value if isinstance(value, tuple) else (value,))))
    assert error.code == status and error.what
    assert error.where < len(BLOB)


@pytest.mark.parametrize(("offset", "value", "status", "where"), [(0, b"KRAH", MAGIC, 0), (4, b"\2\0\0\0", VERSION, 4), (30, b"\1", CRC, 8)])
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


@pytest.mark.parametrize("cut", [0, 3, 4, 12, 127, len(BLOB) // 2, len(BLOB) - 1])
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
