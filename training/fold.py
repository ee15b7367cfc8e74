"""A float Keras model -> layers that can be quantised: batch norm and ReLU go into the layer before them."""
from __future__ import annotations

from collections import Counter

import keras
import numpy as np
from keras import layers

from training.quantise import INPUT, Layer

SAME_VALUES = (layers.Dropout, layers.SpatialDropout2D)        # outside of training


class _Folding:
    """`chain` grows layer by layer; `number` says which of its layers a Keras tensor is the output of."""

    def __init__(self, model: keras.Model) -> None:
        self.chain: list[Layer] = []
        self.number = {id(model.inputs[0]): INPUT}
        self.users = Counter(id(x) for layer in model.layers for x in _inputs(layer))
        self.users.update(id(x) for x in model.outputs)
        self.padding: dict[int, layers.ZeroPadding2D] = {}      # by what comes out of it

    def append(self, layer: keras.Layer, new: Layer) -> None:
        new.inputs = tuple(self.number[id(x)] for x in _inputs(layer))
        self.chain.append(new)
        self.number[id(layer.output)] = len(self.chain) - 1

    def absorb(self, layer: keras.Layer, kinds: tuple[str, ...]) -> Layer:
        """The layer before, which `layer` becomes a part of."""
        number = self.number[id(layer.input)]
        before = None if number == INPUT else self.chain[number]
        if before is None or before.kind not in kinds or before.relu or self.users[id(layer.input)] > 1:
            raise ValueError(f"'{layer.name}' ({type(layer).__name__}) cannot be folded into the layer before it: "
                             f"that must be {' or '.join(kinds)} without ReLU, read by nothing else")
        self.number[id(layer.output)] = number
        return before

    def convolution(self, layer: layers.Conv2D | layers.DepthwiseConv2D) -> None:
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        kernel, *bias = (np.asarray(v, dtype=np.float64) for v in layer.get_weights())
        if depthwise and layer.depth_multiplier != 1:
            raise ValueError(f"'{layer.name}': a depth multiplier of {layer.depth_multiplier} cannot be quantised")
        weight = kernel[:, :, :, 0] if depthwise else kernel.transpose(3, 0, 1, 2)
        new = Layer("depthwise" if depthwise else "conv2d", weight, bias[0] if bias else np.zeros(layer.output.shape[-1]),
                    tuple(layer.strides), tuple(layer.dilation_rate), layer.padding)
        pad = self.padding.get(id(layer.input))
        if pad:
            new.padding = tuple(map(tuple, pad.padding))
            extent = [(k - 1) * d for k, d in zip(new.kernel, new.dilation, strict=True)]
            if layer.padding != "valid" or any(max(pads) > most for pads, most in zip(new.padding, extent, strict=True)):
                raise ValueError(f"'{pad.name}' pads {pad.padding}, which '{layer.name}' behind it cannot take in: the zeros must be "
                                 "narrower than its kernel, and its own padding 'valid'")
        self.append(layer, new)

    def mean(self, layer: layers.AveragePooling2D) -> None:
        if tuple(layer.pool_size) != (1, layer.input.shape[2]) or layer.padding != "valid":
            raise ValueError(f"'{layer.name}' pools {layer.pool_size} of {tuple(layer.input.shape[1:])}: only the mean over the "
                             "whole width can be quantised")
        self.append(layer, Layer("mean"))

    def batch_norm(self, layer: layers.BatchNormalization) -> None:
        mean, variance = (np.asarray(v, dtype=np.float64) for v in (layer.moving_mean, layer.moving_variance))
        gamma = np.asarray(layer.gamma, dtype=np.float64) if layer.scale else np.ones_like(mean)
        beta = np.asarray(layer.beta, dtype=np.float64) if layer.center else np.zeros_like(mean)
        gain, last = gamma / np.sqrt(variance + layer.epsilon), self.absorb(layer, ("conv2d", "depthwise", "dense"))
        shape = [-1 if i == last.channel_axis else 1 for i in range(last.weight.ndim)]
        last.weight = last.weight * gain.reshape(shape)
        last.bias = beta + (last.bias - mean) * gain

    def take(self, layer: keras.Layer) -> None:
        if getattr(layer, "activation", None) not in (None, keras.activations.linear):
            raise ValueError(f"'{layer.name}' has an activation: use a layer ReLU")
        if isinstance(layer, (layers.DepthwiseConv2D, layers.Conv2D)):
            self.convolution(layer)
        elif isinstance(layer, layers.BatchNormalization):
            self.batch_norm(layer)
        elif isinstance(layer, layers.ReLU):
            self.absorb(layer, ("conv2d", "depthwise", "dense", "add")).relu = True
        elif isinstance(layer, layers.Add) and len(_inputs(layer)) == 2:
            self.append(layer, Layer("add"))
        elif isinstance(layer, layers.GlobalAveragePooling2D) and not layer.keepdims:
            self.append(layer, Layer("avg_pool"))
        elif isinstance(layer, layers.AveragePooling2D):
            self.mean(layer)
        elif isinstance(layer, layers.Dense):
            kernel, *bias = (np.asarray(v, dtype=np.float64) for v in layer.get_weights())
            self.append(layer, Layer("dense", kernel.T, bias[0] if bias else np.zeros(kernel.shape[1])))
        elif isinstance(layer, layers.Reshape):
            self.append(layer, Layer("reshape", shape=tuple(layer.output.shape[1:])))
        elif isinstance(layer, layers.Cropping2D) and layer.cropping[0][1] == 0 and not any(layer.cropping[1]):
            self.append(layer, Layer("crop", front=layer.cropping[0][0]))
        elif isinstance(layer, layers.ZeroPadding2D):
            self.padding[id(layer.output)] = layer
            self.number[id(layer.output)] = self.number[id(layer.input)]
        elif isinstance(layer, SAME_VALUES):
            self.number[id(layer.output)] = self.number[id(layer.input)]
        elif not isinstance(layer, layers.InputLayer):
            raise TypeError(f"cannot quantise a layer of type {type(layer).__name__}")
        for x in () if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.InputLayer) else _inputs(layer):
            if id(x) in self.padding:
                raise ValueError(f"'{self.padding[id(x)].name}' pads what is no convolution's input")


def _inputs(layer: keras.Layer) -> list[keras.KerasTensor]:
    if isinstance(layer, layers.InputLayer):
        return []
    return list(layer.input) if isinstance(layer.input, (list, tuple)) else [layer.input]


def fold(model: keras.Model) -> list[Layer]:
    """The layers of a graph of convolutions, batch norms, ReLUs, adds, means over the width, a global average and dense layers.

    Zeros around and a convolution without padding (ZeroPadding2D, then padding "valid") are one layer. In an add, one
    input's width may be 1.
    Raises TypeError for a kind of layer that is none of these, ValueError for one that is used in another way.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(f"a network has one input and one output, not {len(model.inputs)} and {len(model.outputs)}")
    folding = _Folding(model)
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer) and len(layer._inbound_nodes) != 1:
            raise ValueError(f"'{layer.name}' is used {len(layer._inbound_nodes)} times: each use needs a layer of its own")
        folding.take(layer)
    if folding.number[id(model.outputs[0])] != len(folding.chain) - 1:
        raise ValueError("the model's output is not its last layer's")
    return folding.chain
