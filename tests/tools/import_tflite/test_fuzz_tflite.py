"""Corrupt and adversarial files."""

import pytest

pytest.importorskip("tensorflow")
from fuzz import fuzz
from fuzz_seeds import seeds


@pytest.mark.parametrize("seed", range(4))
def test_mutants(seed: int) -> None:
    """A damaged file ends in one clear error, or in a blob that the core takes; never in a crash, a hang, or a traceback.

    `python tests/tools/import_tflite/fuzz.py --mutants 500000` runs longer.
    """
    outcomes = fuzz(seeds(), 6000, seed)
    assert outcomes["imported"] > 100 and outcomes["an operator is refused"] > 100 and outcomes["damaged ..."] > 100
