"""Prints what a blob holds."""

import json
import struct

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from tools.blob import format as fmt
from tools.blob.format import Op, Storage
from tools.blob.frontend import norm_values
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


def _normalisation(blob: BlobInfo) -> dict[str, str]:
    """What the front end subtracts from the features and divides them by; one number where all features have the same."""
    try:
        values = norm_values(blob.frontend, blob.input.scale, blob.input.zero_point)
    except ValueError as error:
        return {"mean and std": str(error)}
    lists = {"feature mean": values[0].tolist(), "feature std": values[1].tolist()}
    return {name: " ".join(f"{value:.4g}" for value in (row[:1] if np.ptp(row) < 1e-3 else row)) for name, row in lists.items()}


def table_of(title: str, *columns: str, right: int = 99) -> Table:
    """A table that an 80-column terminal shows whole: cells but the first are folded, none is cut. `right`: the first column of numbers."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=i == 0, justify="right" if i >= right else "left")
    return made


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


def _layer(i: int, op: OpInfo) -> str:
    return f"{i:02d} {op.code.name.lower()}"


def _program(program: ProgramInfo, weights: bytes) -> Table:
    title = f"{program.kind.name.capitalize()} program: arena {program.arena_bytes:,} bytes"
    if program.state_bytes:
        title += f", the first {program.state_bytes:,} are kept from run to run"
    table = table_of(title, "layer", "window", "output", "scale", "zero", "MACs", "bytes", right=3)
    x = program.input
    table.add_row("input", "", "x".join(map(str, x.shape)), f"{x.scale:.4g}", str(x.zero_point), "", "")
    for i, op in enumerate(program.ops):
        t = program.tensors[op.output]
        detail = _copied(op, weights) if op.code == Op.COPY else _window(op)
        table.add_row(_layer(i, op), detail, "x".join(map(str, t.shape)), f"{t.scale:.4g}", str(t.zero_point),
                      f"{op.macs:,}" if op.macs else "", f"{op.weight_bytes:,}" if op.weight_bytes else "")  # fmt: skip
    table.add_section()
    table.add_row("total", "", "", "", "", f"{program.macs:,}", f"{sum(op.weight_bytes for op in program.ops):,}")
    return table


def _places(program: ProgramInfo) -> Table:
    rows = [("input", "", f"{program.input.offset}..{program.input.offset + program.input.bytes}", "")]
    for i, op in enumerate(program.ops):
        reads = ", ".join(_where(program, index) for index in op.inputs)
        rows.append((_layer(i, op), reads, _where(program, op.output), str(program.tensors[op.output].missing or "")))
    columns = ["layer", "reads", "writes", "missing rows"] if any(row[3] for row in rows) else ["layer", "reads", "writes"]
    table = table_of(f"Places in the arena of the {program.kind.name.lower()} program", *columns)
    for row in rows:
        table.add_row(*row[: len(columns)])
    return table


def _states(program: ProgramInfo) -> Table:
    title = f"States of the {program.kind.name.lower()} program"
    table = table_of(title, "arena", "kept", "moved up by", "begins as")
    for s in program.states:
        begins = f"bytes {s.fill}" if s.init_offset is None else f"weights {s.init_offset}"
        table.add_row(f"{s.offset}..{s.offset + s.keep + s.shift}", f"{s.keep:,}", f"{s.shift:,}" if s.shift else "", begins)
    return table


def show(name: str, blob: BlobInfo, console: Console) -> None:
    """Everything about `blob`, for people."""
    console.print(f"{name}: {blob.length:,} bytes, CRC {blob.crc32:#010x} (correct), arena {blob.arena_bytes:,} bytes", soft_wrap=True)
    sections = table_of("Sections", "section", "offset", "bytes", "count", right=1)
    for section, (offset, length, count) in blob.sections.items():
        sections.add_row(section.name.lower(), str(offset), str(length), str(count or ""))
    console.print(sections, "")
    if blob.frontend:
        console.print("Front end")
        for key, value in (_frontend(blob.frontend) | _normalisation(blob)).items():
            console.print(f"  {key:<16} {value}", soft_wrap=True)
        console.print(f"  {'decision':<16} every {blob.decision_hop_frames} frames, over {blob.input.shape[0]} frames")
    else:
        console.print("No front end: a bare network")
    for program in blob.programs:
        for table in (_program(program, blob.weights), _places(program), *([_states(program)] if program.states else [])):
            console.print(table, "")
    if blob.frontend:
        console.print("\n".join(summary(blob)), soft_wrap=True)
    console.print("Labels: " + (", ".join(blob.labels) or "none"), soft_wrap=True)
    console.print("Meta: " + json.dumps(blob.meta, indent=2, ensure_ascii=False), soft_wrap=True)
