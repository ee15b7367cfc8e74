"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and SVDF."""

import numpy as np

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.net import Handler, Net, activation, expect
from tools.import_tflite.schema import PADDINGS, TensorType
from tools.import_tflite.shapes import Layout

MAX_GROUPS = 64  # of a convolution: each is a layer of its own


def weights(net: Net, index: int, rank: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """(int8 values, float32 scales): symmetric, with one scale or one for each element of `axis`."""
    info = net.info(index)
    if info.type != TensorType.INT8 or not info.scales or any(info.zero_points):
        raise TfliteError(f"weights {info} are not symmetric int8")
    if len(info.dims) != rank or (len(info.scales) > 1 and info.axis != axis):
        raise TfliteError(f"weights {info} of rank {rank} with scales along dimension {axis} are expected")
    return net.array(index), np.asarray(info.scales, np.float32)


def bias(net: Net, op: Operator, place: int, channels: int) -> np.ndarray:
    """int32 [channels]; zeros where it is left out."""
    if len(op.inputs) <= place or op.inputs[place] < 0:
        return np.zeros(channels, np.int32)
    info = net.info(op.inputs[place])
    if info.type != TensorType.INT32 or info.elements != channels:
        raise TfliteError(f"bias {info}: one int32 for each of {channels} channels is expected")
    return net.array(op.inputs[place]).reshape(-1)


def window(op: Operator, layout: Layout) -> dict[str, object]:
    """The writer's arguments for strides, dilations, padding and activation."""
    o = op.options
    pairs = {"stride": (o["stride_h"], o["stride_w"]), "dilation": (o.get("dilation_h", 1), o.get("dilation_w", 1))}
    for name, pair in pairs.items():
        if not all(1 <= n < 1 << 16 for n in pair):
            raise TfliteError(f"{name} {pair}")
    if o["padding"] not in PADDINGS:
        raise TfliteError(f"padding {o['padding']} is not supported")
    padding = layout.pair(*o["pads"]) if "pads" in o else PADDINGS[o["padding"]]  # pads: see dilation.py
    return {name: layout.pair(*pair) for name, pair in pairs.items()} | {"padding": padding, "activation": activation(op)}


def conv2d(net: Net, op: Operator) -> None:
    expect(op, (2, 3))
    x, y = op.inputs[0], op.outputs[0]
    net.int8(x)
    w, scales = weights(net, op.inputs[1], 4, axis=0)
    layout = net.layout([x], [y])
    source = net.view(x, layout.shape(net.dims(x)))
    groups, left = divmod(source.shape[2], w.shape[3])
    if left or groups > w.shape[0] or w.shape[0] % groups:
        raise TfliteError(f"weights {list(w.shape)} on {net.info(x)}")
    if groups > MAX_GROUPS:
        raise TfliteError(f"{groups} groups; up to {MAX_GROUPS} are imported, more as DEPTHWISE_CONV_2D")
    values = w.swapaxes(1, 2) if layout.swapped else w
    b, scales, arguments, out = bias(net, op, 2, w.shape[0]), np.broadcast_to(scales, w.shape[0]), window(op, layout), net.int8(y)
    parts = []
    for group in range(groups):
        part = source
        if groups > 1:
            begin, size = (0, 0, group * w.shape[3]), (*source.shape[:2], w.shape[3])
            part = net.writer.slice(source, begin, size, (1, 1, 1))
        rows = slice(group * w.shape[0] // groups, (group + 1) * w.shape[0] // groups)
        parts.append(net.writer.conv2d(part, values[rows], b[rows], scales[rows], out, **arguments))
    net.bind(y, parts[0] if groups == 1 else net.writer.concat(parts, 2), layout.shape(net.dims(y)))


def depthwise(net: Net, op: Operator) -> None:
    expect(op, (2, 3))
    x, y = op.inputs[0], op.outputs[0]
    net.int8(x)
    w, scales = weights(net, op.inputs[1], 4, axis=3)
    multiplier = op.options["depth_multiplier"]
    if w.shape[0] != 1 or w.shape[3] != multiplier * net.dims(x)[-1:][0]:
        raise TfliteError(f"depth multiplier {multiplier} with weights {list(w.shape)} on {net.info(x)}")
    layout = net.layout([x], [y])
    w = w[0].swapaxes(0, 1) if layout.swapped else w[0]
    out = net.writer.depthwise_conv2d(net.view(x, layout.shape(net.dims(x))), w, bias(net, op, 2, w.shape[2]), scales,
                                      net.int8(y), **window(op, layout))  # fmt: skip
    net.bind(y, out, layout.shape(net.dims(y)))


def fully_connected(net: Net, op: Operator) -> None:
    """Rows of as many values as the weights take; each row gives one value a channel."""
    expect(op, (2, 3))
    x, y = op.inputs[0], op.outputs[0]
    net.int8(x)
    w, scales = weights(net, op.inputs[1], 2, axis=0)
    if op.options["weights_format"]:
        raise TfliteError("shuffled weights are not supported")
    units, n = w.shape
    tensor = net.tensor(x)
    rows = net.info(x).elements // n
    if net.info(x).elements % n or net.dims(y)[-1:] != (units,):
        raise TfliteError(f"weights for {n} values and {units} channels between {net.info(x)} and {net.info(y)}")
    net.settle(y, (*net.dims(x)[:-1], units) if op.options["keep_num_dims"] else (rows, units))
    if tensor.shape[2] != n:
        tensor = net.view(x, (rows, 1, n))
    net.bind(y, net.writer.fully_connected(tensor, w, bias(net, op, 2, units), scales, net.int8(y), activation=activation(op)))


HANDLERS: dict[str, Handler] = {"CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise, "FULLY_CONNECTED": fully_connected}
