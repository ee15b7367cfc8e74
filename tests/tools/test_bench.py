"""The accepted figures of `make bench` are those of the committed code."""

import shutil

import pytest

from tools.bench.__main__ import ACCEPTED, figures
from tools.bench.m7run import M7Bench
from tools.report import load


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc, which `make firmware` installs")
def test_accepted_figures_hold(repo_root, tmp_path):
    """A change that costs more than 1 % of instructions or bytes must say so by accepting the new figures: `make bench ARGS=--accept`."""
    new = figures(repo_root / "py_app" / "models" / "dscnn.kws", M7Bench())
    accepted = {(row["name"], row["metric"]): row["value"] for row in load(ACCEPTED)}
    assert {(row["name"], row["metric"]) for row in new} == set(accepted)
    worse = {row["name"]: (accepted[row["name"], row["metric"]], row["value"]) for row in new if row["value"] > 1.01 * accepted[row["name"], row["metric"]]}
    assert worse == {}, "name: (accepted, now)"
