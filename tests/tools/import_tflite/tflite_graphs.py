"""Whole TensorFlow Lite graphs written straight as flatbuffers, and what the reference interpreter makes of each tensor."""

import warnings
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options

from tools.import_tflite import ImportReport, import_model
from tools.kwslib import Model

Act, Op, Pad, Type = schema.ActivationFunctionType, schema.BuiltinOperator, schema.Padding, schema.TensorType

# The version of each operator that has its int8 kernel.
VERSIONS = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "AVERAGE_POOL_2D": 2, "MAX_POOL_2D": 2, "MEAN": 2, "ADD": 2, "SUB": 2,
    "MUL": 2, "RELU": 2, "RELU6": 2, "LEAKY_RELU": 2, "PRELU": 1, "LOGISTIC": 2, "TANH": 2, "HARD_SWISH": 1, "SOFTMAX": 2, "PAD": 2, "PADV2": 2,
    "CONCATENATION": 2, "STRIDED_SLICE": 2, "SLICE": 2, "SPLIT": 2, "SPLIT_V": 2, "PACK": 2, "UNPACK": 2, "TRANSPOSE": 2, "QUANTIZE": 2,
    "DEQUANTIZE": 2, "SVDF": 3, "SPACE_TO_BATCH_ND": 2, "BATCH_TO_SPACE_ND": 2,
}  # fmt: skip
OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2D", "MAX_POOL_2D": "Pool2D", "MEAN": "Reducer", "SPLIT_V": "SplitV", "PADV2": "PadV2", "SVDF": "SVDF",
    "CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "EXPAND_DIMS": "ExpandDims", "SPACE_TO_BATCH_ND": "SpaceToBatchND",
    "BATCH_TO_SPACE_ND": "BatchToSpaceND",
}  # fmt: skip
NO_OPTIONS = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "PRELU")


class GraphBuilder(ModelBuilder):
    """ModelBuilder with operators by name, with any number of outputs, and with more than one graph."""

    def ints(self, values: Sequence[int] | int, dtype: type = np.int32) -> int:
        data = np.asarray(values, dtype)
        return self.tensor(data.shape, data=data, dtype=Type.INT32 if dtype is np.int32 else Type.INT64)

    def add(self, name: str, inputs: Sequence[int], outputs: Sequence[int] | int, version: int | None = None, **values: object) -> int:
        """Adds an operator; returns its first output."""
        outputs = [outputs] if isinstance(outputs, int) else list(outputs)
        kind = OPTIONS.get(name, "".join(part.capitalize() for part in name.split("_")))
        opts = (None, 0) if name in NO_OPTIONS else options(kind, **values)
        self.op(getattr(Op, name), list(inputs), 0, *opts, version=version or VERSIONS.get(name, 1))
        self.graph.operators[-1].outputs = outputs
        return outputs[0] if outputs else -1

    def new_graph(self) -> None:
        """What follows is in another graph."""
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs.append(self.graph)

    def resource(self, name: str) -> int:
        """A variable's handle in the present graph."""
        handle = self.tensor((1,), dtype=Type.RESOURCE)
        self.add("VAR_HANDLE", [], handle, sharedName=name, container="")
        return handle

    def bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file; the first graph has these inputs and outputs."""
        self.graph = self.model.subgraphs[0]
        data = self.finish(list(inputs), outputs[0])
        if len(outputs) == 1:
            return data
        self.graph.outputs = list(outputs)
        import flatbuffers

        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def interpreter(model: bytes, keep: bool = True) -> tf.lite.Interpreter:
    """The reference kernels; every tensor's values can be looked at when they are kept."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type=resolver, experimental_preserve_all_tensors=keep)
    one.allocate_tensors()
    return one


def as_int8(values: np.ndarray, report_quant: tuple[float, int] | None = None) -> np.ndarray:
    """What the blob has for an interpreter's int8, uint8 or (with scale and zero point) float tensor."""
    if values.dtype == np.uint8:
        return (values.astype(np.int16) - 128).astype(np.int8)
    if values.dtype == np.float32:
        scale, zero_point = report_quant
        return np.rint(values / np.float32(scale) + zero_point).astype(np.int8)
    return values


def as_edge(values: np.ndarray, detail: dict, quant: tuple[float, int]) -> np.ndarray:
    """int8 values of the blob as the interpreter's input tensor has them."""
    values = values.reshape(detail["shape"])
    if detail["dtype"] == np.uint8:
        return (values.astype(np.int16) + 128).astype(np.uint8)
    if detail["dtype"] == np.float32:
        scale, zero_point = quant
        return (np.float32(scale) * (values.astype(np.float32) - zero_point)).astype(np.float32)
    return values


def compare(model: bytes, inputs: np.ndarray, **arguments: object) -> tuple[ImportReport, int]:
    """Imports a model and compares every tensor that an op of the blob writes with the reference, run after run.

    inputs: int8 [n, elements]. Returns the report and the number of the file's tensors that were compared.
    """
    report = import_model(model, **arguments)
    ours, theirs = Model(report.blob), interpreter(model)
    (source,), (sink,) = theirs.get_input_details(), theirs.get_output_details()
    details = {d["index"]: d for d in theirs.get_tensor_details()}
    # The last op of each tensor, if it writes all of it: a concatenation may be made of parts that lie in it already.
    last = {op.tensor: (i, op.output.bytes) for i, op in enumerate(report.writer.programs[0].ops)}
    ops = {t.index: last[t.index][0] for t in report.tensors.values() if last.get(t.index, (0, 0))[1] == t.bytes}
    compared = {i: ops[t.index] for i, t in report.tensors.items() if t.index in ops and i in details and details[i]["dtype"] != np.float32}
    finals = ours.run_sequence(inputs.reshape(len(inputs), *ours.input_shape))
    for n, x in enumerate(inputs):
        theirs.set_tensor(source["index"], as_edge(x, source, ours.input_quant))
        theirs.invoke()
        expected = as_int8(theirs.get_tensor(sink["index"]), ours.output_quant)
        np.testing.assert_array_equal(finals[n], expected.reshape(-1), err_msg=f"output of run {n}")
        if n and ours.variables:
            continue  # run_layers begins anew at each call
        layers = ours.run_layers(x)
        for i, op in compared.items():
            wanted = as_int8(theirs.get_tensor(i)).reshape(-1)
            np.testing.assert_array_equal(layers[op].reshape(-1), wanted, err_msg=f"run {n}, tensor {i} {details[i]['name']}")
    return report, len(compared)
