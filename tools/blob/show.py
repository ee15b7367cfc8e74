"""Prints what a blob holds."""

import json
import struct

from rich.console import Console
from rich.table import Table

from tools.blob import format as fmt
from tools.blob.format import Op, Storage
from tools.blob.reader import BlobInfo, OpInfo, ProgramInfo
from tools.blob.streaming import summary

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


def _copied(op: OpInfo, weights: bytes) -> str:
    n = fmt.COPY.unpack_from(weights, op.weights_offset)[:4]
    return "x".join(map(str, n[1:] if n[0] == 1 else n)) + " bytes"


def _where(program: ProgramInfo, index: int) -> str:
    t = program.tensors[index]
    return f"{'weights ' if t.storage == Storage.WEIGHTS else ''}{t.offset}..{t.offset + t.bytes}"


def _program(program: ProgramInfo, weights: bytes) -> Table:
    title = f"{program.kind.name.capitalize()} program: arena {program.arena_bytes:,} bytes"
    if program.state_bytes:
        title += f", the first {program.state_bytes:,} are kept from run to run"
    table = Table("op", "layer", "window", "reads", "writes", "output", "scale", "zero", "MACs", "bytes", title=title, title_justify="left")
    for column in table.columns[6:]:
        column.justify = "right"
    x = program.input
    table.add_row("", "input", "", "", f"{x.offset}..{x.offset + x.bytes}", "x".join(map(str, x.shape)), f"{x.scale:.6g}", str(x.zero_point), "", "")
    for i, op in enumerate(program.ops):
        t = program.tensors[op.output]
        shape = "x".join(map(str, t.shape)) + (f" ({t.missing} missing)" if t.missing else "")
        detail = _copied(op, weights) if op.code == Op.COPY else _window(op)
        reads = ", ".join(_where(program, index) for index in op.inputs)
        table.add_row(str(i), op.code.name.lower(), detail, reads, _where(program, op.output), shape, f"{t.scale:.6g}", str(t.zero_point),
                      f"{op.macs:,}" if op.macs else "", f"{op.weight_bytes:,}" if op.weight_bytes else "")  # fmt: skip
    table.add_section()
    table.add_row("", "total", "", "", "", "", "", "", f"{program.macs:,}", f"{sum(op.weight_bytes for op in program.ops):,}")
    return table


def _states(program: ProgramInfo) -> Table:
    title = f"States of the {program.kind.name.lower()} program"
    table = Table("arena", "kept", "moved up by", "begins as", title=title, title_justify="left")
    for s in program.states:
        begins = f"bytes {s.fill}" if s.init_offset is None else f"weights {s.init_offset}"
        table.add_row(f"{s.offset}..{s.offset + s.keep + s.shift}", f"{s.keep:,}", f"{s.shift:,}" if s.shift else "", begins)
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
        console.print(f"  {'decision':<16} every {blob.decision_hop_frames} frames, over {blob.input.shape[0]} frames")
    else:
        console.print("No front end: a bare network")
    for program in blob.programs:
        console.print(_program(program, blob.weights))
        if program.states:
            console.print(_states(program))
    if blob.frontend:
        console.print("\n".join(summary(blob)), soft_wrap=True)
    console.print("Labels: " + (", ".join(blob.labels) or "none"))
    console.print("Meta: " + json.dumps(blob.meta, indent=2, ensure_ascii=False), soft_wrap=True)
