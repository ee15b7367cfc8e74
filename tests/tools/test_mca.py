"""The table of estimated cycles."""

from pathlib import Path

import pytest

from tools.bench.m7run import compile_core
from tools.bench.mca import LOOPS, cycles


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, float, int]]:
    elf: Path = compile_core(tmp_path_factory.mktemp("mca") / "m7.elf")
    return {f"{kernel}: {name}": rest for kernel, name, *rest in cycles(elf)}


def test_each_loop_is_the_code_that_its_name_says(rows: dict[str, tuple[int, float, int]]) -> None:
    """Else the estimates are of other code than the inner loops: a row for each, with the instructions of its README."""
    assert len(rows) == len(LOOPS)
    assert rows["conv2d: 6 pixels, long rows, 15 groups"][0] == 15 * 18
    assert rows["conv2d: 6 pixels, later blocks, 14 groups"][0] == 7 * 31
    assert rows["fully_connected: 1 row, 16 groups"][0] == 4 * 19


def test_no_estimate_is_below_the_multiplications(rows: dict[str, tuple[int, float, int]]) -> None:
    """Else llvm-mca was given something that it did not understand: the processor multiplies one pair of pairs a cycle."""
    for name, (_, estimate, macs) in rows.items():
        assert estimate >= macs / 2, name
