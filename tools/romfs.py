"""Packs files into a ROMFS image (MicroPython's read-only file system, format in extmod/vfs_rom.c of its sources).

    python -m tools.romfs build/romfs.img py_app/models/dscnn.kws py_app/app.py
    python -m tools.romfs --list build/romfs.img

mpremote has a packer too; this one differs in one thing: every file's data starts on a multiple of 16 bytes, so that a
model is used where it lies. Its sections are aligned within the blob, and the image lies on a flash sector's border.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ALIGN = 16
PARTITION_KB = 1024  # of the board
MAGIC = b"\xd2\xcd\x31"  # record kind 0x14a6b1
HEADER_LEN = 8  # magic and a length padded to five bytes, so that the first record's place does not depend on the size
PADDING, VERBATIM, DIRECTORY, FILE = 1, 2, 4, 5


def _uint(value: int, width: int = 1) -> bytes:
    """Seven bits a byte, most significant first, all but the last marked; at least `width` bytes."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, 0x80 | (value & 0x7F))
    return bytes([0x80] * (width - len(out)) + out)


def _record(kind: int, payload: bytes) -> bytes:
    return _uint(kind) + _uint(len(payload)) + payload


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """The image of a root folder with these (name, data); a length of whole 16 bytes.

    ValueError for a name that appears twice, is empty, or holds a slash.
    """
    body = b""
    seen = set()
    for name, data in sorted(files):
        if not name or "/" in name or name in seen:
            raise ValueError(f"{name!r} cannot be a file of the image: empty, with a slash, or there already")
        seen.add(name)
        label = _uint(len(name.encode())) + name.encode()
        content = _record(VERBATIM, data)
        head = _uint(FILE) + _uint(len(label) + len(content)) + label
        data_at = HEADER_LEN + len(body) + len(head) + len(content) - len(data)
        body += _padding(-data_at % ALIGN) + head + content
    body += _padding(-(HEADER_LEN + len(body)) % ALIGN)
    return MAGIC + _uint(len(body), HEADER_LEN - len(MAGIC)) + body


def _padding(n: int) -> bytes:
    """A padding record of n bytes; a record has two bytes at least, so one byte becomes a whole alignment more."""
    if n == 0:
        return b""
    if n == 1:
        n += ALIGN
    return _uint(PADDING) + _uint(n - 2) + bytes(n - 2)


def unpack(image: bytes) -> Iterator[tuple[str, int, int]]:
    """(path, offset, length) of every file of an image, ours or mpremote's. ValueError when it is not an image."""
    if image[:3] != MAGIC:
        raise ValueError("not a ROMFS image: it does not begin with d2 cd 31")
    at, length = _read_uint(image, 3)
    if at + length > len(image):
        raise ValueError(f"ROMFS image is cut short: {len(image)} of {at + length} bytes")
    yield from _walk(image, at, at + length, "")


def _walk(image: bytes, at: int, end: int, prefix: str) -> Iterator[tuple[str, int, int]]:
    while at < end:
        kind, at = _swap(_read_uint(image, at))
        length, at = _swap(_read_uint(image, at))
        if at + length > end:
            raise ValueError(f"ROMFS image: a record at offset {at} is longer than what holds it")
        if kind in (DIRECTORY, FILE):
            name_at, name_len = _read_uint(image, at)
            path = prefix + image[name_at : name_at + name_len].decode()
            if kind == DIRECTORY:
                yield from _walk(image, name_at + name_len, at + length, path + "/")
            else:
                yield (path, *_data(image, name_at + name_len, at + length))
        at += length


def _data(image: bytes, at: int, end: int) -> tuple[int, int]:
    while at < end:
        kind, at = _swap(_read_uint(image, at))
        length, at = _swap(_read_uint(image, at))
        if kind == VERBATIM:
            return at, length
        at += length
    raise ValueError("ROMFS image: a file without data in it")


def _read_uint(image: bytes, at: int) -> tuple[int, int]:
    """(offset behind it, value)"""
    value = 0
    while True:
        if at >= len(image):
            raise ValueError("ROMFS image is cut short")
        byte = image[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return at, value


def _swap(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[1], pair[0]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.romfs", description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("files", type=Path, nargs="*", help="files, all put in the root folder")
    parser.add_argument("--list", action="store_true", help="show what an image holds")
    parser.add_argument("--limit-kb", type=int, default=PARTITION_KB, help="size of the partition (%(default)s)")
    args = parser.parse_args(arguments)
    if not args.list:
        image = pack((path.name, path.read_bytes()) for path in args.files)
        if len(image) > args.limit_kb * 1024:
            print(f"the ROMFS image would have {len(image)} bytes, the partition {args.limit_kb * 1024}", file=sys.stderr)
            return 1
        part = args.image.with_name(args.image.name + ".part")
        part.write_bytes(image)
        part.replace(args.image)
    image = args.image.read_bytes()
    print(f"{args.image.name}: {len(image)} bytes")
    for path, offset, length in unpack(image):
        print(f"  {length:8d}  at {offset:#08x}  /rom/{path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
