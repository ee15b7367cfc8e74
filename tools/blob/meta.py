"""Another meta section for a finished blob; the network stays as it is, byte for byte."""

import json
import zlib

from tools.blob import format as fmt
from tools.blob.format import Section
from tools.blob.reader import BlobError, read


def with_meta(blob: bytes, meta: dict) -> bytes:
    """`blob` with `meta` (anything JSON can hold) in the place of its own. BlobError when it is no blob of this version."""
    offset, length, count = read(blob).sections[Section.META]
    if offset + length != len(blob):
        raise BlobError("the meta section is not the last one")
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    new = bytearray(blob[:offset] + text)
    magic, version, _, _, *rest = fmt.HEADER.unpack_from(new)
    fmt.HEADER.pack_into(new, 0, magic, version, 0, len(new), *rest)
    place = fmt.HEADER.size + list(Section).index(Section.META) * fmt.SECTION.size
    fmt.SECTION.pack_into(new, place, Section.META, offset, len(text), count)
    new[fmt.CRC_FIELD] = zlib.crc32(new[fmt.CRC_COVERS_FROM :]).to_bytes(4, "little")
    read(bytes(new))
    return bytes(new)
