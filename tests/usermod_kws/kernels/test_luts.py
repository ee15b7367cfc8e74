"""Lookup tables against TensorFlow Lite's reference interpreter: all 256 inputs, random quantisations."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options, reference_run

from tools.blob import luts
from tools.blob.luts import Q

Act, Op, Type = schema.ActivationFunctionType, schema.BuiltinOperator, schema.TensorType
CASES = settings(max_examples=150, deadline=None)
ALL = np.arange(-128, 128).astype(np.int8)

zero_points = st.integers(-128, 127) | st.sampled_from([-128, 127, 0])
scales = st.floats(-4, 1).map(lambda e: 10.0**e) | st.sampled_from([1 / 256, 1 / 128, 1.0, 0.1])
ratios = st.floats(-3, 3).map(lambda e: 10.0**e) | st.sampled_from([1.0, 0.5, 2.0, 1 / 3])


def table_of(op: int, x: Q, y: Q, values: tuple[object, int] = (None, 0), version: int = 1) -> np.ndarray:
    b = ModelBuilder()
    source, sink = b.tensor((1, 256), x.scale, x.zero_point), b.tensor((1, 256), y.scale, y.zero_point)
    b.op(op, [source], sink, *values, version=version)
    return reference_run(b.finish([source], sink), ALL[None])[0]


@CASES
@given(kind=st.sampled_from(["relu", "relu6", "relu_n1_to_1", "relu_0_to_1"]), zero=zero_points, out_zero=zero_points, scale=scales, ratio=ratios)
def test_relus(kind, zero, out_zero, scale, ratio):
    """A relu as a layer of its own rescales: its rounding and its limits decide what the next layer sees."""
    op = {"relu": Op.RELU, "relu6": Op.RELU6, "relu_n1_to_1": Op.RELU_N1_TO_1, "relu_0_to_1": Op.RELU_0_TO_1}[kind]
    x, y = Q(scale, zero), Q(scale * ratio, out_zero)
    version = 2 if kind in ("relu", "relu6") else 1
    np.testing.assert_array_equal(luts.relu(kind, x, y), table_of(op, x, y, version=version))


@CASES
@example(alpha=-1.0, zero=0, out_zero=0, scale=1.0, ratio=2.0)  # ties
@given(alpha=st.floats(-2, 2) | st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 1e-5]), zero=zero_points, out_zero=zero_points, scale=scales, ratio=ratios)
def test_leaky_relu(alpha, zero, out_zero, scale, ratio):
    """The slope on the negative side has a multiplier of its own."""
    x, y = Q(scale, zero), Q(scale * ratio, out_zero)
    np.testing.assert_array_equal(luts.leaky_relu(alpha, x, y), table_of(Op.LEAKY_RELU, x, y, options("LeakyRelu", alpha=alpha), 2))


@CASES
@given(zero=zero_points, out_zero=zero_points, scale=scales)
def test_logistic(zero, out_zero, scale):
    """Gates of recurrent and attention layers are logistic functions; TensorFlow Lite computes them in float32."""
    x, y = Q(scale, zero), Q(1 / 256, out_zero)
    np.testing.assert_array_equal(luts.logistic(x, y), table_of(Op.LOGISTIC, x, y))


def test_logistic_refuses_other_scales():
    """TensorFlow Lite refuses them too, so nothing says what the result should be."""
    with pytest.raises(ValueError, match="1/256"):
        luts.logistic(Q(0.1, 0), Q(1 / 128, 0))


@CASES
@given(zero=zero_points, out_zero=zero_points, scale=scales, out_scale=st.sampled_from([1 / 128, 1 / 256]) | st.floats(-4, 0).map(lambda e: 10.0**e))
def test_tanh(zero, out_zero, scale, out_scale):
    """As logistic, with any output scale."""
    x, y = Q(scale, zero), Q(out_scale, out_zero)
    np.testing.assert_array_equal(luts.tanh(x, y), table_of(Op.TANH, x, y))


def test_tables_without_the_c_library(monkeypatch):
    """Where Python finds no C library for float32 functions, models are still packed, and (here) to the same bytes."""
    kinds = [(luts.logistic, 1 / 256), (luts.tanh, 1 / 128)]
    cases = [(make, Q(scale, -3), Q(out, 5)) for make, out in kinds for scale in (0.001, 0.0123, 0.1, 1.0, 7.7)]
    with_library = [make(x, y) for make, x, y in cases]
    monkeypatch.setattr(luts.ctypes.util, "find_library", lambda name: None)
    for (make, x, y), table in zip(cases, with_library, strict=True):
        np.testing.assert_array_equal(make(x, y), table)


@CASES
@given(zero=zero_points, out_zero=zero_points, scale=scales, ratio=ratios)
def test_hard_swish(zero, out_zero, scale, ratio):
    """MobileNet v3's activation works in 16 bits, and its truncations are part of the result."""
    assume(1 / 128 / ratio < 0.999)  # TensorFlow Lite takes no other
    x, y = Q(scale, zero), Q(scale * ratio, out_zero)
    np.testing.assert_array_equal(luts.hard_swish(x, y), table_of(Op.HARD_SWISH, x, y))


@CASES
@given(zero=zero_points, out_zero=zero_points, scale=scales, ratio=ratios)
def test_requantise(zero, out_zero, scale, ratio):
    """Concatenation brings its inputs to one scale with this."""
    x, y = Q(scale, zero), Q(scale * ratio, out_zero)
    np.testing.assert_array_equal(luts.requantise(x, y), table_of(Op.QUANTIZE, x, y, version=2))


@CASES
@given(zero=zero_points, out_zero=zero_points, scale=scales, ratio=ratios, unsigned_in=st.booleans())
def test_requantise_unsigned(zero, out_zero, scale, ratio, unsigned_in):
    """uint8 at the edge of a model is int8 less 128, and nothing else: also where TensorFlow Lite takes a short cut."""
    types = [Type.UINT8, Type.INT8] if unsigned_in else [Type.INT8, Type.UINT8]
    b = ModelBuilder()
    shifts = [128 if t == Type.UINT8 else 0 for t in types]
    source = b.tensor((1, 256), scale, zero + shifts[0], dtype=types[0])
    sink = b.tensor((1, 256), scale * ratio, out_zero + shifts[1], dtype=types[1])
    b.op(Op.QUANTIZE, [source], sink, version=2)
    inputs = (ALL.astype(int) + shifts[0]).astype(np.uint8 if unsigned_in else np.int8)
    expected = reference_run(b.finish([source], sink), inputs[None])[0].astype(int) - shifts[1]
    np.testing.assert_array_equal(luts.requantise(Q(scale, zero), Q(scale * ratio, out_zero)), expected)


@CASES
@given(
    op=st.sampled_from(["add", "sub", "mul"]), swapped=st.booleans(), constant=st.integers(-128, 127), activation=st.sampled_from(["none", "relu", "relu6"]),
    zeros=st.tuples(zero_points, zero_points, zero_points), scale=scales, ratio=ratios, out_ratio=ratios,
)  # fmt: skip
def test_binary_with_a_constant(op, swapped, constant, activation, zeros, scale, ratio, out_ratio):
    """Normalisation layers add and multiply constants: a table does in one step what the layer does in three."""
    x, c = Q(scale, zeros[0]), Q(scale * ratio, zeros[1])
    y = Q((x.scale * c.scale if op == "mul" else scale) * out_ratio, zeros[2])
    b = ModelBuilder()
    source = b.tensor((1, 256), x.scale, x.zero_point)
    other = b.tensor((1,), c.scale, c.zero_point, data=np.array([constant], np.int8))
    sink = b.tensor((1, 256), y.scale, y.zero_point)
    fused = {"none": Act.NONE, "relu": Act.RELU, "relu6": Act.RELU6}[activation]
    code = {"add": Op.ADD, "sub": Op.SUB, "mul": Op.MUL}[op]
    b.op(code, [other, source] if swapped else [source, other], sink, *options(op.capitalize(), fusedActivationFunction=fused), version=2)
    expected = reference_run(b.finish([source], sink), ALL[None])[0]
    np.testing.assert_array_equal(luts.binary(op, x, constant, c, y, swapped=swapped, activation=activation), expected)
