"""What cannot be imported is named: the operator's number and name, the tensor, and what is wrong with it."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tflite_graphs import Act, GraphBuilder, Pad, Type

from tools.import_tflite import TfliteError, import_model


def model(make: Callable[[GraphBuilder, int], int], dims: tuple[int, ...] = (1, 6, 4), **tensor: object) -> bytes:
    b = GraphBuilder()
    x = b.tensor(dims, 0.1, 0, **tensor)
    return b.bytes([x], [make(b, x)])


def unary(name: str, scale: float = 0.1, zero: int = 0, dims: tuple[int, ...] = (1, 6, 4), dtype: int = Type.INT8, **values: object):
    def make(b: GraphBuilder, x: int) -> int:
        return b.add(name, [x], b.tensor(dims, scale, zero, dtype=dtype), **values)

    return make


def dense(scales: object = 0.01, zero: int = 0, dtype: int = Type.INT8, shape: tuple[int, ...] = (5, 4), **values: object):
    def make(b: GraphBuilder, x: int) -> int:
        data = np.ones(shape, np.int8 if dtype == Type.INT8 else np.float32)
        w = b.tensor(shape, scales, zero, data=data, dtype=dtype)
        return b.add("FULLY_CONNECTED", [x, w, -1], b.tensor((1, 6, shape[0]), 0.1, 0), keepNumDims=True, **values)

    return make


def concat_of_other_scale(b: GraphBuilder, x: int) -> int:
    other = b.tensor((1, 2, 4), 0.2, 0, data=np.zeros((1, 2, 4), np.int8))
    return b.add("CONCATENATION", [x, other], b.tensor((1, 8, 4), 0.1, 0), axis=1)


def odd_groups(b: GraphBuilder, x: int) -> int:
    w = b.tensor((4, 1, 1, 3), 0.1, 0, data=np.ones((4, 1, 1, 3), np.int8))
    return b.add("CONV_2D", [x, w, -1], b.tensor((1, 3, 2, 4), 0.1, 0), strideH=1, strideW=1, padding=Pad.VALID)


def uninitialised(b: GraphBuilder, x: int) -> int:
    ring = b.tensor((1, 6, 4), 0.1, 0)
    b.add("READ_VARIABLE", [b.resource("ring")], ring)
    return b.add("ADD", [x, ring], b.tensor((1, 6, 4), 0.1, 0))


CASES = {
    "operator": (model(unary("CUMSUM")), r"operator 0 \(CUMSUM, tensor 't1'\): this operator is not supported"),
    "float in the middle": (model(unary("RELU", dtype=Type.FLOAT32)), r"operator 0 \(RELU, tensor 't1'\).*FLOAT32.*is not int8"),
    "int16": (model(unary("RELU", dtype=Type.INT16)), r"tensor 1 't1' \(INT16 \[1, 6, 4\]\): int16 activations are not supported"),
    "int16 input": (model(unary("RELU", dtype=Type.INT16), dtype=Type.INT16), "network's input.*int16 activations are not supported"),
    "uint8 arithmetic": (model(unary("RELU", zero=128, dtype=Type.UINT8)), "UINT8.*is not int8"),
    "float input that nobody quantises": (model(unary("RELU"), dtype=Type.FLOAT32), "network's input.*this is a float model: convert with"),
    "float input and an operator": (model(unary("CUMSUM", dtype=Type.FLOAT32), dtype=Type.FLOAT32), r"\(CUMSUM, .*not supported; .*float model"),
    "recurrent layer": (model(unary("WHILE")), r"\(WHILE, .*not supported \(Keras' LSTM"),
    "two operators": (model(lambda b, x: unary("ABS")(b, unary("CUMSUM")(b, unary("CUMSUM")(b, x)))), r"^operator 0 \(CUMSUM.*; operator 2 \(ABS"),
    "batch": (model(unary("RELU", dims=(2, 4)), (2, 4)), "batch must be 1"),
    "rank 5": (model(unary("RELU", dims=(1, 2, 3, 4, 5)), (1, 2, 3, 4, 5)), "rank above 4"),
    "softmax scale": (model(unary("SOFTMAX", scale=0.1, beta=1.0)), "SOFTMAX.*1/256"),
    "logistic scale": (model(unary("LOGISTIC", scale=0.1)), "LOGISTIC.*1/256"),
    "shape": (model(unary("RELU", dims=(1, 5, 4))), r"RELU.*\[1, 5, 4\].*makes \[1, 6, 4\]"),
    "concatenation of two scales": (model(concat_of_other_scale), "CONCATENATION.*another quantisation"),
    "channels that are no groups": (model(odd_groups, (1, 3, 2, 4)), "CONV_2D.*weights"),
    "asymmetric weights": (model(dense(zero=3)), "FULLY_CONNECTED.*symmetric int8"),
    "float weights": (model(dense(dtype=Type.FLOAT32)), "FULLY_CONNECTED.*FLOAT32"),
    "shuffled weights": (model(dense(weightsFormat=1)), "shuffled"),
    "fused tanh": (model(dense(fusedActivationFunction=Act.TANH)), "fused activation 4"),
    "variable without a first value": (model(uninitialised), "READ_VARIABLE.*ring.*no first value"),
    "network without a layer": (model(lambda b, x: x), "output.*not computed"),
}


@pytest.mark.parametrize("name", CASES)
def test_named(name: str) -> None:
    """Somebody who cannot import a model reads what to change in it."""
    data, pattern = CASES[name]
    with pytest.raises(TfliteError, match=pattern):
        import_model(data)


def test_edges() -> None:
    """A network has one input and one output."""
    b = GraphBuilder()
    x, z, y = (b.tensor((1, 4), 0.1, 0) for _ in range(3))
    b.add("ADD", [x, z], y)
    with pytest.raises(TfliteError, match="2 inputs and 1 outputs"):
        import_model(b.bytes([x, z], [y]))
    b = GraphBuilder()
    x, y, z = (b.tensor((1, 4), 0.1, 0) for _ in range(3))
    b.add("RELU", [x], y), b.add("RELU6", [x], z)
    with pytest.raises(TfliteError, match="1 inputs and 2 outputs"):
        import_model(b.bytes([x], [y, z]))


def test_order() -> None:
    """Operators that read what comes later, or write what is there already, are a damaged file."""
    b = GraphBuilder()
    x, y, z = (b.tensor((1, 4), 0.1, 0) for _ in range(3))
    b.add("RELU", [y], z), b.add("RELU", [z], y)
    with pytest.raises(TfliteError, match="before it is computed"):
        import_model(b.bytes([x], [y]))
    b = GraphBuilder()
    x, y = (b.tensor((1, 4), 0.1, 0) for _ in range(2))
    b.add("RELU", [x], y), b.add("RELU6", [x], y)
    with pytest.raises(TfliteError, match="written before"):
        import_model(b.bytes([x], [y]))


@pytest.mark.parametrize("scale", [0.0, -0.1, float("inf"), float("nan")])
def test_scales(scale: float) -> None:
    """A scale that is no positive number would make every value behind it meaningless."""
    with pytest.raises(TfliteError, match="scale|is no int8 quantisation"):
        import_model(model(unary("RELU", scale=scale)))
