"""One-operator TensorFlow Lite models with arbitrary shapes and quantisations, written straight as flatbuffers."""

import warnings
from collections.abc import Sequence

import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema


class ModelBuilder:
    """Collects tensors and operators; `run` evaluates the model in TensorFlow Lite's reference interpreter."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "test"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Sequence[int],
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        data: np.ndarray | None = None,
        axis: int = 0,
        dtype: int = schema.TensorType.INT8,
        variable: bool = False,
    ) -> int:
        t = schema.TensorT()
        t.isVariable = variable
        t.shape, t.type, t.name, t.buffer = list(shape), dtype, f"t{len(self.graph.tensors)}", 0
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale = scales
            t.quantization.zeroPoint = np.full(scales.size, zero_point, np.int64)
            t.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            t.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def op(self, code: int, inputs: list[int], output: int, options: object | None = None, options_type: int = 0, version: int = 1) -> None:
        opcode = schema.OperatorCodeT()
        opcode.builtinCode, opcode.deprecatedBuiltinCode = code, min(code, 127)
        opcode.version = version
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = len(self.model.operatorCodes), inputs, [output]
        op.builtinOptions, op.builtinOptionsType = options, options_type
        self.model.operatorCodes.append(opcode)
        self.graph.operators.append(op)

    def finish(self, inputs: list[int], output: int) -> bytes:
        self.graph.inputs, self.graph.outputs = inputs, [output]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def reference_run(model: bytes, *inputs: np.ndarray) -> np.ndarray:
    """[n, ...] for each input of the model, through TensorFlow Lite's reference kernels -> outputs [n, ...]; variables keep their state."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the interpreter will move to another package
        interpreter = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    sources, sink = interpreter.get_input_details(), interpreter.get_output_details()[0]
    outputs = []
    for values in zip(*inputs, strict=True):
        for source, x in zip(sources, values, strict=True):
            interpreter.set_tensor(source["index"], x.reshape(source["shape"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink["index"])[0])
    return np.array(outputs)


def options(kind: str, **values: object) -> tuple[object, int]:
    """(options object, its type) of a builtin operator's options, say options("Conv2D", strideH=2)."""
    result = getattr(schema, f"{kind}OptionsT")()
    for name, value in values.items():
        setattr(result, name, value)
    return result, getattr(schema.BuiltinOptions, f"{kind}Options")
