"""The int8 network in TensorFlow Lite's arithmetic, the one that the C core runs (SPEC.md), as a list of layers.

Weights are symmetric, one scale an output channel; activations have one scale and zero point a tensor. `fold.py`
makes the layers of a Keras model, `fine_tune.py` finds the scales and trains with the rounding in place. `run` is the
integer network in numpy, bit for bit what the core computes up to the logits.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tools.blob.quantise import add_multipliers, dense, mean_multiplier, per_channel
from tools.blob.windows import Padding, place

INT8 = (-128, 127)
WEIGHT_LIMIT = 127                      # symmetric: -128 is not used, as in TensorFlow Lite
INPUT = -1                              # the number of the network's input, in Layer.inputs
ADD_BITS = 20                           # headroom of an add's inputs

Pair = tuple[int, int]


@dataclass
class Layer:
    """One layer with batch norm and ReLU folded in. Feature maps are [h, w, c]; h is time.

    kind: conv2d, depthwise, dense, add (one input's width may be 1, it is then added everywhere) or mean (over the
    width, which becomes 1); or one that keeps its input's scale: avg_pool (over the whole map), reshape (to `shape`) or
    crop (without the first `front` rows).
    weight: conv2d [c_out, kh, kw, c_in], depthwise [kh, kw, c], dense [c_out, c_in]; bias: [c_out]; both float.
    stride, dilation: (time, width). padding: "same", "valid" or zeros ((top, bottom), (left, right)).
    inputs: numbers of the layers that it reads, INPUT for the network's input.
    out_scale, out_zero: of the output, once `calibrate` has seen data.
    """
    kind: str
    weight: np.ndarray = field(default_factory=lambda: np.zeros(0))
    bias: np.ndarray = field(default_factory=lambda: np.zeros(0))
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = "same"
    relu: bool = False
    inputs: tuple[int, ...] = (INPUT,)
    shape: tuple[int, ...] = ()
    front: int = 0
    out_scale: float = 0.0
    out_zero: int = 0

    @property
    def has_weights(self) -> bool:
        return self.kind in ("conv2d", "depthwise", "dense")

    @property
    def keeps_scale(self) -> bool:
        return self.kind in ("avg_pool", "reshape", "crop")

    @property
    def channel_axis(self) -> int:
        return 2 if self.kind == "depthwise" else 0

    @property
    def kernel(self) -> Pair:
        return self.weight.shape[:2] if self.kind == "depthwise" else self.weight.shape[1:3]

    def pads(self, shape: tuple[int, ...]) -> tuple[Pair, Pair]:
        """((top, bottom), (left, right)) of a convolution over an input [h, w, ...]."""
        sizes, window = place((*shape[:2], 1), self.kernel, self.stride, self.dilation, self.padding)
        return tuple(
            (front, max(0, (out - 1) * stride + (k - 1) * dilation + 1 - n - front))
            for n, out, k, stride, dilation, front in zip(
                shape[:2], sizes, self.kernel, self.stride, self.dilation, window.pads, strict=True))

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


def requantise(x: np.ndarray, mult: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """int64: R(x, mult, shift) of SPEC.md, which rounds twice; one mult and shift, or one a channel (last axis)."""
    left, right = np.maximum(shift, 0), np.maximum(np.negative(shift), 0)
    shifted = (x.astype(np.int64) << left).astype(np.int32).astype(np.int64)
    high = (shifted * mult + (1 << 30)) >> 31
    return (high + ((np.int64(1) << right) >> 1) - ((high < 0) & (right > 0))) >> right


def requantise_once(x: np.ndarray, mult: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """int64: R1(x, mult, shift) of SPEC.md."""
    return (x.astype(np.int64) * mult + (np.int64(1) << (30 - shift))) >> (31 - shift)


def _patches(layer: Layer, x: np.ndarray, zero: int) -> np.ndarray:
    """float64 [n, h, w, c, kh, kw] of int8 [n, h, w, c], less the zero point; sums of products stay exact."""
    extent = [(k - 1) * d + 1 for k, d in zip(layer.kernel, layer.dilation, strict=True)]
    padded = np.pad(x, [(0, 0), *layer.pads(x.shape[1:]), (0, 0)], constant_values=zero)
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(1, 2))
    (sh, sw), (dh, dw) = layer.stride, layer.dilation
    return windows[:, ::sh, ::sw, :, ::dh, ::dw].astype(np.float64) - zero


def _linear(layer: Layer, x: np.ndarray, scale: float, zero: int) -> np.ndarray:
    """int64 outputs of a layer with weights, not limited yet."""
    weight = layer.int_weight().astype(np.float64)
    if layer.kind == "dense":
        total = (x.astype(np.float64) - zero) @ weight.T
    elif layer.kind == "conv2d":
        total = np.tensordot(_patches(layer, x, zero), weight, ([4, 5, 3], [1, 2, 3]))
    else:
        total = np.einsum("nhwcij,ijc->nhwc", _patches(layer, x, zero), weight)
    total = total.astype(np.int64) + layer.int_bias(scale)
    rule, rounding = (dense, requantise_once) if layer.kind == "dense" else (per_channel, requantise)
    return rounding(total, *np.array(rule(scale, layer.weight_scale(), layer.out_scale)).T) + layer.out_zero


def _keep(layer: Layer, x: np.ndarray) -> np.ndarray:
    if layer.kind == "reshape":
        return x.reshape(len(x), *layer.shape)
    if layer.kind == "crop":
        return x[:, layer.front:]
    total, count = x.astype(np.int64).sum(axis=(1, 2)), x.shape[1] * x.shape[2]
    return (np.sign(total) * ((np.abs(total) + count // 2) // count)).astype(np.int8)


def _add(layer: Layer, inputs: list[np.ndarray], quants: list[tuple[float, int]]) -> np.ndarray:
    *scales, last = add_multipliers(*(scale for scale, _ in quants), layer.out_scale)
    parts = [requantise((x.astype(np.int64) - zero) << ADD_BITS, *scale)
             for x, (_, zero), scale in zip(inputs, quants, scales, strict=True)]
    return requantise(parts[0] + parts[1], *last) + layer.out_zero


def _mean(layer: Layer, x: np.ndarray, scale: float, zero: int) -> np.ndarray:
    total = (x.astype(np.int64) - zero).sum(axis=2, keepdims=True)
    return requantise(total, *map(np.int64, mean_multiplier(scale, layer.out_scale, x.shape[2]))) + layer.out_zero


def run(chain: list[Layer], x: np.ndarray, in_scale: float, in_zero: int = 0) -> np.ndarray:
    """int8 [n, h, w, c] -> int8 logits [n, classes]: the integer network, in numpy."""
    outputs = {INPUT: x}
    quants = {INPUT: (in_scale, in_zero)} | {i: (layer.out_scale, layer.out_zero) for i, layer in enumerate(chain)}
    for number, layer in enumerate(chain):
        first = layer.inputs[0]
        if layer.keeps_scale:
            outputs[number] = _keep(layer, outputs[first])
            continue
        if layer.kind == "add":
            total = _add(layer, [outputs[i] for i in layer.inputs], [quants[i] for i in layer.inputs])
        elif layer.kind == "mean":
            total = _mean(layer, outputs[first], *quants[first])
        else:
            total = _linear(layer, outputs[first], *quants[first])
        low = max(INT8[0], layer.out_zero) if layer.relu else INT8[0]
        outputs[number] = np.clip(total, low, INT8[1]).astype(np.int8)
    return outputs[len(chain) - 1]
