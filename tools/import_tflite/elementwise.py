"""ADD, SUB, MUL, the activations, SOFTMAX, QUANTIZE and DEQUANTIZE."""

import math

import numpy as np

from tools.blob.network import Quant, Tensor
from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.net import Floats, Handler, Net, activation, expect
from tools.import_tflite.schema import TensorType
from tools.import_tflite.shapes import Layout

INT8 = np.arange(-128, 128)


def operand(net: Net, index: int, layout: Layout) -> Tensor:
    """An input in the layer's layout; dimensions of 1 stay, the kernels repeat along them."""
    return net.view(index, layout.shape(net.dims(index)))


def binary(net: Net, op: Operator) -> None:
    expect(op, 2)
    (a, b), (y,) = op.inputs, op.outputs
    net.int8(a), net.int8(b)
    layout = net.layout([a, b], [y])
    add = {"ADD": net.writer.add, "SUB": net.writer.sub, "MUL": net.writer.mul}[op.name]
    out = add(operand(net, a, layout), operand(net, b, layout), net.int8(y), activation=activation(op))
    net.bind(y, out, layout.shape(net.dims(y)))


def same_shape(net: Net, op: Operator) -> Tensor:
    """The input of an operator that treats each value alike."""
    expect(op, 1)
    (x,), (y,) = op.inputs, op.outputs
    net.int8(x), net.int8(y)
    net.settle(y, net.dims(x))
    return net.tensor(x)


def relu(net: Net, op: Operator) -> None:
    x, y = same_shape(net, op), op.outputs[0]
    net.bind(y, net.writer.relu(x, net.quant(y), activation=op.name.lower()))


def leaky_relu(net: Net, op: Operator) -> None:
    alpha = op.options["alpha"]
    if not math.isfinite(alpha):
        raise TfliteError(f"alpha {alpha}")
    x, y = same_shape(net, op), op.outputs[0]
    net.bind(y, net.writer.leaky_relu(x, alpha, net.quant(y)))


def function(net: Net, op: Operator) -> None:
    """LOGISTIC, TANH and HARD_SWISH; the writer knows which output scales there are."""
    x, y = same_shape(net, op), op.outputs[0]
    make = {"LOGISTIC": net.writer.logistic, "TANH": net.writer.tanh, "HARD_SWISH": net.writer.hard_swish}[op.name]
    net.bind(y, make(x, net.quant(y)))


def prelu(net: Net, op: Operator) -> None:
    expect(op, 2)
    (x, alpha), (y,) = op.inputs, op.outputs
    net.int8(x), net.int8(alpha)
    layout = net.layout([x], [y])
    out = net.writer.prelu(operand(net, x, layout), operand(net, alpha, layout), net.int8(y))
    net.bind(y, out, layout.shape(net.dims(y)))


def softmax(net: Net, op: Operator) -> None:
    beta = op.options["beta"]
    if not (math.isfinite(beta) and beta > 0):
        raise TfliteError(f"beta {beta}")
    x, y = same_shape(net, op), op.outputs[0]
    if net.quant(y) != Quant(1 / 256, -128):
        raise TfliteError(f"{net.info(y)} is not quantised with scale 1/256 and zero point -128")
    classes = net.dims(y)[-1] if net.dims(y) else 1
    if x.shape[2] != classes:
        x = net.view(op.inputs[0], (net.info(y).elements // classes, 1, classes))
    net.bind(y, net.writer.softmax(x, beta=beta))


def quantize(net: Net, op: Operator) -> None:
    """Between integer types: requantise. From a float that is a function of an int8 tensor: a table."""
    expect(op, 1)
    (x,), (y,) = op.inputs, op.outputs
    out = net.quant(y)
    net.settle(y, net.dims(x))
    if net.info(x).type != TensorType.FLOAT32:
        tensor = net.tensor(x)
        net.bind(y, tensor if tensor.quant == out else net.writer.requantise(tensor, out))
        return
    if x not in net.floats:
        raise TfliteError(f"{net.info(x)} is computed in float: convert with full integer quantisation")
    floats = net.floats[x]
    with np.errstate(over="ignore"):
        steps = floats.values / np.float32(out.scale)
    rounded = np.copysign(np.floor(np.abs(steps.astype(np.float64)) + 0.5), steps)
    table = np.clip(rounded + out.zero_point, -128, 127).astype(np.int8)
    alike = floats.tensor.quant == out and np.array_equal(table, INT8)
    net.bind(y, floats.tensor if alike else net.writer.lut(floats.tensor, table, out))


def dequantize(net: Net, op: Operator) -> None:
    expect(op, 1)
    (x,), (y,) = op.inputs, op.outputs
    quant = net.quant(x)
    net.settle(y, net.dims(x))
    if net.info(y).type != TensorType.FLOAT32:
        raise TfliteError(f"{net.info(x)} into {net.info(y)}")
    net.floats[y] = Floats(net.tensor(x), dequantised(quant))


def dequantised(quant: Quant) -> np.ndarray:
    """float32 [256] of each int8, as TensorFlow Lite computes it in double precision."""
    with np.errstate(over="ignore"):
        return (float(np.float32(quant.scale)) * (INT8 - quant.zero_point)).astype(np.float32)


HANDLERS: dict[str, Handler] = {
    "ADD": binary,
    "SUB": binary,
    "MUL": binary,
    "RELU": relu,
    "RELU6": relu,
    "RELU_N1_TO_1": relu,
    "LEAKY_RELU": leaky_relu,
    "RELU_0_TO_1": relu,
    "LOGISTIC": function,
    "TANH": function,
    "HARD_SWISH": function,
    "PRELU": prelu,
    "SOFTMAX": softmax,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
}
