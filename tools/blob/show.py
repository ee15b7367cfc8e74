"""Prints what a blob holds."""

import json
import struct

from rich.console import Console
from rich.table import Table

from tools.blob.reader import BlobInfo, OpInfo

FRONTEND_HEADER = struct.Struct("<HHI6HI6I4I")


def _frontend(section: bytes) -> dict[str, str]:
    """The front-end section's configuration, in words."""
    version, _, rate, window, hop, fft, mels, dct, _, _, *_, low, high, _, _ = FRONTEND_HEADER.unpack_from(section)
    return {
        "version": str(version),
        "sample rate": f"{rate} Hz",
        "window": f"{window} samples ({1000 * window / rate:g} ms)",
        "hop": f"{hop} samples ({1000 * hop / rate:g} ms)",
        "FFT": f"{fft} points",
        "features": f"{dct} MFCC of {mels} mel bands" if dct else f"{mels} log-mel bands",
        "range": f"{low}..{high} Hz",
    }


def _pair(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"


def _window(op: OpInfo) -> str:
    if op.kernel is None:
        return ""
    text = f"{_pair(op.kernel)} /{_pair(op.stride)}"
    if op.dilation != (1, 1):
        text += f" dil {_pair(op.dilation)}"
    return text + (f" pad {_pair(op.pads)}" if op.pads != (0, 0) else "")


def _layers(blob: BlobInfo) -> Table:
    table = Table("#", "layer", "window", "output", "scale", "zero", "MACs", "bytes", "arena", title="Layers", title_justify="left")
    for column in table.columns[4:]:
        column.justify = "right"
    rows = [("input", "", 0, 0), *((op.code.name.lower(), _window(op), op.macs, op.weight_bytes) for op in blob.ops)]
    for i, ((name, window, macs, weights), t) in enumerate(zip(rows, blob.tensors, strict=True)):
        if i and blob.ops[i - 1].inputs != (i - 1,):
            name += f" of {', '.join(map(str, blob.ops[i - 1].inputs))}"
        shape = "x".join(map(str, t.shape))
        table.add_row(str(i), name, window, shape, f"{t.scale:.6g}", str(t.zero_point), f"{macs:,}" if macs else "",
                      f"{weights:,}" if weights else "", f"{t.arena_offset}..{t.arena_offset + t.bytes}")  # fmt: skip
    table.add_section()
    table.add_row("", "total", "", "", "", "", f"{blob.macs:,}", f"{sum(op.weight_bytes for op in blob.ops):,}", f"{blob.arena_bytes}")
    return table


def show(name: str, blob: BlobInfo, console: Console) -> None:
    """Everything about `blob`, for people."""
    console.print(f"{name}: {blob.length:,} bytes, CRC {blob.crc32:#010x} (correct), arena {blob.arena_bytes:,} bytes")
    sections = Table("section", "offset", "bytes", "count", title="Sections", title_justify="left")
    for section, (offset, length, count) in blob.sections.items():
        sections.add_row(section.name.lower(), str(offset), str(length), str(count or ""))
    console.print(sections)
    if blob.frontend:
        console.print("Front end")
        for key, value in _frontend(blob.frontend).items():
            console.print(f"  {key:<16} {value}")
        console.print(f"  {'decision':<16} every {blob.decision_hop_frames} frames, over {blob.tensors[0].shape[0]} frames")
    else:
        console.print("No front end: a bare network")
    console.print(_layers(blob))
    console.print("Labels: " + (", ".join(blob.labels) or "none"))
    console.print("Meta: " + json.dumps(blob.meta, indent=2, ensure_ascii=False), soft_wrap=True)
