"""Convolutions, dense layers, pools and softmax against TensorFlow Lite's reference interpreter, byte for byte."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
from direct import Linear, Pool, Shape, Softmax, Window
from strategies import (
    ACTIVATIONS,
    CASES,
    NO_WINDOW,
    Pad,
    activations,
    axis,
    call,
    inputs_for,
    paddings,
    rows_of,
    scales,
    seeds,
    small,
    weights_for,
    zero_points,
)
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options, reference_run

from tools.blob import quantise

Op, Type = schema.BuiltinOperator, schema.TensorType
strides = st.tuples(st.integers(1, 3), st.integers(1, 3))


def linear_scales(rng: np.random.Generator, in_scale: float, products: int, channels: int) -> tuple[np.ndarray, float]:
    """Weight scales and an output scale so that outputs use, waste and overflow the int8 range in turn."""
    weight_scales = 10 ** rng.uniform(-4, -1, channels)
    spread = in_scale * weight_scales.max() * 5000 * np.sqrt(products)
    return weight_scales, spread / 127 * 10 ** rng.uniform(-2.5, 1)


def channels_of(weights: np.ndarray, bias: np.ndarray, zero: int, multipliers: list[tuple[int, int]]) -> np.ndarray:
    folded = bias - zero * weights.astype(int).sum(axis=1)
    return np.array([[b, *m] for b, m in zip(folded, multipliers, strict=True)], np.int32)


@CASES
@given(
    h=st.integers(1, 12), w=st.integers(1, 12), c_in=st.integers(1, 19), c_out=st.integers(1, 9), kh=small, kw=small,
    stride=strides, dilation=strides, padding=paddings, activation=activations, zero=zero_points, out_zero=zero_points, scale=scales,
    depthwise=st.booleans(), seed=seeds,
)  # fmt: skip
def test_convolutions(h, w, c_in, c_out, kh, kw, stride, dilation, padding, activation, zero, out_zero, scale, depthwise, seed):
    """A wrong byte here makes every network that was trained and judged in TensorFlow behave differently on the device."""
    assume(padding == Pad.SAME or ((kh - 1) * dilation[0] < h and (kw - 1) * dilation[1] < w))
    rng = np.random.default_rng(seed)
    if depthwise:
        c_out = c_in * min(c_out, 4)
    products = kh * kw * (1 if depthwise else c_in)
    weight_scales, out_scale = linear_scales(rng, scale, products, c_out)
    weights = weights_for(rng, (c_out, products))
    bias = rng.integers(-(1 << 14), 1 << 14, c_out).astype(np.int32)
    (out_h, top), (out_w, left) = axis(h, kh, stride[0], dilation[0], padding), axis(w, kw, stride[1], dilation[1], padding)

    b = ModelBuilder()
    x = b.tensor((1, h, w, c_in), scale, zero)
    theirs = weights.T.reshape(1, kh, kw, c_out) if depthwise else weights.reshape(c_out, kh, kw, c_in)
    wt = b.tensor(theirs.shape, weight_scales, data=theirs, axis=3 if depthwise else 0)
    bias_scales = weight_scales.astype(np.float32) * np.float32(scale)
    y = b.tensor((1, out_h, out_w, c_out), out_scale, out_zero)
    common = {
        "strideH": stride[0], "strideW": stride[1], "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
        "padding": padding, "fusedActivationFunction": ACTIVATIONS[activation],
    }  # fmt: skip
    kind = options("DepthwiseConv2D", depthMultiplier=c_out // c_in, **common) if depthwise else options("Conv2D", **common)
    tensors = [x, wt, b.tensor((c_out,), bias_scales, data=bias, dtype=Type.INT32)]
    b.op(Op.DEPTHWISE_CONV_2D if depthwise else Op.CONV_2D, tensors, y, *kind, version=3)
    inputs = inputs_for(rng, (h, w, c_in))
    expected = reference_run(b.finish([x], y), inputs).reshape(len(inputs), -1)

    params = Linear(
        Shape(h, w, c_in), Shape(out_h, out_w, c_out), Window(kh, kw, *stride, *dilation, top, left), zero, out_zero,
        *quantise.clamp_of(activation, out_scale, out_zero),
    )  # fmt: skip
    channels = channels_of(weights, bias, zero, quantise.per_channel(scale, weight_scales, out_scale))
    for one, wanted in zip(inputs, expected, strict=True):
        got = call("depthwise_conv2d" if depthwise else "conv2d", params, [one], wanted.size, weights=rows_of(weights), channels=channels)
        np.testing.assert_array_equal(got, wanted)


@CASES
@given(
    rows=small, n=st.integers(1, 300), c_out=st.integers(1, 13), per_channel=st.booleans(), has_bias=st.booleans(), activation=activations,
    zero=zero_points, out_zero=zero_points, scale=scales, seed=seeds,
)  # fmt: skip
def test_fully_connected(rows, n, c_out, per_channel, has_bias, activation, zero, out_zero, scale, seed):
    """A wrong byte in the last layer changes scores, and with them what is detected."""
    rng = np.random.default_rng(seed)
    weight_scales, out_scale = linear_scales(rng, scale, n, c_out if per_channel else 1)
    weights = weights_for(rng, (c_out, n))
    bias = rng.integers(-(1 << 14), 1 << 14, c_out).astype(np.int32) * has_bias
    b = ModelBuilder()
    x = b.tensor((rows, n), scale, zero)
    tensors = [x, b.tensor((c_out, n), weight_scales, data=weights), -1]
    if has_bias:
        tensors[2] = b.tensor((c_out,), weight_scales.astype(np.float32) * np.float32(scale), data=bias, dtype=Type.INT32)
    y = b.tensor((rows, c_out), out_scale, out_zero)
    # The bytes are the same whether the batch is called rows or not; the fixture takes element 0 of a batch.
    flat = b.tensor((1, rows * c_out), out_scale, out_zero)
    kind = options("FullyConnected", fusedActivationFunction=ACTIVATIONS[activation])
    b.op(Op.FULLY_CONNECTED, tensors, y, *kind, version=12 if per_channel else 4)
    b.op(Op.RESHAPE, [y, b.tensor((2,), data=np.array([1, rows * c_out], np.int32), dtype=Type.INT32)], flat)
    inputs = inputs_for(rng, (rows, n))
    expected = reference_run(b.finish([x], flat), inputs)

    multipliers = quantise.dense(scale, np.broadcast_to(weight_scales, c_out), out_scale)
    limits = quantise.clamp_of(activation, out_scale, out_zero)
    params = Linear(Shape(rows, 1, n), Shape(rows, 1, c_out), NO_WINDOW, zero, out_zero, *limits)
    channels = channels_of(weights, bias, zero, multipliers)
    for one, wanted in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(call("fully_connected", params, [one], wanted.size, weights=rows_of(weights), channels=channels), wanted)


@CASES
@given(
    h=st.integers(1, 12), w=st.integers(1, 12), c=st.integers(1, 9), kh=small, kw=small, stride=st.tuples(small, small),
    padding=paddings, activation=activations, zero=zero_points, scale=scales, average=st.booleans(), seed=seeds,
)  # fmt: skip
def test_pools(h, w, c, kh, kw, stride, padding, activation, zero, scale, average, seed):
    """Rounding a mean the other way shifts everything behind a pooling layer."""
    assume(padding == Pad.SAME or (kh <= h and kw <= w))
    rng = np.random.default_rng(seed)
    (out_h, top), (out_w, left) = axis(h, kh, stride[0], 1, padding), axis(w, kw, stride[1], 1, padding)
    b = ModelBuilder()
    x, y = b.tensor((1, h, w, c), scale, zero), b.tensor((1, out_h, out_w, c), scale, zero)
    kind = options(
        "Pool2D", filterHeight=kh, filterWidth=kw, strideH=stride[0], strideW=stride[1], padding=padding,
        fusedActivationFunction=ACTIVATIONS[activation],
    )  # fmt: skip
    b.op(Op.AVERAGE_POOL_2D if average else Op.MAX_POOL_2D, [x], y, *kind, version=2)
    inputs = inputs_for(rng, (h, w, c))
    expected = reference_run(b.finish([x], y), inputs).reshape(len(inputs), -1)
    window = Window(kh, kw, *stride, 1, 1, top, left)
    params = Pool(Shape(h, w, c), Shape(out_h, out_w, c), window, *quantise.clamp_of(activation, scale, zero))
    for one, wanted in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(call("avg_pool2d" if average else "max_pool2d", params, [one], wanted.size), wanted)


@CASES
@given(rows=small, classes=st.integers(1, 256), zero=zero_points, scale=st.floats(-7.5, 1.5).map(lambda e: 10.0**e),
       beta=st.sampled_from([1.0, 0.5, 2.0]), seed=seeds)  # fmt: skip
def test_softmax(rows, classes, zero, scale, beta, seed):
    """The scores that the detector's thresholds are compared with come from here."""
    rng = np.random.default_rng(seed)
    b = ModelBuilder()
    x, y = b.tensor((1, rows, 1, classes), scale, zero), b.tensor((1, rows, 1, classes), 1 / 256, -128)
    b.op(Op.SOFTMAX, [x], y, *options("Softmax", beta=beta), version=2)
    inputs = inputs_for(rng, (rows, 1, classes))
    expected = reference_run(b.finish([x], y), inputs).reshape(len(inputs), -1)
    params = Softmax(rows, classes, *quantise.softmax_multiplier(beta, scale))
    for one, wanted in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(call("softmax", params, [one], wanted.size), wanted)
