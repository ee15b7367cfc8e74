"""Random networks through the importer, the packer and the C core, against TensorFlow Lite's reference kernels."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from fuzz_seeds import seeds
from random_graphs import RandomGraph
from tflite_graphs import compare, interpreter

from tools.import_tflite import TfliteError
from tools.import_tflite.graph import read
from tools.import_tflite.importer import HANDLERS

CASES = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}
# What the format does not have; a random network may come to it.
LIMITS = ("classes are more than 256", "the batch must be 1", "not computed from its input", "groups; up to", "outputs; up to", "may not fit 30 bits")


def check(seed: int, operators: int) -> None:
    rng = np.random.default_rng(seed)
    network = RandomGraph(rng)
    model = network.grow(operators)
    inputs = rng.integers(-128, 128, (3, int(np.prod(network.input.dims)))).astype(np.int8)
    try:
        compare(model, inputs)
    except TfliteError as error:
        assert any(text in str(error) for text in LIMITS), error


def test_every_operator_occurs() -> None:
    """An operator that these tests do not make would be imported without proof."""
    made = {op.name for seed in range(300) for op in read(RandomGraph(np.random.default_rng(seed)).grow(4)).graphs[0].operators}
    state = {"SVDF", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}  # test_state.py
    assert set(HANDLERS) - state <= made


@settings(max_examples=300, **CASES)
@given(seed=st.integers(0, 2**32 - 1))
def test_single_operators(seed: int) -> None:
    """A wrong byte in one operator makes every model that has it behave otherwise on the device."""
    check(seed, 1)


@settings(max_examples=150, **CASES)
@given(seed=st.integers(0, 2**32 - 1), operators=st.integers(2, 20))
def test_networks(seed: int, operators: int) -> None:
    """Every tensor of networks with branches, views, constants and parts that stay unused."""
    check(seed, operators)


@pytest.mark.parametrize("model", seeds(), ids=["convolutions", "moves", "streaming", "roundabout"])
def test_seeds_of_the_fuzzer(model: bytes) -> None:
    """The files that mutants are made of are sound ones."""
    rng = np.random.default_rng(5)
    (source,) = interpreter(model).get_input_details()
    _, compared = compare(model, rng.integers(-128, 128, (12, int(np.prod(source["shape"])))).astype(np.int8))
    assert compared
