"""Float network -> int8 network in TensorFlow Lite's arithmetic, the one that the C core runs (SPEC.md).

Batch norm is folded into the layer before it; weights are symmetric, one scale an output channel; activations have
one scale and zero point a tensor, found on training windows. Where that alone costs too much, the folded network is
fine-tuned with the rounding in its forward pass (straight-through gradients, Jacob 2018). `run` is the integer
network in numpy, bit for bit what the core computes up to the logits.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from tools.blob.quantise import per_channel
from tools.blob.writer import same_padding

INT8 = (-128, 127)
RANGE_QUANTILE = 0.9999                 # of an activation's values; what lies above saturates
WEIGHT_LIMIT = 127                      # symmetric: -128 is not used, as in TensorFlow Lite


@dataclass
class Layer:
    """One layer with batch norm and ReLU folded in. `kind` is conv2d, depthwise, dense or avg_pool.

    weight: conv2d [c_out, kh, kw, c_in], depthwise [kh, kw, c], dense [c_out, c_in]; bias: [c_out]; both float.
    Convolutions are SAME-padded. avg_pool is over the whole map and keeps its input's scale.
    out_scale, out_zero: of the output, once `calibrate` has seen data.
    """
    kind: str
    weight: np.ndarray = field(default_factory=lambda: np.zeros(0))
    bias: np.ndarray = field(default_factory=lambda: np.zeros(0))
    stride: int = 1
    relu: bool = False
    out_scale: float = 0.0
    out_zero: int = 0

    @property
    def channel_axis(self) -> int:
        return 2 if self.kind == "depthwise" else 0

    def weight_scale(self) -> np.ndarray:
        """float64 [c_out]: of one step of each output channel's weights."""
        axes = tuple(i for i in range(self.weight.ndim) if i != self.channel_axis)
        return np.maximum(np.abs(self.weight).max(axis=axes).astype(np.float64), 1e-8) / WEIGHT_LIMIT

    def int_weight(self) -> np.ndarray:
        """int8, shaped as `weight`."""
        scale = self.weight_scale()
        shape = [-1 if i == self.channel_axis else 1 for i in range(self.weight.ndim)]
        return np.clip(np.rint(self.weight / scale.reshape(shape)), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)

    def int_bias(self, in_scale: float) -> np.ndarray:
        """int32 [c_out] in steps of in_scale * weight_scale."""
        return np.rint(self.bias / (in_scale * self.weight_scale())).astype(np.int32)


def fold(model: keras.Model) -> list[Layer]:
    """The layers of a chain of convolutions, batch norms, ReLUs, one global average and dense layers."""
    chain: list[Layer] = []
    for layer in model.layers:
        values = [np.asarray(v, dtype=np.float64) for v in layer.get_weights()]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            chain.append(Layer("depthwise", values[0][:, :, :, 0], np.zeros(values[0].shape[2]), layer.strides[0]))
        elif isinstance(layer, keras.layers.Conv2D):
            kernel = values[0].transpose(3, 0, 1, 2)
            chain.append(Layer("conv2d", kernel, np.zeros(kernel.shape[0]), layer.strides[0]))
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = values
            gain, last = gamma / np.sqrt(variance + layer.epsilon), chain[-1]
            last.weight = last.weight * (gain if last.kind == "depthwise" else gain[:, None, None, None])
            last.bias = beta + (last.bias - mean) * gain
        elif isinstance(layer, keras.layers.ReLU):
            chain[-1].relu = True
        elif isinstance(layer, keras.layers.GlobalAveragePooling2D):
            chain.append(Layer("avg_pool"))
        elif isinstance(layer, keras.layers.Dense):
            chain.append(Layer("dense", values[0].T, values[1]))
        elif not isinstance(layer, keras.layers.InputLayer):
            raise TypeError(f"cannot quantise a layer of type {type(layer).__name__}")
    return chain


@keras.saving.register_keras_serializable("hark")
class Folded(keras.layers.Layer):
    """A folded layer, trainable; with `rounding` its weights and outputs are those of the int8 network."""

    def __init__(self, layer: Layer, rounding: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.of, self.rounding = layer, rounding
        weight = {"conv2d": lambda w: w.transpose(1, 2, 3, 0), "depthwise": lambda w: w[..., None],
                  "dense": lambda w: w.T, "avg_pool": lambda w: w}[layer.kind](layer.weight)
        if layer.kind != "avg_pool":
            self.kernel = self.add_weight(shape=weight.shape, name="kernel")
            self.kernel.assign(weight)
            self.bias = self.add_weight(shape=layer.bias.shape, name="bias")
            self.bias.assign(layer.bias)

    def rounded_kernel(self) -> keras.KerasTensor:
        axes = {"conv2d": (0, 1, 2), "depthwise": (0, 1, 3), "dense": (0,)}[self.of.kind]
        scale = ops.maximum(ops.max(ops.abs(self.kernel), axis=axes, keepdims=True), 1e-8) / WEIGHT_LIMIT
        return self.kernel + ops.stop_gradient(ops.round(self.kernel / scale) * scale - self.kernel)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        kind, stride = self.of.kind, self.of.stride
        if kind == "avg_pool":
            x = ops.mean(x, axis=(1, 2))
        else:
            kernel = self.rounded_kernel() if self.rounding else self.kernel
            if kind == "conv2d":
                x = ops.conv(x, kernel, strides=stride, padding="same")
            elif kind == "depthwise":
                x = ops.depthwise_conv(x, kernel, strides=stride, padding="same")
            else:
                x = ops.matmul(x, kernel)
            x = x + self.bias
        if self.of.relu:
            x = ops.relu(x)
        if self.rounding:
            scale, zero = self.of.out_scale, self.of.out_zero
            x = ops.clip(x, (INT8[0] - zero) * scale, (INT8[1] - zero) * scale)
            x = x + ops.stop_gradient(ops.round(x / scale) * scale - x)
        return x

    def layer(self) -> Layer:
        """The folded layer with the weights as they are now."""
        if self.of.kind == "avg_pool":
            return self.of
        kernel = np.asarray(self.kernel, dtype=np.float64)
        weight = {"conv2d": lambda w: w.transpose(3, 0, 1, 2), "depthwise": lambda w: w[..., 0],
                  "dense": lambda w: w.T}[self.of.kind](kernel)
        return Layer(self.of.kind, weight, np.asarray(self.bias, dtype=np.float64), self.of.stride, self.of.relu,
                     self.of.out_scale, self.of.out_zero)


def network(chain: list[Layer], input_shape: tuple[int, ...], rounding: bool) -> keras.Model:
    """A trainable Keras model of the folded layers; outputs of all layers where `rounding` is off."""
    x = inputs = keras.Input(input_shape)
    outputs = []
    for layer in chain:
        x = Folded(layer, rounding)(x)
        outputs.append(x)
    return keras.Model(inputs, x if rounding else outputs)


def unfold(model: keras.Model) -> list[Layer]:
    return [layer.layer() for layer in model.layers if isinstance(layer, Folded)]


def calibrate(chain: list[Layer], x: np.ndarray) -> None:
    """Sets every layer's output scale and zero point from float inputs [n, h, w, c]."""
    outputs = network(chain, x.shape[1:], rounding=False).predict(x, batch_size=256, verbose=0)
    for i, (layer, values) in enumerate(zip(chain, outputs, strict=True)):
        if layer.kind == "avg_pool":
            layer.out_scale, layer.out_zero = chain[i - 1].out_scale, chain[i - 1].out_zero
            continue
        low = min(0.0, float(np.quantile(values, 1 - RANGE_QUANTILE)))
        high = max(1e-6, float(np.quantile(values, RANGE_QUANTILE)))
        layer.out_scale = (high - low) / (INT8[1] - INT8[0])
        layer.out_zero = round(INT8[0] - low / layer.out_scale)


def requantise(x: np.ndarray, mult: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """int64: x * mult * 2^(shift - 31) with the two roundings of SPEC.md; shift < 0, one entry a channel (last axis)."""
    high = (x.astype(np.int64) * mult + (1 << 30)) >> 31
    right = -shift
    return (high + (np.int64(1) << (right - 1)) + (high >> 63)) >> right


def _patches(x: np.ndarray, kernel: tuple[int, int], stride: int, zero: int) -> np.ndarray:
    pads = [(0, 0)]
    for size, k in zip(x.shape[1:3], kernel, strict=True):
        out, before = same_padding(size, k, stride, 1)
        pads.append((before, max(0, (out - 1) * stride + k - size - before)))
    pads.append((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, pads, constant_values=zero), kernel, axis=(1, 2))
    return windows[:, ::stride, ::stride].astype(np.float64)                # [n, h, w, c, kh, kw]; sums stay exact


def run(chain: list[Layer], x: np.ndarray, in_scale: float, in_zero: int = 0) -> np.ndarray:
    """int8 [n, h, w, c] -> int8 logits [n, classes]: the integer network, in numpy."""
    scale, zero = in_scale, in_zero
    for layer in chain:
        if layer.kind == "avg_pool":
            total, count = x.astype(np.int64).sum(axis=(1, 2)), x.shape[1] * x.shape[2]
            x = (np.sign(total) * ((np.abs(total) + count // 2) // count)).astype(np.int8)
            continue
        weight = layer.int_weight().astype(np.float64)
        if layer.kind == "dense":
            total = (x.astype(np.float64) - zero) @ weight.T
        elif layer.kind == "conv2d":
            patches = _patches(x, weight.shape[1:3], layer.stride, zero) - zero
            total = np.tensordot(patches, weight, ([4, 5, 3], [1, 2, 3]))
        else:
            total = np.einsum("nhwcij,ijc->nhwc", _patches(x, weight.shape[:2], layer.stride, zero) - zero, weight)
        mult, shift = np.array(per_channel(scale, layer.weight_scale(), layer.out_scale)).T
        total = requantise(total.astype(np.int64) + layer.int_bias(scale), mult, shift) + layer.out_zero
        low = max(INT8[0], layer.out_zero) if layer.relu else INT8[0]
        x = np.clip(total, low, INT8[1]).astype(np.int8)
        scale, zero = layer.out_scale, layer.out_zero
    return x


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
