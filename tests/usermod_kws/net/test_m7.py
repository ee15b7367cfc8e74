"""The core as the board's processor runs it: the same bytes, within the instruction budget."""

import numpy as np
import pytest

unicorn = pytest.importorskip("unicorn")
from tools.bench.m7run import M7Bench, measure
from tools.blob.format import ProgramKind
from tools.blob.samples import SAMPLES, dscnn
from tools.kwslib import Model


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> M7Bench:
    from tools.bench.m7run import compile_core

    return M7Bench(compile_core(tmp_path_factory.mktemp("m7") / "core.elf"))


@pytest.mark.parametrize("name", SAMPLES)
def test_same_bytes_on_a_cortex_m7(bench: M7Bench, name: str) -> None:
    """What was measured on the host holds on the board only if every byte is the same."""
    blob = SAMPLES[name]()
    model = Model(blob)
    bench.open(blob)
    rng = np.random.default_rng(4)
    for _ in range(2):
        features = rng.integers(-128, 128, model.input_shape).astype(np.int8)
        np.testing.assert_array_equal(bench.run(features), model.run(features))


def test_dscnn_fits_between_decisions(bench: M7Bench) -> None:
    """Decisions come every 80 ms = 17.3 M cycles; the reference kernels leave half of that to everything else."""
    *_, (name, instructions, macs) = measure(dscnn(), bench)
    assert name == "total" and macs == 2_656_768
    assert 1_000_000 < instructions < 9_200_000


def test_what_does_not_move_costs_nothing(bench: M7Bench) -> None:
    """A ring of row sums or a variable of some kilobytes would else be copied onto itself at every hop."""
    blob = SAMPLES["dscnn_causal"]()
    (state, instructions, _), *_ = measure(blob, bench, ProgramKind.STEP)
    states = bench.open(blob).programs[ProgramKind.STEP].states
    moved, kept = (sum(s.keep for s in states if bool(s.shift) == moves) for moves in (True, False))
    assert state == "state" and kept > moved > 0
    assert instructions < moved + 60 * len(states)
