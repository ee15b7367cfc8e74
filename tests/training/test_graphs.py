"""Quantised graphs beyond the models: strides, kernels and padding an axis, skips, and what cannot be folded."""
from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from tools.blob import FrontendConfig
from tools.kwslib import Model, Stream
from training.calibrate import calibrate
from training.evaluate import run_network
from training.export import DECISION_HOP_FRAMES, collect, pack
from training.features import OUT_SCALE, network_input
from training.fine_tune import fine_tune, network
from training.fold import fold
from training.folders import labels_of
from training.quantise import INPUT, Layer, requantise, requantise_once, run

LABELS = labels_of()
SHAPE = (21, 10)
CROSS_ENTROPY = keras.losses.CategoricalCrossentropy(from_logits=True)
Body = Callable[[keras.KerasTensor], keras.KerasTensor]


def build(body: Body, seed: int = 1) -> keras.Model:
    """A model [n, 21, 10, 1] -> body -> average, dense; weights are drawn."""
    inputs = keras.Input((*SHAPE, 1))
    x = layers.GlobalAveragePooling2D()(body(inputs))
    model = keras.Model(inputs, layers.Dense(len(LABELS))(x))
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    return model


def features(seed: int, n: int = 30) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 32, (n, *SHAPE)), -128, 127).astype(np.int8)


def logits_of_the_core(chain: list[Layer], x: np.ndarray) -> np.ndarray:
    return run_network(pack(chain, FrontendConfig().section(out_scale=OUT_SCALE), SHAPE, {}, LABELS, softmax=False), x)


def conv(channels: int, kernel: tuple[int, int], **options: object) -> layers.Layer:
    return layers.Conv2D(channels, kernel, **options)


def strides(x: keras.KerasTensor) -> keras.KerasTensor:
    """Another kernel, stride and padding along time than along the width."""
    x = layers.ReLU()(layers.BatchNormalization()(conv(6, (5, 3), strides=(1, 2), padding="same")(x)))
    x = layers.BatchNormalization(scale=False)(layers.DepthwiseConv2D((4, 2), padding="valid")(x))
    return layers.BatchNormalization(center=False)(conv(5, (3, 1), strides=(3, 1), padding="valid")(x))


def causal(x: keras.KerasTensor) -> keras.KerasTensor:
    """Zeros in front of time only, also with a stride and with rows left out; the width as "same"."""
    x = conv(6, (4, 3), strides=(2, 1))(layers.ZeroPadding2D(((3, 0), (1, 1)))(x))
    x = layers.DepthwiseConv2D((3, 3), dilation_rate=(2, 1))(layers.ZeroPadding2D(((4, 0), (1, 1)))(x))
    return layers.ReLU()(layers.BatchNormalization()(conv(4, (1, 1), use_bias=False)(x)))


def skips(x: keras.KerasTensor) -> keras.KerasTensor:
    """A tensor that three layers read, adds with and without ReLU, rows cut off, a reshape."""
    x = layers.Reshape((SHAPE[0], 2, 5))(x)
    x = conv(7, (3, 1), padding="same")(x)
    y = layers.ReLU()(layers.Add()([conv(7, (1, 1))(x), x]))
    x = layers.Add()([y, layers.Dropout(0.3)(conv(7, (1, 2), padding="same")(x))])
    return layers.Cropping2D(((6, 0), (0, 0)))(x)


def broadcast(x: keras.KerasTensor) -> keras.KerasTensor:
    """Means over the width that all of it gets, in time only what was; a column out of the width, cut to what saw no zeros."""
    x = conv(6, (3, 3), strides=(1, 2))(layers.ZeroPadding2D(((2, 0), (0, 1)))(x))
    y = layers.AveragePooling2D((1, x.shape[2]))(layers.DepthwiseConv2D((1, 3), padding="same")(x))
    y = layers.ReLU()(layers.DepthwiseConv2D((3, 1), dilation_rate=(2, 1))(layers.ZeroPadding2D(((4, 0), (0, 0)))(y)))
    x = layers.ReLU()(layers.Add()([conv(6, (1, 1))(y), x]))
    return layers.Cropping2D(((6, 0), (0, 0)))(layers.ReLU()(layers.DepthwiseConv2D((1, x.shape[2]))(x)))


def both_ends(x: keras.KerasTensor) -> keras.KerasTensor:
    """Zeros at both ends of time and of the width."""
    x = layers.ReLU()(conv(6, (5, 3), strides=(2, 2))(layers.ZeroPadding2D(((2, 2), (2, 1)))(x)))
    return layers.DepthwiseConv2D((5, 2))(layers.ZeroPadding2D(((1, 2), (0, 0)))(x))


GRAPHS = pytest.mark.parametrize("body", [strides, causal, skips, broadcast, both_ends])


@GRAPHS
def test_graph_is_the_same_in_keras_numpy_and_the_core(body: Body) -> None:
    """A model of one's own would lose its accuracy on the way to the device."""
    model, x = build(body), features(2)
    chain = fold(model)
    exact = model.predict(network_input(x), verbose=0)
    folded = network(chain, (*SHAPE, 1), rounding=False).predict(network_input(x), verbose=0)[-1]
    assert np.abs(folded - exact).max() < 1e-4 * np.abs(exact).max()
    calibrate(chain, network_input(x))
    logits = run(chain, x[..., None], OUT_SCALE)
    assert np.array_equal(logits_of_the_core(chain, x), logits)
    rounded = (logits.astype(float) - chain[-1].out_zero) * chain[-1].out_scale
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.98
    simulated = network(chain, (*SHAPE, 1), rounding=True).predict(network_input(x), verbose=0)
    steps = np.abs(simulated / chain[-1].out_scale + chain[-1].out_zero - logits)
    assert steps.max() < 1.1 and np.mean(steps > 0.1) < 0.02


def test_stream_of_a_graph_is_its_windows() -> None:
    """A network with means and sums over the features would hear other words in a stream than in its test."""
    chain = fold(build(broadcast))
    calibrate(chain, network_input(features(6)))
    frontend = FrontendConfig(n_mels=SHAPE[1], n_dct=0)
    writer = collect(chain, frontend.section(out_scale=OUT_SCALE), SHAPE, {}, LABELS)
    blob = writer.finish()
    assert all(line.streams for line in writer.report if line.of > 1), [str(line) for line in writer.report]
    recording = np.concatenate(features(7, 4))
    windows = np.stack([recording[at:at + SHAPE[0]] for at in range(0, len(recording) - SHAPE[0] + 1, DECISION_HOP_FRAMES)])
    rows = Stream(blob).feed_features(recording)
    assert len(np.unique(rows, axis=0)) > 5
    assert np.array_equal(rows, Model(blob).run(windows))


@GRAPHS
def test_fine_tuned_graph_is_the_same_graph(body: Body) -> None:
    """Training with the rounding in place would end in a blob of another network."""
    chain, x = fold(build(body)), features(3, 64)
    calibrate(chain, network_input(x))
    y = np.eye(len(LABELS), dtype=np.float32)[np.random.default_rng(1).integers(0, len(LABELS), len(x))]
    tuned = fine_tune(chain, lambda _: (network_input(x), y), epochs=2, batch=32, learning_rate=1e-2, loss=CROSS_ENTROPY)
    for before, after in zip(chain, tuned, strict=True):
        same = ("kind", "inputs", "stride", "dilation", "padding", "relu", "shape", "front", "out_scale", "out_zero")
        assert all(getattr(before, name) == getattr(after, name) for name in same)
        assert not before.has_weights or not np.array_equal(before.weight, after.weight)
    assert np.array_equal(logits_of_the_core(tuned, x), run(tuned, x[..., None], OUT_SCALE))


def test_inputs_of_an_add_have_one_scale() -> None:
    """Skips would cost the device nearly twice the time; a range cut off by it would cost accuracy."""
    chain, x = fold(build(skips)), features(4)
    values = network(chain, (*SHAPE, 1), rounding=False).predict(network_input(x), verbose=0)
    calibrate(chain, network_input(x))
    for add in (layer for layer in chain if layer.kind == "add"):
        assert len({chain[i].out_scale for i in add.inputs}) == 1
    for layer, seen in zip(chain, values, strict=True):
        low, high = ((q - layer.out_zero) * layer.out_scale for q in (-128, 127))
        assert np.mean((seen < low) | (seen > high)) < 0.01
    assert (chain[0].kind, chain[0].inputs, chain[0].out_scale) == ("reshape", (INPUT,), OUT_SCALE)


@pytest.mark.parametrize(("body", "message"), [
    (lambda x: layers.BatchNormalization()(layers.ReLU()(conv(4, (1, 1))(x))), "cannot be folded into the layer before"),
    (lambda x: layers.ReLU()(x), "cannot be folded into the layer before"),
    (lambda x: layers.Add()([y := conv(4, (1, 1))(x), layers.ReLU()(y)]), "read by nothing else"),
    (lambda x: conv(4, (1, 1), activation="relu")(x), "use a layer ReLU"),
    (lambda x: conv(4, (3, 1), padding="same")(layers.ZeroPadding2D(((1, 1), (0, 0)))(x)), "its own padding 'valid'"),
    (lambda x: conv(4, (3, 1))(layers.ZeroPadding2D(((1, 3), (0, 0)))(x)), "narrower than its kernel"),
    (lambda x: layers.AveragePooling2D((2, 2))(x), "only the mean over the whole width"),
    (lambda x: layers.ZeroPadding2D(((1, 0), (0, 0)))(conv(4, (1, 1))(x)), "no convolution's input"),
    (lambda x: (shared := conv(1, (1, 1)))(shared(x)), "is used 2 times"),
    (lambda x: layers.DepthwiseConv2D((1, 1), depth_multiplier=2)(x), "depth multiplier of 2"),
])  # fmt: skip
def test_what_cannot_be_folded_is_an_error(body: Body, message: str) -> None:
    """What was folded in silence into the wrong layer would give a blob of another network."""
    with pytest.raises(ValueError, match=message):
        fold(build(body))


@given(st.integers(-(1 << 30), 1 << 30), st.integers(1 << 30, (1 << 31) - 1), st.integers(-31, 0))
def test_numbers_are_rounded_as_specified(x: int, mult: int, shift: int) -> None:
    """One step off at a tie, and what is measured here would not be what the device computes."""
    high = (x * mult + (1 << 30)) >> 31
    away = (abs(high) + ((1 << -shift) >> 1)) >> -shift     # ties away from zero
    assert requantise(np.array([x]), np.int64(mult), np.int64(shift)) == (away if high >= 0 else -away)
    if abs(x) < 1 << 24:
        assert requantise_once(np.array([x]), np.int64(mult), np.int64(shift)) == (x * mult + (1 << (30 - shift))) >> (31 - shift)
