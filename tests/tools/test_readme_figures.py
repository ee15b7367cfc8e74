"""The README's front page says what the benches' accepted figures say."""

import re
from pathlib import Path

import pytest

from tools.bench.__main__ import ACCEPTED as BENCH
from tools.bench.published import TOTAL
from tools.report import ACCEPTED as LIVE
from tools.report import load

LIVE_15, LIVE_11 = "test_300+150_15dB_seed1", "test_300+150_11dB_seed1"
NUMBER = r"([\d.,]*\d)"
Figure = tuple[str, str, float]  # name, metric, what one unit of the README's stands for

# Text at the beginning of a row's first cell: what its second cell must look like, and what its numbers are.
ROWS: dict[str, tuple[str, list[Figure]]] = {
    "keywords found in continuous test speech": (
        f"{NUMBER} %, {NUMBER} false accepts a minute",
        [(LIVE_15, "hits_percent", 1), (LIVE_15, "false_accepts_per_minute", 1)],
    ),
    "the same, noise 15 dB below the words alone": (
        f"{NUMBER} %, {NUMBER} false accepts a minute",
        [(LIVE_11, "hits_percent", 1), (LIVE_11, "false_accepts_per_minute", 1)],
    ),
    "MLPerf Tiny's DS-CNN": (f"{NUMBER} M instructions", [("m7/dscnn_mlperf/total", "instructions", 1e6)]),
    "its causal twin as a stream": (
        f"{NUMBER} k instructions, {NUMBER} % of 216 MHz",
        [("m7/dscnn_causal/hop", "instructions", 1e3), ("m7/dscnn_causal/load", "load_percent", 1)],
    ),
    "a frame of the front end": (f"{NUMBER} k instructions", [("m7/frontend/frame", "instructions", 1e3)]),
    "the same DS-CNN on 64-bit Arm: plain C, NEON, dot product": (
        f"{NUMBER}, {NUMBER}, {NUMBER} M instructions",
        [(f"a64/dscnn_mlperf/{variant}/total", "instructions", 1e6) for variant in ("c", "neon", "sdot")],
    ),
}


def rows(text: str) -> list[list[str]]:
    """Cells of all tables' rows."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def rounded(value: float, like: str) -> str:
    """`value` with as many decimals as `like` has."""
    return f"{value:.{len(like.partition('.')[2])}f}"


def differences(text: str, accepted: dict[tuple[str, str], float]) -> list[str]:
    """A line for each figure of a README that is not the accepted one."""
    wrong = []
    for start, (pattern, figures) in ROWS.items():
        found = [row[1] for row in rows(text) if row[0].startswith(start)]
        match = re.fullmatch(pattern, found[0]) if len(found) == 1 else None
        if not match:
            wrong.append(f"row {start!r}: {found} where one row with {pattern!r} is expected")
            continue
        for number, (name, metric, unit) in zip(match.groups(), figures, strict=True):
            value = accepted[name, metric]
            if number.replace(",", "") != rounded(value / unit, number):
                wrong.append(f"row {start!r}: {number} is printed, {rounded(value / unit, number)} is accepted ({name}, {metric}: {value:,})")
    return wrong


@pytest.fixture(scope="module")
def accepted() -> dict[tuple[str, str], float]:
    return {(row["name"], row["metric"]): row["value"] for path in (BENCH, LIVE) for row in load(path)}


def test_the_readme_prints_the_accepted_figures(repo_root: Path, accepted: dict[tuple[str, str], float]) -> None:
    """A reader compares the front page with `make bench`: figures that were accepted must be put there in the same commit."""
    assert differences((repo_root / "README.md").read_text(), accepted) == []


def test_the_readme_prints_the_measured_figure_of_others(repo_root: Path) -> None:
    """The ratio that readers form must be the one that `make bench` prints."""
    (row,) = [row for row in rows((repo_root / "README.md").read_text()) if row[0].startswith("MLPerf Tiny's DS-CNN")]
    assert f"(CMSIS-NN: {TOTAL.cmsis_nn / 1e6:.2f} M)" in row[0]


def test_a_wrong_figure_is_named(accepted: dict[tuple[str, str], float]) -> None:
    """Whoever mends the README must not have to look for the row."""
    text = ""
    for start, (pattern, figures) in ROWS.items():
        values = [f"{accepted[name, metric] / unit:.2f}" for name, metric, unit in figures]
        text += f"| {start}, and more | {pattern.replace(NUMBER, '{}').format(*values)} | `make` |\n"
    assert differences(text, accepted) == []
    total = "m7/dscnn_mlperf/total", "instructions"
    (line,) = differences(text, accepted | {total: accepted[total] + 1_000_000})
    printed = accepted[total] / 1e6
    assert "MLPerf Tiny's DS-CNN" in line and f"{printed:.2f} is printed, {printed + 1:.2f} is accepted" in line
    (line,) = differences(text.replace("| a frame of the front end", "| a Frame"), accepted)
    assert "a frame of the front end" in line
