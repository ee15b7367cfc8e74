"""Scales of the activations, and training with the rounding in place (straight-through gradients, Jacob 2018)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from training.features import OUT_SCALE
from training.quantise import INPUT, INT8, WEIGHT_LIMIT, Layer

RANGE_QUANTILE = 0.9999                 # of an activation's values; what lies above saturates

TO_KERAS = {"conv2d": lambda w: w.transpose(1, 2, 3, 0), "depthwise": lambda w: w[..., None], "dense": lambda w: w.T}
FROM_KERAS = {"conv2d": lambda w: w.transpose(3, 0, 1, 2), "depthwise": lambda w: w[..., 0], "dense": lambda w: w.T}


@keras.saving.register_keras_serializable("hark")
class Folded(keras.layers.Layer):
    """A folded layer, trainable; with `rounding` its weights and outputs are those of the int8 network."""

    def __init__(self, layer: Layer, rounding: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.of, self.rounding = layer, rounding
        if layer.has_weights:
            weight = TO_KERAS[layer.kind](layer.weight)
            self.kernel = self.add_weight(shape=weight.shape, name="kernel")
            self.kernel.assign(weight)
            self.bias = self.add_weight(shape=layer.bias.shape, name="bias")
            self.bias.assign(layer.bias)

    def rounded_kernel(self) -> keras.KerasTensor:
        axes = {"conv2d": (0, 1, 2), "depthwise": (0, 1, 3), "dense": (0,)}[self.of.kind]
        scale = ops.maximum(ops.max(ops.abs(self.kernel), axis=axes, keepdims=True), 1e-8) / WEIGHT_LIMIT
        return self.kernel + ops.stop_gradient(ops.round(self.kernel / scale) * scale - self.kernel)

    def linear(self, x: keras.KerasTensor) -> keras.KerasTensor:
        kernel = self.rounded_kernel() if self.rounding else self.kernel
        if self.of.kind == "dense":
            return ops.matmul(x, kernel) + self.bias
        padding = self.of.padding
        if padding == "causal":
            x, padding = ops.pad(x, [(0, 0), *self.of.pads(x.shape[1:]), (0, 0)]), "valid"
        convolve = ops.conv if self.of.kind == "conv2d" else ops.depthwise_conv
        return convolve(x, kernel, strides=self.of.stride, padding=padding, dilation_rate=self.of.dilation) + self.bias

    def call(self, x: keras.KerasTensor | list[keras.KerasTensor]) -> keras.KerasTensor:
        layer = self.of
        if layer.kind == "reshape":
            return ops.reshape(x, (-1, *layer.shape))
        if layer.kind == "crop":
            return x[:, layer.front:]
        if layer.kind == "avg_pool":
            x = ops.mean(x, axis=(1, 2))
        elif layer.kind == "add":
            x = x[0] + x[1]
        else:
            x = self.linear(x)
        if layer.relu:
            x = ops.relu(x)
        if self.rounding:
            scale, zero = layer.out_scale, layer.out_zero
            x = ops.clip(x, (INT8[0] - zero) * scale, (INT8[1] - zero) * scale)
            x = x + ops.stop_gradient(ops.round(x / scale) * scale - x)
        return x

    def layer(self) -> Layer:
        """The folded layer with the weights as they are now."""
        if not self.of.has_weights:
            return self.of
        weight = FROM_KERAS[self.of.kind](np.asarray(self.kernel, dtype=np.float64))
        return replace(self.of, weight=weight, bias=np.asarray(self.bias, dtype=np.float64))


def network(chain: list[Layer], input_shape: tuple[int, ...], rounding: bool) -> keras.Model:
    """A trainable Keras model of the folded layers; outputs of all layers where `rounding` is off."""
    inputs = keras.Input(input_shape)
    outputs = {INPUT: inputs}
    for number, layer in enumerate(chain):
        x = [outputs[i] for i in layer.inputs]
        outputs[number] = Folded(layer, rounding, name=_name(number))(x if len(x) > 1 else x[0])
    found = [outputs[number] for number in range(len(chain))]
    return keras.Model(inputs, found[-1] if rounding else found)


def _name(number: int) -> str:
    return f"folded_{number}"


def unfold(model: keras.Model) -> list[Layer]:
    """The layers of a `network` with the weights as they are now."""
    count = sum(isinstance(layer, Folded) for layer in model.layers)
    return [model.get_layer(_name(number)).layer() for number in range(count)]


def calibrate(chain: list[Layer], x: np.ndarray, in_scale: float = OUT_SCALE, in_zero: int = 0) -> None:
    """Sets every layer's output scale and zero point from float inputs [n, h, w, c], which have in_scale, in_zero."""
    outputs = network(chain, x.shape[1:], rounding=False).predict(x, batch_size=256, verbose=0)
    for layer, values in zip(chain, outputs, strict=True):
        if layer.keeps_scale:
            before = layer.inputs[0]
            known = (in_scale, in_zero) if before == INPUT else (chain[before].out_scale, chain[before].out_zero)
            layer.out_scale, layer.out_zero = known
            continue
        low = min(0.0, float(np.quantile(values, 1 - RANGE_QUANTILE)))
        high = max(1e-6, float(np.quantile(values, RANGE_QUANTILE)))
        layer.out_scale = (high - low) / (INT8[1] - INT8[0])
        layer.out_zero = round(INT8[0] - low / layer.out_scale)


def fine_tune(chain: list[Layer], epoch: Callable[[int], tuple[np.ndarray, np.ndarray]], epochs: int, batch: int,
              learning_rate: float, label_smoothing: float) -> list[Layer]:
    """Quantisation-aware training of calibrated layers. epoch(i) gives inputs [n, h, w, c] and one-hot labels."""
    x, y = epoch(0)
    model = network(chain, x.shape[1:], rounding=True)
    steps = epochs * -(-len(x) // batch)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
                  keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing))
    for i in range(epochs):
        if i:
            x, y = epoch(i)
        history = model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        print(f"quantisation-aware epoch {i + 1}/{epochs}  loss {history.history['loss'][0]:.4f}", flush=True)
    return unfold(model)
