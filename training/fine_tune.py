"""The folded layers as a Keras model, exact or as the int8 network; training with the rounding in place (Jacob 2018)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from tools.blob.quantise import mean_multiplier
from training.features import OUT_SCALE
from training.quantise import INPUT, INT8, WEIGHT_LIMIT, Layer

TO_KERAS = {"conv2d": lambda w: w.transpose(1, 2, 3, 0), "depthwise": lambda w: w[..., None], "dense": lambda w: w.T}
FROM_KERAS = {"conv2d": lambda w: w.transpose(3, 0, 1, 2), "depthwise": lambda w: w[..., 0], "dense": lambda w: w.T}


def _as(value: keras.KerasTensor, gradient_of: keras.KerasTensor) -> keras.KerasTensor:
    """`value` with the gradient of another tensor: the rounding is passed straight through."""
    return gradient_of + ops.stop_gradient(value - gradient_of)


def _first_rounding(total: keras.KerasTensor, factor: keras.KerasTensor | float, shift: keras.KerasTensor | int) -> keras.KerasTensor:
    """total * factor as the first of SPEC.md's two roundings leaves it: multiples of 2^shift, at most of 1, ties upwards."""
    fine = ops.power(2.0, ops.minimum(ops.cast(shift, "float32"), 0.0))
    return ops.floor(total * (factor / fine) + 0.5) * fine


def _round_away(x: keras.KerasTensor) -> keras.KerasTensor:
    """To nearest, ties away from zero."""
    return ops.sign(x) * ops.floor(ops.abs(x) + 0.5)


@keras.saving.register_keras_serializable("hark")
class Folded(keras.layers.Layer):
    """A folded layer, trainable, over values.

    With `quants`, the (scale, zero point) of each input, it is a layer of the int8 network instead: over whole numbers of
    steps from the zero point, in floats, which hold SPEC.md's sums exactly while they are below 2^24.
    """

    def __init__(self, layer: Layer, quants: list[tuple[float, int]] | None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.of, self.quants = layer, quants
        if layer.has_weights:
            weight = TO_KERAS[layer.kind](layer.weight)
            self.kernel = self.add_weight(shape=weight.shape, name="kernel")
            self.kernel.assign(weight)
            self.bias = self.add_weight(shape=layer.bias.shape, name="bias")
            self.bias.assign(layer.bias)

    def products(self, x: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
        layer = self.of
        if layer.kind == "dense":
            return ops.matmul(x, kernel)
        padding = layer.padding
        if not isinstance(padding, str):
            x, padding = ops.pad(x, [(0, 0), *layer.pads(x.shape[1:]), (0, 0)]), "valid"
        convolve = ops.conv if layer.kind == "conv2d" else ops.depthwise_conv
        return convolve(x, kernel, strides=layer.stride, padding=padding, dilation_rate=layer.dilation)

    def weighted(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """In steps of the output, not rounded."""
        axes = {"conv2d": (0, 1, 2), "depthwise": (0, 1, 3), "dense": (0,)}[self.of.kind]
        scale = ops.maximum(ops.max(ops.abs(self.kernel), axis=axes, keepdims=True), 1e-8) / WEIGHT_LIMIT
        scale = ops.stop_gradient(scale)
        kernel = self.kernel / scale
        step = self.quants[0][0] * ops.reshape(scale, (-1,))          # of the sums, a channel
        bias = self.bias / step
        total = self.products(x, _as(ops.round(kernel), kernel)) + _as(ops.round(bias), bias)
        factor = step / self.of.out_scale
        if self.of.kind == "dense":                                    # is rounded once
            return total * factor
        return _as(_first_rounding(total, factor, ops.floor(ops.log2(factor)) + 1), total * factor)

    def rounded(self, x: list[keras.KerasTensor]) -> keras.KerasTensor:
        layer = self.of
        if layer.kind == "avg_pool":                                   # rounds the mean of what is stored
            mean, zero = ops.mean(x[0], axis=(1, 2)), layer.out_zero
            return _as(_round_away(mean + zero) - zero, mean)
        if layer.kind == "mean":
            mult, shift = mean_multiplier(self.quants[0][0], layer.out_scale, x[0].shape[2])
            total, factor = ops.sum(x[0], axis=2, keepdims=True), mult * 2.0 ** (shift - 31)
            y = _as(_first_rounding(total, factor, shift), total * factor)
        elif layer.kind == "add":
            y = sum(v * (scale / layer.out_scale) for v, (scale, _) in zip(x, self.quants, strict=True))
        else:
            y = self.weighted(x[0])
        low = 0 if layer.relu else INT8[0] - layer.out_zero
        y = ops.clip(y, max(low, INT8[0] - layer.out_zero), INT8[1] - layer.out_zero)
        return _as(_round_away(y), y)

    def exact(self, x: list[keras.KerasTensor]) -> keras.KerasTensor:
        layer = self.of
        if layer.kind == "avg_pool":
            return ops.mean(x[0], axis=(1, 2))
        if layer.kind == "mean":
            return ops.mean(x[0], axis=2, keepdims=True)
        y = x[0] + x[1] if layer.kind == "add" else self.products(x[0], self.kernel) + self.bias
        return ops.relu(y) if layer.relu else y

    def call(self, x: keras.KerasTensor | list[keras.KerasTensor]) -> keras.KerasTensor:
        x = x if isinstance(x, list) else [x]
        if self.of.kind == "reshape":
            return ops.reshape(x[0], (-1, *self.of.shape))
        if self.of.kind == "crop":
            return x[0][:, self.of.front:]
        return self.rounded(x) if self.quants else self.exact(x)

    def layer(self) -> Layer:
        """The folded layer with the weights as they are now."""
        if not self.of.has_weights:
            return self.of
        weight = FROM_KERAS[self.of.kind](np.asarray(self.kernel, dtype=np.float64))
        return replace(self.of, weight=weight, bias=np.asarray(self.bias, dtype=np.float64))


def network(chain: list[Layer], input_shape: tuple[int, ...], rounding: bool, in_scale: float = OUT_SCALE, in_zero: int = 0) -> keras.Model:
    """A trainable Keras model of the folded layers, from values to values.

    With `rounding` it computes what the int8 network computes and has its logits as output; else it has the outputs of all layers.
    """
    inputs = keras.Input(input_shape)
    outputs = {INPUT: ops.round(inputs / in_scale) if rounding else inputs}
    quants = {INPUT: (in_scale, in_zero)} | {i: (layer.out_scale, layer.out_zero) for i, layer in enumerate(chain)}
    for number, layer in enumerate(chain):
        x = [outputs[i] for i in layer.inputs]
        folded = Folded(layer, [quants[i] for i in layer.inputs] if rounding else None, name=_name(number))
        outputs[number] = folded(x if len(x) > 1 else x[0])
    found = [outputs[number] for number in range(len(chain))]
    return keras.Model(inputs, found[-1] * chain[-1].out_scale if rounding else found)


def _name(number: int) -> str:
    return f"folded_{number}"


def unfold(model: keras.Model) -> list[Layer]:
    """The layers of a `network` with the weights as they are now."""
    count = sum(isinstance(layer, Folded) for layer in model.layers)
    return [model.get_layer(_name(number)).layer() for number in range(count)]


def fine_tune(chain: list[Layer], epoch: Callable[[int], tuple[np.ndarray, np.ndarray]], epochs: int, batch: int,
              learning_rate: float, loss: keras.losses.Loss) -> list[Layer]:
    """Quantisation-aware training of calibrated layers. epoch(i) gives inputs [n, h, w, c] and what `loss` takes as y_true."""
    x, y = epoch(0)
    model = network(chain, x.shape[1:], rounding=True)
    steps = epochs * -(-len(x) // batch)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)), loss)
    for i in range(epochs):
        if i:
            x, y = epoch(i)
        history = model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        print(f"quantisation-aware epoch {i + 1}/{epochs}  loss {history.history['loss'][0]:.4f}", flush=True)
    return unfold(model)
