"""A fully int8-quantised TensorFlow Lite model into a blob. Needs TensorFlow (for its schema)."""

from collections.abc import Callable, Sequence

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tools.blob.writer import BlobWriter, Quant, Shape, Tensor

ACTIVATIONS = {
    schema.ActivationFunctionType.NONE: "none",
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
    schema.ActivationFunctionType.RELU_N1_TO_1: "relu_n1_to_1",
}
PADDINGS = {schema.Padding.SAME: "same", schema.Padding.VALID: "valid"}


def _name(enum: type, value: int) -> str:
    return next((k for k, v in vars(enum).items() if v == value), str(value))


def _shape(dims: Sequence[int]) -> Shape:
    """[1, ..., c] of rank 1 to 4 as (h, w, c)."""
    dims = [int(n) for n in dims]
    if len(dims) > 1 and dims[0] != 1:
        raise ValueError(f"tensor of shape {dims}: the batch must be 1")
    inner = dims[1:] if len(dims) > 1 else dims
    if len(inner) > 3:
        raise ValueError(f"tensor of shape {dims}: rank above 4")
    return (1,) * (3 - len(inner)) + tuple(inner)


class _Importer:
    def __init__(self, model: schema.ModelT, writer: BlobWriter) -> None:
        if len(model.subgraphs) != 1:
            raise ValueError("the model has more than one subgraph")
        self.model, self.graph, self.writer = model, model.subgraphs[0], writer
        self.tensors: dict[int, Tensor] = {}

    def quant(self, index: int) -> Quant:
        t = self.graph.tensors[index]
        q = t.quantization
        if t.type != schema.TensorType.INT8 or q is None or q.scale is None or len(q.scale) != 1:
            raise ValueError(f"tensor {t.name!r} is not int8 with one scale; convert with full integer quantisation and int8 input and output")
        return Quant(float(q.scale[0]), int(q.zeroPoint[0]))

    def constant(self, index: int, dtype: type) -> np.ndarray:
        t = self.graph.tensors[index]
        data = self.model.buffers[t.buffer].data
        if data is None:
            raise ValueError(f"tensor {t.name!r} is computed, where only a constant will do")
        return np.frombuffer(bytes(data), dtype).reshape(t.shape)

    def linear(self, op: schema.OperatorT, channels: int) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, Quant]:
        """Input, weights, bias, weight scales, output quantisation."""
        weights = self.graph.tensors[op.inputs[1]]
        if weights.type != schema.TensorType.INT8 or np.any(weights.quantization.zeroPoint):
            raise ValueError(f"weights {weights.name!r} are not symmetric int8")
        bias = np.zeros(channels, np.int32)
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            bias = self.constant(op.inputs[2], np.int32)
        scales = np.asarray(weights.quantization.scale, np.float32)
        return self.tensors[op.inputs[0]], self.constant(op.inputs[1], np.int8), bias, scales, self.quant(op.outputs[0])

    def conv2d(self, op: schema.OperatorT) -> Tensor:
        o = op.builtinOptions
        x, weights, *rest = self.linear(op, self.graph.tensors[op.inputs[1]].shape[0])
        return self.writer.conv2d(x, weights, *rest, stride=(o.strideH, o.strideW), dilation=(o.dilationHFactor, o.dilationWFactor),
                                  padding=PADDINGS[o.padding], activation=ACTIVATIONS[o.fusedActivationFunction])  # fmt: skip

    def depthwise(self, op: schema.OperatorT) -> Tensor:
        o = op.builtinOptions
        x, weights, *rest = self.linear(op, self.graph.tensors[op.inputs[1]].shape[3])
        return self.writer.depthwise_conv2d(x, weights[0], *rest, stride=(o.strideH, o.strideW), dilation=(o.dilationHFactor, o.dilationWFactor),
                                            padding=PADDINGS[o.padding], activation=ACTIVATIONS[o.fusedActivationFunction])  # fmt: skip

    def fully_connected(self, op: schema.OperatorT) -> Tensor:
        x, *rest = self.linear(op, self.graph.tensors[op.inputs[1]].shape[0])
        return self.writer.fully_connected(x, *rest, activation=ACTIVATIONS[op.builtinOptions.fusedActivationFunction])

    def pool(self, op: schema.OperatorT, add: Callable[..., Tensor]) -> Tensor:
        o = op.builtinOptions
        x = self.tensors[op.inputs[0]]
        if self.quant(op.outputs[0]) != x.quant:
            raise ValueError("pooling changes the quantisation")
        return add(x, (o.filterHeight, o.filterWidth), stride=(o.strideH, o.strideW), padding=PADDINGS[o.padding],
                   activation=ACTIVATIONS[o.fusedActivationFunction])  # fmt: skip

    def mean(self, op: schema.OperatorT) -> Tensor:
        """A mean over height and width with unchanged quantisation is an average pool over everything."""
        x = self.tensors[op.inputs[0]]
        axes = sorted(int(a) % 4 for a in np.atleast_1d(self.constant(op.inputs[1], np.int32)))
        if axes != [1, 2] or self.quant(op.outputs[0]) != x.quant:
            raise ValueError(f"mean over axes {axes}: only height and width with unchanged quantisation; use AveragePooling2D")
        return self.writer.avg_pool2d(x, x.shape[:2])

    def add(self, op: schema.OperatorT) -> Tensor:
        a, b = (self.tensors[i] for i in op.inputs)
        return self.writer.add(a, b, self.quant(op.outputs[0]), activation=ACTIVATIONS[op.builtinOptions.fusedActivationFunction])

    def relu(self, op: schema.OperatorT, kind: str) -> Tensor:
        return self.writer.relu(self.tensors[op.inputs[0]], self.quant(op.outputs[0]), activation=kind)

    def softmax(self, op: schema.OperatorT) -> Tensor:
        return self.writer.softmax(self.tensors[op.inputs[0]], beta=op.builtinOptions.beta)

    def reshape(self, op: schema.OperatorT) -> Tensor:
        return self.writer.reshape(self.tensors[op.inputs[0]], _shape(self.graph.tensors[op.outputs[0]].shape))

    def run(self) -> None:
        op_type = schema.BuiltinOperator
        handlers = {
            op_type.CONV_2D: self.conv2d,
            op_type.DEPTHWISE_CONV_2D: self.depthwise,
            op_type.FULLY_CONNECTED: self.fully_connected,
            op_type.AVERAGE_POOL_2D: lambda op: self.pool(op, self.writer.avg_pool2d),
            op_type.MAX_POOL_2D: lambda op: self.pool(op, self.writer.max_pool2d),
            op_type.MEAN: self.mean,
            op_type.ADD: self.add,
            op_type.RELU: lambda op: self.relu(op, "relu"),
            op_type.RELU6: lambda op: self.relu(op, "relu6"),
            op_type.RELU_N1_TO_1: lambda op: self.relu(op, "relu_n1_to_1"),
            op_type.SOFTMAX: self.softmax,
            op_type.RESHAPE: self.reshape,
            op_type.SQUEEZE: self.reshape,
            op_type.EXPAND_DIMS: self.reshape,
        }
        (index,) = self.graph.inputs
        self.tensors[index] = self.writer.input(_shape(self.graph.tensors[index].shape), self.quant(index))
        for op in self.graph.operators:
            opcode = self.model.operatorCodes[op.opcodeIndex]
            code = max(opcode.builtinCode, opcode.deprecatedBuiltinCode)
            if code not in handlers:
                raise ValueError(f"operator {_name(op_type, code)} is not supported")
            self.tensors[op.outputs[0]] = handlers[code](op)
        if list(self.graph.outputs) != [op.outputs[0]]:
            raise ValueError("the model's output is not what its last operator computes")


def convert(model: bytes, *, frontend: bytes = b"", labels: Sequence[str] = (), decision_hop_frames: int = 0, meta: dict | None = None) -> bytes:
    """The blob of a .tflite model with int8 input and output; arguments as BlobWriter's.

    Raises ValueError for operators and quantisations that the core does not have. The C core gives the same bytes as
    TensorFlow Lite's reference kernels.
    """
    writer = BlobWriter(frontend=frontend, labels=labels, decision_hop_frames=decision_hop_frames, meta=meta)
    _Importer(schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0)), writer).run()
    return writer.finish()
