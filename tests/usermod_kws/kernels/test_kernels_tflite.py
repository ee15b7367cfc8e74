"""Every kernel against TensorFlow Lite's reference interpreter, byte for byte, on random shapes and quantisations.

Each case travels the whole way that a model does: .tflite -> tools.blob.tflite -> blob -> C reader -> C kernel, with
the arena poisoned before the run.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options, reference_run

from tools.blob.tflite import convert
from tools.kwslib import Model

Act, Op, Pad = schema.ActivationFunctionType, schema.BuiltinOperator, schema.Padding
CASES = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

activations = st.sampled_from([Act.NONE, Act.RELU, Act.RELU6, Act.RELU_N1_TO_1])
paddings = st.sampled_from([Pad.SAME, Pad.VALID])
zero_points = st.integers(-128, 127)
scales = st.floats(-4, 0).map(lambda e: 10.0**e)
seeds = st.integers(0, 2**32 - 1)
small = st.integers(1, 5)


def check(model: bytes, shape: tuple[int, ...], rng: np.random.Generator, n: int = 4) -> None:
    inputs = rng.integers(-128, 128, (n, *shape)).astype(np.int8)
    inputs[0] = rng.choice(np.array([-128, 127], np.int8), shape)  # extremes reach the largest sums
    ours = Model(convert(model)).run(inputs)
    np.testing.assert_array_equal(ours, reference_run(model, inputs).reshape(n, -1))


def weights_for(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    extreme = rng.random() < 0.2
    return (rng.choice([-127, 127], shape) if extreme else rng.integers(-127, 128, shape)).astype(np.int8)


def linear_scales(rng: np.random.Generator, in_scale: float, products: int, channels: int) -> tuple[np.ndarray, float]:
    """Weight scales and an output scale so that outputs use, waste and overflow the int8 range in turn."""
    weight_scales = 10 ** rng.uniform(-4, -1, channels)
    spread = in_scale * weight_scales.max() * 5000 * np.sqrt(products)
    return weight_scales, spread / 127 * 10 ** rng.uniform(-2.5, 1)


@CASES
@given(
    h=st.integers(1, 12), w=st.integers(1, 12), c_in=st.integers(1, 9), c_out=st.integers(1, 9), kh=small, kw=small,
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=paddings, activation=activations, zero=zero_points, out_zero=zero_points, scale=scales, depthwise=st.booleans(), seed=seeds,
)  # fmt: skip
def test_convolutions(h, w, c_in, c_out, kh, kw, stride, dilation, padding, activation, zero, out_zero, scale, depthwise, seed):
    """A wrong byte here makes every network that was trained and judged in TensorFlow behave differently on the device."""
    extent = (kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1
    assume(padding == Pad.SAME or (extent[0] <= h and extent[1] <= w))
    assume(max(stride) == 1 or max(dilation) == 1)  # TensorFlow Lite has no strided dilation either
    rng = np.random.default_rng(seed)
    if depthwise:
        c_out = c_in * min(c_out, 4)
    products = kh * kw * (1 if depthwise else c_in)
    weight_scales, out_scale = linear_scales(rng, scale, products, c_out)
    b = ModelBuilder()
    x = b.tensor((1, h, w, c_in), scale, zero)
    shape = (1, kh, kw, c_out) if depthwise else (c_out, kh, kw, c_in)
    wt = b.tensor(shape, weight_scales, data=weights_for(rng, shape), axis=3 if depthwise else 0)
    bias_data = rng.integers(-(1 << 14), 1 << 14, c_out).astype(np.int32)
    bias = b.tensor((c_out,), weight_scales.astype(np.float32) * np.float32(scale), data=bias_data, dtype=schema.TensorType.INT32)
    out = [-(-n // s) if padding == Pad.SAME else (n - e) // s + 1 for n, e, s in zip((h, w), extent, stride, strict=True)]
    y = b.tensor((1, *out, c_out), out_scale, out_zero)
    common = {
        "strideH": stride[0], "strideW": stride[1], "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
        "padding": padding, "fusedActivationFunction": activation,
    }  # fmt: skip
    if depthwise:
        b.op(Op.DEPTHWISE_CONV_2D, [x, wt, bias], y, *options("DepthwiseConv2D", depthMultiplier=c_out // c_in, **common), version=3)
    else:
        b.op(Op.CONV_2D, [x, wt, bias], y, *options("Conv2D", **common), version=3)
    check(b.finish([x], y), (h, w, c_in), rng)


@CASES
@given(
    n=st.integers(1, 300), c_out=st.integers(1, 13), per_channel=st.booleans(), has_bias=st.booleans(), activation=activations,
    zero=zero_points, out_zero=zero_points, scale=scales, seed=seeds,
)  # fmt: skip
def test_fully_connected(n, c_out, per_channel, has_bias, activation, zero, out_zero, scale, seed):
    """A wrong byte in the last layer changes scores, and with them what is detected."""
    rng = np.random.default_rng(seed)
    weight_scales, out_scale = linear_scales(rng, scale, n, c_out if per_channel else 1)
    b = ModelBuilder()
    x = b.tensor((1, n), scale, zero)
    inputs = [x, b.tensor((c_out, n), weight_scales, data=weights_for(rng, (c_out, n)))]
    if has_bias:
        data = rng.integers(-(1 << 14), 1 << 14, c_out).astype(np.int32)
        inputs.append(b.tensor((c_out,), weight_scales.astype(np.float32) * np.float32(scale), data=data, dtype=schema.TensorType.INT32))
    else:
        inputs.append(-1)
    y = b.tensor((1, c_out), out_scale, out_zero)
    b.op(Op.FULLY_CONNECTED, inputs, y, *options("FullyConnected", fusedActivationFunction=activation), version=12 if per_channel else 4)
    check(b.finish([x], y), (n,), rng)


@CASES
@given(
    h=st.integers(1, 12), w=st.integers(1, 12), c=st.integers(1, 9), kh=small, kw=small, stride=st.tuples(small, small),
    padding=paddings, activation=activations, zero=zero_points, scale=scales, average=st.booleans(), seed=seeds,
)  # fmt: skip
def test_pools(h, w, c, kh, kw, stride, padding, activation, zero, scale, average, seed):
    """Rounding a mean the other way shifts everything behind a pooling layer."""
    assume(padding == Pad.SAME or (kh <= h and kw <= w))
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    x = b.tensor((1, h, w, c), scale, zero)
    out = [-(-n // s) if padding == Pad.SAME else (n - k) // s + 1 for n, k, s in zip((h, w), (kh, kw), stride, strict=True)]
    y = b.tensor((1, *out, c), scale, zero)
    values = options(
        "Pool2D", filterHeight=kh, filterWidth=kw, strideH=stride[0], strideW=stride[1], padding=padding, fusedActivationFunction=activation
    )
    b.op(Op.AVERAGE_POOL_2D if average else Op.MAX_POOL_2D, [x], y, *values, version=2)
    check(b.finish([x], y), (h, w, c), rng)


@CASES
@given(
    h=small, w=small, c=small, activation=activations, zeros=st.tuples(zero_points, zero_points, zero_points), scale=scales,
    ratios=st.tuples(st.floats(-2, 2), st.floats(-2, 2)), seed=seeds,
)  # fmt: skip
def test_add(h, w, c, activation, zeros, scale, ratios, seed):
    """Residual networks sum at every block: an error here is made again and again."""
    rng = np.random.default_rng(seed)
    scale_b, out_scale = scale * 10 ** ratios[0], scale * 10 ** ratios[1]
    b = ModelBuilder()
    shape = (1, h, w, c)
    x = b.tensor(shape, scale, zeros[0])
    # The second operand: the input at another scale.
    x2 = b.tensor(shape, scale_b, zeros[1])
    b.op(Op.RELU_N1_TO_1, [x], x2)
    y = b.tensor(shape, out_scale, zeros[2])
    b.op(Op.ADD, [x, x2], y, *options("Add", fusedActivationFunction=activation), version=2)
    check(b.finish([x], y), (h, w, c), rng)


@CASES
@given(h=small, w=small, c=small, zero=zero_points, out_zero=zero_points, scale=scales, ratio=st.floats(-3, 3),
       kind=st.sampled_from([Op.RELU, Op.RELU6, Op.RELU_N1_TO_1]), seed=seeds)  # fmt: skip
def test_relu(h, w, c, zero, out_zero, scale, ratio, kind, seed):
    """A relu as a layer of its own requantises: its rounding and its limits are TensorFlow Lite's."""
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    x, y = b.tensor((1, h, w, c), scale, zero), b.tensor((1, h, w, c), scale * 10**ratio, out_zero)
    b.op(kind, [x], y, version=1 if kind == Op.RELU_N1_TO_1 else 2)
    check(b.finish([x], y), (h, w, c), rng)


@CASES
@given(rows=small, classes=st.integers(1, 256), zero=zero_points, scale=st.floats(-6, 1).map(lambda e: 10.0**e),
       beta=st.sampled_from([1.0, 0.5, 2.0]), seed=seeds)  # fmt: skip
def test_softmax(rows, classes, zero, scale, beta, seed):
    """The scores that the detector's thresholds are compared with come from here."""
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    x, y = b.tensor((1, rows, 1, classes), scale, zero), b.tensor((1, rows, 1, classes), 1 / 256, -128)
    b.op(Op.SOFTMAX, [x], y, *options("Softmax", beta=beta), version=2)
    check(b.finish([x], y), (rows, 1, classes), rng)


@CASES
@given(h=small, w=small, c=small, seed=seeds)
def test_reshape(h, w, c, seed):
    """A flatten in front of a dense layer must keep the order of the elements."""
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    x = b.tensor((1, h, w, c), 0.1, 3)
    y = b.tensor((1, h * w * c), 0.1, 3)
    b.op(Op.RESHAPE, [x, b.tensor((2,), data=np.array([1, h * w * c], np.int32), dtype=schema.TensorType.INT32)], y)
    check(b.finish([x], y), (h, w, c), rng)
