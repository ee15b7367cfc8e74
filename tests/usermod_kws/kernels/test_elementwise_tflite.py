"""Arithmetic on whole tensors, means and the SVD filter against TensorFlow Lite's reference interpreter, byte for byte."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from direct import Binary, Buffer, Case, Mean, Prelu, Shape, Svdf, reference
from strategies import ACTIVATIONS, CASES, activations, call, inputs_for, ratios, rows_of, scales, seeds, small, weights_for, zero_points
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options, reference_run

from tools.blob import quantise

Op, Type = schema.BuiltinOperator, schema.TensorType
three_zeros = st.tuples(zero_points, zero_points, zero_points)
masks = st.tuples(st.booleans(), st.booleans(), st.booleans())


@CASES
@given(
    kind=st.sampled_from(["add", "sub", "mul"]), shape=st.tuples(small, small, small), ones0=masks, ones1=masks, activation=activations,
    zeros=three_zeros, scale=scales, ratio=ratios, out_ratio=ratios, seed=seeds,
)  # fmt: skip
def test_two_tensors(kind, shape, ones0, ones1, activation, zeros, scale, ratio, out_ratio, seed):
    """Residual networks sum at every block: an error here is made again and again. So is one in which element meets which."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(1 if one else n for one, n in zip(ones, shape, strict=True)) for ones in (ones0, ones1)]
    out = tuple(max(a, b) for a, b in zip(*shapes, strict=True))
    in_scales = scale, scale * ratio
    out_scale = (in_scales[0] * in_scales[1] if kind == "mul" else scale) * out_ratio
    b = ModelBuilder()
    tensors = [b.tensor((1, *s), q, z) for s, q, z in zip(shapes, in_scales, zeros[:2], strict=True)]
    y = b.tensor((1, *out), out_scale, zeros[2])
    code = {"add": Op.ADD, "sub": Op.SUB, "mul": Op.MUL}[kind]
    b.op(code, tensors, y, *options(kind.capitalize(), fusedActivationFunction=ACTIVATIONS[activation]), version=2)
    inputs = [inputs_for(rng, s) for s in shapes]
    expected = reference_run(b.finish(tensors, y), *inputs).reshape(4, -1)

    if kind == "mul":
        pairs = [(0, 0), (0, 0), quantise.mul_multiplier(*in_scales, out_scale)]
    else:
        pairs = quantise.add_multipliers(*in_scales, out_scale)
    limits = quantise.clamp_of(activation, out_scale, zeros[2])
    params = Binary(Shape(*shapes[0]), Shape(*shapes[1]), Shape(*out), *zeros, *(v for p in pairs for v in p), *limits, int(kind == "sub"))
    for one0, one1, wanted in zip(*inputs, expected, strict=True):
        np.testing.assert_array_equal(call("mul" if kind == "mul" else "add", params, [one0, one1], wanted.size), wanted)


@CASES
@given(
    shape=st.tuples(st.integers(1, 20), small, small), axes=st.integers(1, 7), keep=st.booleans(), zeros=three_zeros, scale=scales,
    ratio=st.sampled_from([1.0]) | ratios, seed=seeds,
)  # fmt: skip
def test_mean(shape, axes, keep, zeros, scale, ratio, seed):
    """Global pooling at the end of a network is a mean; a rounding of its own would move every score."""
    rng = np.random.default_rng(seed)
    reduced = [d for d in range(3) if axes >> d & 1]
    out_zero = zeros[0] if ratio == 1 else zeros[2]
    b = ModelBuilder()
    x = b.tensor((1, *shape), scale, zeros[0])
    kept = [1 if d in reduced else n for d, n in enumerate(shape)]
    out = kept if keep else [n for d, n in enumerate(shape) if d not in reduced]
    y = b.tensor((1, *out), scale * ratio, out_zero)
    numbers = b.tensor((len(reduced),), data=np.array([d + 1 for d in reduced], np.int32), dtype=Type.INT32)
    b.op(Op.MEAN, [x, numbers], y, *options("Reducer", keepDims=keep), version=2)
    inputs = inputs_for(rng, shape)
    expected = reference_run(b.finish([x], y), inputs).reshape(4, -1)
    count = int(np.prod([shape[d] for d in reduced]))
    params = Mean(Shape(*shape), axes, zeros[0], out_zero, *quantise.mean_multiplier(scale, scale * ratio, count), -128, 127)
    for one, wanted in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(call("mean", params, [one], wanted.size), wanted)


@CASES
@given(
    shape=st.tuples(small, small, small), ones=masks, zeros=three_zeros, scale=scales, alpha_scale=st.floats(-4, -1).map(lambda e: 10.0**e),
    ratio=ratios, seed=seeds,
)  # fmt: skip
def test_prelu(shape, ones, zeros, scale, alpha_scale, ratio, seed):
    """The slope of a channel that is applied to another channel breaks a network without any sign of it."""
    rng = np.random.default_rng(seed)
    alpha_shape = tuple(1 if one else n for one, n in zip(ones, shape, strict=True))
    alpha = weights_for(rng, alpha_shape)
    b = ModelBuilder()
    x = b.tensor((1, *shape), scale, zeros[0])
    a = b.tensor(alpha_shape, alpha_scale, zeros[1], data=alpha)
    y = b.tensor((1, *shape), scale * ratio, zeros[2])
    b.op(Op.PRELU, [x, a], y)
    inputs = inputs_for(rng, shape)
    expected = reference_run(b.finish([x], y), inputs).reshape(4, -1)
    pairs = quantise.prelu_multipliers(scale, alpha_scale, scale * ratio)
    params = Prelu(Shape(*shape), Shape(*alpha_shape), *zeros, *(v for p in pairs for v in p))
    for one, wanted in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(call("prelu", params, [one, alpha], wanted.size), wanted)


@CASES
@given(
    inputs=st.integers(1, 40), units=small, rank=st.integers(1, 3), memory=st.integers(1, 12), zero=zero_points, out_zero=zero_points,
    scale=scales, feature_ratio=st.floats(-1, 2), out_ratio=st.floats(-1, 2), has_bias=st.booleans(), seed=seeds,
)  # fmt: skip
def test_svdf(inputs, units, rank, memory, zero, out_zero, scale, feature_ratio, out_ratio, has_bias, seed):
    """The state goes from frame to frame: one wrong rounding is heard by every later one."""
    rng = np.random.default_rng(seed)
    filters = units * rank
    feature, feature_scale, time_scale = weights_for(rng, (filters, inputs)), 0.01, 0.0001
    time = rng.integers(-32767, 32768, (filters, memory)).astype(np.int16)
    bias = rng.integers(-(1 << 20), 1 << 20, units).astype(np.int32) * has_bias
    state_scale = scale * feature_scale * 5000 * np.sqrt(inputs) / 32767 * 10**feature_ratio
    out_scale = state_scale * time_scale * 1e8 * np.sqrt(memory * rank) / 127 * 10**out_ratio
    b = ModelBuilder()
    x = b.tensor((1, inputs), scale, zero)
    tensors = [
        x, b.tensor((filters, inputs), feature_scale, data=feature), b.tensor((filters, memory), time_scale, data=time, dtype=Type.INT16),
        b.tensor((units,), state_scale * time_scale, data=bias, dtype=Type.INT32) if has_bias else -1,
        b.tensor((1, filters * memory), state_scale, dtype=Type.INT16, variable=True),
    ]  # fmt: skip
    y = b.tensor((1, units), out_scale, out_zero)
    # TensorFlow Lite takes no other activation here, and then does not compute it.
    kind = options("SVDF", rank=rank, fusedActivationFunction=ACTIVATIONS["relu"])
    b.op(Op.SVDF, tensors, y, *kind, version=3)
    frames = inputs_for(rng, (inputs,), 2 * memory + 1)
    expected = reference_run(b.finish([x], y), frames)

    pairs = quantise.svdf_multipliers(scale, feature_scale, state_scale, time_scale, out_scale)
    params = Svdf(inputs, units, rank, memory, zero, out_zero, -128, 127, *(v for p in pairs for v in p))
    state = np.zeros((filters, memory), np.int16).tobytes()
    constants = {"feature": Buffer.of(rows_of(feature)), "time": Buffer.of(time), "bias": Buffer.of(bias)}
    for frame, wanted in zip(frames, expected, strict=True):
        buffers = {
            "in0": Buffer.of(frame, 1), "out": Buffer.poisoned(units, 3), "state": Buffer(np.frombuffer(state, np.uint8)),
            "scratch": Buffer.poisoned(4 * filters), **constants,
        }  # fmt: skip
        results = reference(Case("svdf", params, buffers, ("params", "in0", "out", "state", "scratch"), ("out", "state")))
        np.testing.assert_array_equal(np.frombuffer(results["out"], np.int8), wanted)
        state = results["state"]
