"""What the handlers of operators share: the graph, the writer, and what each tensor of the file is in the blob."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tools.blob.network import Quant, Shape, Tensor
from tools.blob.writer import BlobWriter
from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Graph, Model, Operator, TensorInfo
from tools.import_tflite.schema import ACTIVATIONS, TensorType
from tools.import_tflite.shapes import Dims, Layout, common_layout, dims4, natural_shape

# Constants may be shared, but a blob has at most 16 MiB: what reads more has been made to cost time.
MAX_BYTES_USED = 1 << 26


@dataclass(frozen=True)
class Floats:
    """A float tensor that is a function of an int8 one: values[q + 128], float32."""

    tensor: Tensor
    values: np.ndarray


@dataclass
class Variable:
    """A resource. cell: the writer's variable, made when it is first used; initial: the constant it begins as."""

    name: str
    initial: TensorInfo | None = None
    cell: object | None = None


@dataclass
class Net:
    """values: int8 (or uint8, then 128 less) tensors by their index; floats, variables, folded: the other kinds."""

    model: Model
    graph: Graph
    writer: BlobWriter
    values: dict[int, Tensor] = field(default_factory=dict)
    floats: dict[int, Floats] = field(default_factory=dict)
    handles: dict[int, Variable] = field(default_factory=dict)
    folded: dict[int, np.ndarray] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    settled: dict[int, TensorInfo] = field(default_factory=dict)
    bytes_used: int = 0

    def info(self, index: int) -> TensorInfo:
        if index < 0:
            raise TfliteError("an input is left out that is needed")
        return self.settled.get(index) or self.graph.tensors[index]

    def dims(self, index: int) -> Dims:
        return self.info(index).dims

    def settle(self, index: int, dims: Dims) -> None:
        """An output has these dimensions: the file says so, or leaves some open."""
        info = self.info(index)
        if dims == info.dims:
            return
        if not info.dynamic or any(n < 1 for n in dims) or len(dims) != len(info.dims):
            raise TfliteError(f"{info}: its operator makes {list(dims)}")
        self.settled[index] = replace(info, dims=dims)

    # Quantisation

    def quant(self, index: int) -> Quant:
        return int8_quant(self.info(index))

    def int8(self, index: int) -> Quant:
        """Of a tensor that an operator computes with; only int8 has TensorFlow Lite's integer reference kernels."""
        if self.info(index).type != TensorType.INT8:
            raise TfliteError(_not_int8(self.info(index)))
        return self.quant(index)

    def same_quant(self, op: Operator) -> Quant:
        """Of an operator that moves bytes or takes the largest: its tensors must agree."""
        first = self.quant(op.outputs[0])
        for i in [*op.inputs, *op.outputs]:
            if i >= 0 and self.info(i).type in (TensorType.INT8, TensorType.UINT8) and self.quant(i) != first:
                raise TfliteError(f"{self.info(i)} has another quantisation than the output")
            if i in op.outputs and self.info(i).type != self.info(op.outputs[0]).type:
                raise TfliteError(f"{self.info(i)} has another type than the first output")
        return first

    # Constants

    def constant(self, index: int) -> np.ndarray | None:
        """A constant's values, from the file or folded here; None for a tensor that is computed."""
        if index in self.folded:
            return self.folded[index]
        return None if self.info(index).data is None else self.array(index)

    def array(self, index: int) -> np.ndarray:
        """A constant's values, from the file."""
        values = self.info(index).array()
        self.bytes_used += values.nbytes
        if self.bytes_used > MAX_BYTES_USED:
            raise TfliteError(f"the operators use more than {MAX_BYTES_USED} bytes of constants")
        return values

    def numbers(self, index: int, limit: int = 4) -> list[int]:
        """A small constant vector (or scalar) of integers: axes, sizes, paddings."""
        info, values = self.info(index), self.constant(index)
        if values is None:
            raise TfliteError(f"{info} is computed, where only a constant can be used")
        if info.type not in (TensorType.INT32, TensorType.INT64) or values.size > limit:
            raise TfliteError(f"{info} is no list of up to {limit} integers")
        return [int(n) for n in values.reshape(-1)]

    # Tensors

    def tensor(self, index: int) -> Tensor:
        """The blob's tensor; a constant is brought in."""
        if index not in self.values:
            data, quant = self.constant(index), self.quant(index)
            if data is None:
                raise TfliteError(f"{self.info(index)} is not computed from the network's input in int8")
            if self.info(index).type == TensorType.UINT8:
                data = (data.astype(np.int16) - 128).astype(np.int8)
            self.values[index] = self.writer.constant(data.reshape(natural_shape(data.shape)), quant)
        return self.values[index]

    def view(self, index: int, shape: Shape) -> Tensor:
        """The blob's tensor in this shape of as many elements."""
        tensor = self.tensor(index)
        return tensor if tensor.shape == shape else self.writer.reshape(tensor, shape)

    def layout(self, inputs: Sequence[int], outputs: Sequence[int]) -> Layout:
        """Follows the computed inputs; constants are views of anything."""
        computed = [self.tensor(i).shape for i in inputs if i not in self.folded and self.info(i).data is None]
        return common_layout([self.dims(i) for i in [*inputs, *outputs]], computed)

    def bind(self, index: int, tensor: Tensor, shape: Shape | None = None) -> None:
        """Says what the blob has for an output. shape: what the file's dimensions are in the layer's layout, to be compared."""
        info = self.info(index)
        dims4(info.dims)
        if (shape is not None and tensor.shape != shape) or np.prod(tensor.shape) != info.elements:
            raise TfliteError(f"{info}: its operator makes (h, w, c) = {list(tensor.shape)}")
        if self.quant(index) != tensor.quant:
            raise TfliteError(f"{info} has another quantisation than its operator makes: {tensor.quant}")
        self.values[index] = tensor


def _not_int8(info: TensorInfo) -> str:
    if info.type == TensorType.INT16:
        return f"{info}: int16 activations are not supported, convert to int8 (TFLITE_BUILTINS_INT8)"
    return f"{info} is not int8: convert with full integer quantisation"


def int8_quant(info: TensorInfo) -> Quant:
    """Of an int8 tensor, or of a uint8 one, whose values the blob holds less 128."""
    if info.type not in (TensorType.INT8, TensorType.UINT8):
        raise TfliteError(_not_int8(info))
    if len(info.scales) != 1:
        raise TfliteError(f"{info} has {len(info.scales)} scales, where an activation has one")
    try:
        return Quant(info.scales[0], info.zero_points[0] - (128 if info.type == TensorType.UINT8 else 0))
    except ValueError as error:
        raise TfliteError(f"{info}: {error}") from error


def activation(op: Operator) -> str:
    number = op.options["activation"]
    if number not in ACTIVATIONS:
        raise TfliteError(f"fused activation {number} is not supported")
    return ACTIVATIONS[number]


def expect(op: Operator, inputs: int | tuple[int, int], outputs: int = 1) -> None:
    """The operator has this many tensors (or from the first to the second number of inputs)."""
    low, high = inputs if isinstance(inputs, tuple) else (inputs, inputs)
    if not low <= len(op.inputs) <= high or len(op.outputs) != outputs:
        raise TfliteError(f"{len(op.inputs)} inputs and {len(op.outputs)} outputs")


Handler = Callable[[Net, Operator], None]
