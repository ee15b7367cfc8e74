"""A network over symbols, layer by layer, each tensor for itself: no arena, no plan."""

import numpy as np
import symbols as sym

from tools.blob import format as fmt
from tools.blob.format import Op
from tools.blob.network import (
    Arithmetic,
    Assign,
    Concat,
    Fill,
    Layer,
    Linear,
    Lut,
    Mean,
    Network,
    Pad,
    Pool,
    Read,
    Reshape,
    Slice,
    Softmax,
    Transpose,
    Variable,
)


def _linear(layer: Linear, x: np.ndarray) -> np.ndarray:
    rows = layer.weights.reshape(len(layer.weights), -1)
    padded = np.pad(rows, ((0, 0), (0, fmt.row_bytes(rows.shape[1]) - rows.shape[1])))
    key, zero = sym.key_of(padded.tobytes(), layer.channels), layer.inputs[0].quant.zero_point
    if layer.window is None:
        return sym.fully_connected(x, layer.output.shape, key)
    kernel = sym.conv2d if layer.code == Op.CONV_2D else sym.depthwise_conv2d
    return kernel(x, layer.window, layer.output.shape, zero, key)


def _pad(layer: Pad, x: np.ndarray) -> np.ndarray:
    y = np.full(layer.output.shape, sym.constant(np.array(layer.value)))
    place = tuple(slice(a, a + n) for (a, _), n in zip(layer.pads, x.shape, strict=True))
    y[place] = x
    return y


def _slice(layer: Slice, x: np.ndarray) -> np.ndarray:
    at = [b + np.arange(n) * s for b, n, s in zip(layer.begin, layer.output.shape, layer.stride, strict=True)]
    return x[np.ix_(*at)]


RULES = {
    Linear: _linear,
    Pool: lambda layer, x: sym.pool2d(x, layer.window, layer.output.shape, sym.pool_key(layer.code, layer.window.kernel, layer.clamp)),
    Arithmetic: lambda layer, a, b: sym.binary(a, b, sym.key_of(layer.code, layer.params)),
    Mean: lambda layer, x: sym.mean(x, layer.axes, sym.key_of(layer.params)),
    Softmax: lambda layer, x: sym.softmax(x, sym.key_of(layer.params)),
    Lut: lambda layer, x: sym.lut(x, sym.key_of(layer.table)),
    Reshape: lambda layer, x: x.reshape(layer.output.shape),
    Slice: _slice,
    Concat: lambda layer, *parts: np.concatenate(parts, axis=layer.axis),
    Pad: _pad,
    Transpose: lambda layer, x: x.transpose(layer.perm),
    Fill: lambda layer: np.full(layer.output.shape, sym.constant(np.array(layer.value))),
}


def evaluate(network: Network, features: np.ndarray, variables: dict[Variable, np.ndarray] | None = None) -> np.ndarray:
    """features: symbols [h, w, c] -> symbols of the output. variables: what they hold, left as the run leaves them."""
    variables = {} if variables is None else variables
    for v in network.variables:
        initial = np.full(v.bytes, v.quant.zero_point) if v.initial is None else np.frombuffer(v.initial, np.int8)
        variables.setdefault(v, sym.constant(initial).reshape(v.shape))
    values = {network.input.index: features.reshape(network.input.shape)}

    def value(index: int, shape: tuple[int, int, int]) -> np.ndarray:
        if index in network.constants:
            return sym.constant(np.frombuffer(network.constants[index], np.int8)).reshape(shape)
        return values[index]

    layer: Layer
    for layer in network.layers:
        if isinstance(layer, Assign):
            variables[layer.variable] = value(layer.inputs[0].index, layer.inputs[0].shape)
            continue
        if isinstance(layer, Read):
            values[layer.output.index] = variables[layer.variable]
            continue
        values[layer.output.index] = RULES[type(layer)](layer, *(value(t.index, t.shape) for t in layer.inputs))
        assert values[layer.output.index].shape == layer.output.shape, layer.name
    return value(network.output.index, network.output.shape)
