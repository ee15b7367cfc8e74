"""Flatbuffer tables of a file that nobody has checked: every offset, count and length is compared with the file before use.

The flatbuffers package of Python has no verifier, and its accessors follow any offset. Here a read either lies within the
file or raises TfliteError, and what is read in all is bounded by the file's size, also when many offsets share one target.
"""

import struct

MAX_FILE_BYTES = 1 << 26
# An honest file holds each byte once, or a few times where its writer shared equal strings and vectors.
READS_PER_BYTE = 8


class TfliteError(ValueError):
    """The file is damaged, is no TensorFlow Lite model, or holds something that cannot be imported; the message says what."""


class Reader:
    """The bytes of a file and what may still be read of them."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_FILE_BYTES:
            raise TfliteError(f"the file has {len(data)} bytes; models of up to {MAX_FILE_BYTES} bytes are imported")
        self.data = data
        self._left = READS_PER_BYTE * len(data)

    def root(self, identifier: bytes) -> "Table":
        if len(self.data) < 12 or self.data[4:8] != identifier:
            raise TfliteError(f"the file is no {identifier.decode()} flatbuffer")
        return Table(self, self.offset(0))

    def unpack(self, code: str, at: int) -> int | float:
        """One little-endian number with a code of struct."""
        self.span(at, struct.calcsize(code))
        return struct.unpack_from("<" + code, self.data, at)[0]

    def offset(self, at: int) -> int:
        """Where the offset that lies at `at` points to."""
        target = at + self.unpack("I", at)
        if target == at:
            raise TfliteError(f"damaged file: the offset at byte {at} is 0")
        return target

    def span(self, at: int, size: int) -> None:
        """Checks that `size` bytes lie at `at`, and counts them."""
        if at < 0 or size < 0 or at + size > len(self.data):
            raise TfliteError(f"damaged file: {size} bytes at {at} lie outside of its {len(self.data)} bytes")
        self._left -= size
        if self._left < 0:
            raise TfliteError("damaged file: its tables refer to the same bytes over and over")


class Table:
    """A table at a position; fields are named by their slot, the place in the schema's declaration."""

    def __init__(self, reader: Reader, at: int) -> None:
        self._reader, self._at = reader, at
        vtable = at - reader.unpack("i", at)
        length, self._size = reader.unpack("H", vtable), reader.unpack("H", vtable + 2)
        if length < 4 or length % 2 or self._size < 4:
            raise TfliteError(f"damaged file: no table at byte {at}")
        reader.span(vtable, length)
        reader.span(at, 0 if at + self._size <= len(reader.data) else self._size)
        self._fields = struct.unpack_from(f"<{length // 2 - 2}H", reader.data, vtable + 4)

    def _find(self, slot: int, size: int) -> int | None:
        """The field's position, None when the table leaves it out."""
        offset = self._fields[slot] if slot < len(self._fields) else 0
        if offset == 0:
            return None
        if offset < 4 or offset + size > self._size:
            raise TfliteError(f"damaged file: field {slot} lies outside of the table at byte {self._at}")
        return self._at + offset

    def scalar(self, slot: int, code: str, default: float) -> int | float:
        at = self._find(slot, struct.calcsize(code))
        return default if at is None else self._reader.unpack(code, at)

    def table(self, slot: int) -> "Table | None":
        at = self._find(slot, 4)
        return None if at is None else Table(self._reader, self._reader.offset(at))

    def _vector(self, slot: int, size: int) -> tuple[int, int]:
        """(position, count) of a vector's elements of `size` bytes; no vector is one without elements."""
        at = self._find(slot, 4)
        if at is None:
            return 0, 0
        at = self._reader.offset(at)
        count = self._reader.unpack("I", at)
        self._reader.span(at + 4, count * size)
        return at + 4, count

    def raw(self, slot: int) -> memoryview:
        """A vector of bytes, not copied."""
        at, count = self._vector(slot, 1)
        return memoryview(self._reader.data)[at : at + count]

    def string(self, slot: int) -> str:
        return bytes(self.raw(slot)).decode("utf-8", errors="replace")

    def numbers(self, slot: int, code: str) -> tuple:
        at, count = self._vector(slot, struct.calcsize(code))
        return struct.unpack_from(f"<{count}{code}", self._reader.data, at)

    def tables(self, slot: int, limit: int, what: str) -> "list[Table]":
        at, count = self._vector(slot, 4)
        if count > limit:
            raise TfliteError(f"{count} {what}; models of up to {limit} are imported")
        return [Table(self._reader, self._reader.offset(at + 4 * i)) for i in range(count)]
