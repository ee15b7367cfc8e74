"""Networks that remember: SVDF and variables, run after run against the reference kernels."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from tflite_graphs import Act, GraphBuilder, Type, compare


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    inputs=st.integers(1, 40), units=st.integers(1, 6), rank=st.integers(1, 3), memory=st.integers(1, 12), bias=st.booleans(),
    decimal=st.booleans(), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_svdf(inputs, units, rank, memory, bias, decimal, seed):
    """A filter bank that forgets or rounds otherwise drifts away from the model that was trained."""
    rng = np.random.default_rng(seed)
    filters = units * rank

    def some(value: float) -> float:
        value *= float(10 ** rng.uniform(-0.7, 0.7))
        return float(f"{value:.0e}") if decimal else value

    x_scale, feature_scale, time_scale = some(0.1), some(0.01), some(1e-4)
    state_scale = some(x_scale * feature_scale * 5000 * np.sqrt(inputs) / 32768)
    y_scale = some(state_scale * time_scale * 3e8 * np.sqrt(memory * rank) / 127)
    b = GraphBuilder()
    x = b.tensor((1, inputs), x_scale, int(rng.integers(-128, 128)))
    feature = b.tensor((filters, inputs), feature_scale, data=rng.integers(-127, 128, (filters, inputs)).astype(np.int8))
    time = b.tensor((filters, memory), time_scale, data=rng.integers(-32767, 32768, (filters, memory)).astype(np.int16), dtype=Type.INT16)
    offsets = rng.integers(-(1 << 20), 1 << 20, units).astype(np.int32)
    # TensorFlow Lite wants this very scale.
    bias_scale = float(np.float32(state_scale) * np.float32(time_scale))
    at = b.tensor((units,), bias_scale, data=offsets, dtype=Type.INT32) if bias else -1
    state = b.tensor((1, filters * memory), state_scale, dtype=Type.INT16, variable=True)
    y = b.tensor((1, units), y_scale, int(rng.integers(-128, 128)))
    b.add("SVDF", [x, feature, time, at, state], y, rank=rank, fusedActivationFunction=Act.RELU)
    _, compared = compare(b.bytes([x], [y]), rng.integers(-128, 128, (3 * memory + 2, inputs)).astype(np.int8))
    assert compared == 1


@pytest.mark.parametrize("dtype", [Type.INT8, Type.UINT8])
def test_order_of_reads_and_assignments(dtype: int) -> None:
    """What was read before an assignment stays what it was, and what is read after it is new."""
    rng = np.random.default_rng(1)
    b = GraphBuilder()
    zero = 128 if dtype == Type.UINT8 else 0

    def like(shape: tuple[int, ...] = (1, 2, 6), kind: int = dtype) -> int:
        return b.tensor(shape, 0.1, zero if kind == dtype else 0, dtype=kind)

    x = like((1, 2, 6), Type.INT8)
    b.add("CALL_ONCE", [], [], initSubgraphIndex=1)
    handle = b.resource("a")
    before, after, unused = like(), like(), like()
    cast = b.add("QUANTIZE", [x], like()) if dtype == Type.UINT8 else x
    b.add("READ_VARIABLE", [handle], before)
    turned = b.add("STRIDED_SLICE", [before, b.ints([0, 1, 0]), b.ints([1, 0, 6]), b.ints([1, -1, 1])], like(), endMask=2)
    b.add("ASSIGN_VARIABLE", [handle, turned], [])
    b.add("READ_VARIABLE", [handle], unused)
    b.add("ASSIGN_VARIABLE", [handle, cast], [])
    b.add("READ_VARIABLE", [b.resource("a")], after)
    joined = b.add("CONCATENATION", [before, turned, after], like((1, 6, 6)), axis=1)
    joined = b.add("QUANTIZE", [joined], like((1, 6, 6), Type.INT8)) if dtype == Type.UINT8 else joined
    w = b.tensor((5, 6), 0.01, data=rng.integers(-127, 128, (5, 6)).astype(np.int8))
    y = b.add("FULLY_CONNECTED", [joined, w, -1], b.tensor((1, 6, 5), 0.1, 0), keepNumDims=True)
    inputs, outputs = [x], [y]
    b.new_graph()
    first = rng.integers(-128, 128, (1, 2, 6)).astype(np.int8)
    data = (first.astype(np.int16) + 128).astype(np.uint8) if dtype == Type.UINT8 else first
    b.add("ASSIGN_VARIABLE", [b.resource("a"), b.tensor((1, 2, 6), 0.1, zero, data=data, dtype=dtype)], [])
    compare(b.bytes(inputs, outputs), rng.integers(-128, 128, (6, 12)).astype(np.int8))
