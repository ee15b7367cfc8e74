"""The tables that `make bench` prints from its rows."""

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from tools.bench import mca, published
from tools.bench.figures import CAUSAL, MLPERF

Rows = list[dict]


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title)
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i else "left")
    return made


def _values(rows: Rows, prefix: str) -> dict[str, float]:
    return {row["name"].removeprefix(prefix): row["value"] for row in rows if row["name"].startswith(prefix)}


def _cells(values: Iterable[float | str]) -> list[str]:
    return [value if isinstance(value, str) else f"{value:,}" for value in values]


def layers(rows: Rows) -> Table:
    """MLPerf Tiny's DS-CNN by layer, beside CMSIS-NN and the aims."""
    found = _values(rows, f"m7/{MLPERF}/")
    names = [name for name in found if name[:2].isdigit()]
    made = _table("MLPerf Tiny's DS-CNN on a Cortex-M7, instructions", "layer", "here", "CMSIS-NN", "aim", "times leaner")

    def line(name: str, value: float, mark: published.Mark) -> None:
        made.add_row(name, *_cells([value, mark.cmsis_nn, mark.aim, f"{mark.cmsis_nn / value:.2f}"]))

    head = len(published.MARKS)
    for name, mark in zip(names[:head], published.MARKS, strict=True):
        line(name, found[name], mark)
    line(" + ".join(name[3:] for name in names[head:]), sum(found[name] for name in names[head:]), published.TAIL)
    made.add_section()
    line("total", found["total"], published.TOTAL)
    return made


def streams(rows: Rows) -> Table:
    """A hop of every model, as a window and as a stream."""
    made = _table(
        f"Streams on a Cortex-M7 at 216 MHz: a hop of 20 ms, front end included (aim for {CAUSAL}: {published.HOP_AIM:,})",
        "model", "mode", "instructions a hop", "load, %", "state, bytes", "arena, bytes",
    )  # fmt: skip
    for name in dict.fromkeys(row["name"].split("/")[1] for row in rows if row["name"].startswith("m7/") and row["name"].endswith("/hop")):
        found = _values(rows, f"m7/{name}/")
        both = "hop_window" in found
        if both:
            made.add_row(name, "stream", *_cells([found["hop"], found["load"], found["state"], found["arena_step"]]))
        suffix = "_window" if both else ""
        made.add_row(name, "window", *_cells([found["hop" + suffix], found["load" + suffix], found["state" + suffix], found["arena"]]))
    return made


def frontend(rows: Rows) -> Table:
    made = _table(f"Front end on a Cortex-M7: a frame of 512 points, 40 bands, 10 coefficients (aim: {published.FRAME_AIM:,})", "band", "instructions")
    found = _values(rows, "m7/frontend/")
    made.add_row("20 Hz to 7.6 kHz", *_cells([found["frame"]]))
    made.add_row("20 Hz to 4 kHz", *_cells([found["frame_4khz"]]))
    return made


def arm64(rows: Rows) -> Table:
    """MLPerf Tiny's DS-CNN on a 64-bit Arm, by layer and variant."""
    prefix = f"a64/{MLPERF}/"
    found = _values(rows, prefix)
    variants = list(dict.fromkeys(name.split("/")[0] for name in found))
    made = _table("MLPerf Tiny's DS-CNN on a 64-bit Arm (qemu-aarch64), instructions", "layer", *variants)
    for layer in dict.fromkeys(name.split("/")[1] for name in found):
        made.add_row(layer, *_cells([found[f"{variant}/{layer}"] for variant in variants]))
    return made


def cycles(elf: Path) -> Table:
    """Cycles of the inner loops. Not among the rows: they are estimates, and differ from one version of llvm-mca to the next."""
    made = _table("Inner loops on a Cortex-M7: cycles as llvm-mca estimates them (no caches, no flash)", "kernel", "loop", "instructions", "cycles", "cycles a MAC")
    for kernel, loop, instructions, estimate, macs in mca.cycles(elf):
        made.add_row(kernel, loop, str(instructions), f"{estimate:.1f}", f"{estimate / macs:.2f}" if macs else "")
    return made
