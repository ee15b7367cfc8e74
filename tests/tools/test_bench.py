"""The accepted figures of `make bench` are those of the committed code."""

import shutil

import pytest

from tools.bench.__main__ import ACCEPTED
from tools.bench.figures import all_rows, compiler
from tools.bench.published import FRAME_AIM, HOP_AIM, MARKS, TAIL, TOTAL
from tools.report import load

TOOLS = ("arm-none-eabi-gcc", "aarch64-linux-gnu-gcc", "qemu-aarch64")


@pytest.fixture(scope="module")
def accepted() -> dict[tuple[str, str], float]:
    return {(row["name"], row["metric"]): row["value"] for row in load(ACCEPTED)}


def test_accepted_figures_hold(accepted: dict[tuple[str, str], float]) -> None:
    """A change that costs more than 1 % of instructions or bytes must say so by accepting the new figures: `make bench ARGS=--accept`."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, which `make bench` installs")
    compilers = {row["how"].split(", ")[1].removesuffix(" -O3") for row in load(ACCEPTED)}
    here = {compiler(tool) for tool in TOOLS[:2]}
    if compilers != here:
        pytest.skip(f"the accepted figures are of {' and '.join(sorted(compilers))}; here are {' and '.join(sorted(here))}")
    new = all_rows()
    assert {(row["name"], row["metric"]) for row in new} == set(accepted)
    worse = {row["name"]: (accepted[row["name"], row["metric"]], row["value"]) for row in new if row["value"] > 1.01 * accepted[row["name"], row["metric"]]}
    assert worse == {}, "name: (accepted, now)"


def test_accepted_figures_reach_the_aims(accepted: dict[tuple[str, str], float]) -> None:
    """Twice as lean as CMSIS-NN is what the README promises: accepting a figure behind an aim breaks the promise."""
    instructions = {name.removeprefix("m7/"): value for (name, metric), value in accepted.items() if metric == "instructions"}
    layers = {name.split("/")[1]: value for name, value in instructions.items() if name.startswith("dscnn_mlperf/") and name.split("/")[1][:2].isdigit()}
    values = list(layers.values())
    assert all(value <= mark.aim for value, mark in zip(values, MARKS, strict=False)), layers
    assert sum(values[len(MARKS) :]) <= TAIL.aim
    assert instructions["dscnn_mlperf/total"] <= TOTAL.aim
    assert max(instructions["frontend/frame"], instructions["frontend/frame_4khz"]) <= FRAME_AIM
    assert instructions["dscnn_causal/hop"] <= HOP_AIM
    assert accepted["m7/dscnn_mlperf/arena", "bytes"] <= 18 * 1024
