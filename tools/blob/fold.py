"""Passes over a network before it is planned: what changes no result but costs less."""

from dataclasses import replace

from tools.blob import copies, windows
from tools.blob.network import Assign, Layer, Linear, Network, Pad, Reshape, Tensor, Window


def _without_dead(network: Network) -> Network:
    """Only layers that the output or a variable depends on."""
    needed, kept = {network.output.index}, []
    for layer in reversed(network.layers):
        if layer.output.index in needed or isinstance(layer, Assign):
            kept.append(layer)
            needed.update(t.index for t in layer.inputs)
    return replace(network, layers=kept[::-1])


def _joined_reshapes(network: Network) -> Network:
    """A reshape of a reshape reads the first one's input; what it turns back is that input itself."""
    sources: dict[int, Tensor] = {}
    aliases: dict[int, Tensor] = {}
    layers: list[Layer] = []
    for layer in network.layers:
        layer = replace(layer, inputs=tuple(aliases.get(t.index, t) for t in layer.inputs))
        if isinstance(layer, Reshape):
            source = sources.get(layer.inputs[0].index, layer.inputs[0])
            if source.shape == layer.output.shape and layer.output != network.output:
                aliases[layer.output.index] = source
                continue
            layer.inputs = (source,)
            sources[layer.output.index] = source
        layers.append(layer)
    return replace(network, layers=layers)


def _window_with(layer: Linear, pad: Pad) -> Window | None:
    """The window of a convolution that does the padding in front of it too; None where it cannot."""
    (x,), y, w = pad.inputs, layer.output, layer.window
    if pad.pads[2] != (0, 0) or pad.value != x.quant.zero_point:
        return None
    pads = tuple(w.pads[axis] + pad.pads[axis][0] for axis in (0, 1))
    for axis in (0, 1):
        if not windows.touches(x.shape[axis], y.shape[axis], w.kernel[axis], w.stride[axis], w.dilation[axis], pads[axis]):
            return None
        if x.shape[axis] - replace(w, pads=pads).end(axis, y.shape[axis]) >= w.stride[axis]:
            return None  # the padding behind would have to hide input that no window covers
    return replace(w, pads=pads)


def _folded_pads(network: Network) -> Network:
    """Padding with the zero point becomes a convolution's own."""
    pads = {layer.output.index: layer for layer in network.layers if isinstance(layer, Pad)}
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Linear) and layer.window and layer.inputs[0].index in pads:
            pad = pads[layer.inputs[0].index]
            window = _window_with(layer, pad)
            if window:
                layer = replace(layer, inputs=pad.inputs, window=window)
        layers.append(layer)
    return replace(network, layers=layers)


def _split_pads(network: Network, spare: int) -> Network:
    """Padding in time apart from padding at the sides: rows of zero points in front of time are there in a stream already."""
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Pad) and any(layer.pads[0]) and not copies.pads_rows(layer):
            x, y = layer.inputs[0], layer.output
            between = Tensor(spare, (x.shape[0], *y.shape[1:]), y.quant)
            spare += 1
            layers.append(Pad(layer.name, (x,), between, ((0, 0), *layer.pads[1:]), layer.value))
            layer = Pad(layer.name, (between,), y, (layer.pads[0], (0, 0), (0, 0)), layer.value)
        layers.append(layer)
    return replace(network, layers=layers)


def fold(network: Network, tensors: int) -> Network:
    """The same network with less to do. tensors: how many it has; new ones are numbered from there."""
    return _split_pads(_without_dead(_folded_pads(_joined_reshapes(_without_dead(network)))), tensors)
