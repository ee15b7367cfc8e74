"""A network as BlobWriter collects it: tensors and layers in the order of execution, before anything is planned."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tools.blob.format import CHANNEL, Op, row_bytes

Pair = tuple[int, int]  # of height (time) and width
Shape = tuple[int, int, int]  # h, w, c; the batch is always 1


@dataclass(frozen=True)
class Quant:
    """value = scale * (int8 - zero_point)."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (-128 <= self.zero_point <= 127 and 0 < np.float32(self.scale) < np.inf):
            raise ValueError(f"{self} is no int8 quantisation")


@dataclass(frozen=True)
class Tensor:
    """What BlobWriter's methods return and take."""

    index: int
    shape: Shape
    quant: Quant

    @property
    def row_bytes(self) -> int:
        return self.shape[1] * self.shape[2]

    @property
    def bytes(self) -> int:
        return self.shape[0] * self.row_bytes


@dataclass(frozen=True)
class Variable:
    """Values that last from run to run."""

    index: int
    shape: Shape
    quant: Quant
    initial: bytes | None = field(default=None, repr=False)  # None: all zero points

    @property
    def bytes(self) -> int:
        h, w, c = self.shape
        return h * w * c


@dataclass(frozen=True)
class Window:
    """kws_window_t. Padding behind is what the output's shape asks for."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: Pair = (0, 0)  # top, left

    def extent(self, axis: int) -> int:
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def end(self, axis: int, outputs: int) -> int:
        """Index just behind the last input position that the last of `outputs` windows covers."""
        return (outputs - 1) * self.stride[axis] - self.pads[axis] + self.extent(axis)


@dataclass(eq=False)
class Layer:
    name: str
    inputs: tuple[Tensor, ...]
    output: Tensor

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole layer."""
        return 0

    @property
    def weight_bytes(self) -> int:
        """In the blob, with the channels' bias, mult and shift."""
        return 0


@dataclass(eq=False)
class Linear(Layer):
    """weights: int8 [c_out, kh, kw, c_in] (convolution), [c_out, kh, kw] (depthwise) or [c_out, n] (fully connected)."""

    code: Op
    window: Window | None
    weights: np.ndarray
    channels: bytes  # kws_channel_t of each output channel
    clamp: Pair

    @property
    def macs(self) -> int:
        return self.output.bytes * self.weights[0].size

    @property
    def weight_bytes(self) -> int:
        return len(self.weights) * (row_bytes(self.weights[0].size) + CHANNEL.size)


@dataclass(eq=False)
class Pool(Layer):
    code: Op
    window: Window
    clamp: Pair


@dataclass(eq=False)
class Arithmetic(Layer):
    """add, sub, mul, prelu: elementwise, with broadcasting."""

    code: Op
    params: bytes
    clamp: Pair


@dataclass(eq=False)
class Mean(Layer):
    axes: tuple[int, ...]
    params: bytes
    clamp: Pair


@dataclass(eq=False)
class Softmax(Layer):
    params: bytes


@dataclass(eq=False)
class Lut(Layer):
    table: bytes


@dataclass(eq=False)
class Reshape(Layer):
    pass


@dataclass(eq=False)
class Slice(Layer):
    begin: Shape
    stride: Shape


@dataclass(eq=False)
class Concat(Layer):
    axis: int


@dataclass(eq=False)
class Pad(Layer):
    pads: tuple[Pair, Pair, Pair]  # in front of and behind each axis
    value: int


@dataclass(eq=False)
class Transpose(Layer):
    perm: Shape


@dataclass(eq=False)
class Fill(Layer):
    value: int


@dataclass(eq=False)
class Svdf(Layer):
    state: Variable
    rank: int
    memory: int
    feature_scale: Pair  # mult, shift
    out_scale: Pair
    feature: np.ndarray  # int8 [filters, inputs]
    time: np.ndarray  # int16 [filters, memory]
    bias: np.ndarray  # int32 [units]
    clamp: Pair

    @property
    def macs(self) -> int:
        return self.feature.size + self.time.size

    @property
    def weight_bytes(self) -> int:
        return len(self.feature) * (row_bytes(self.feature.shape[1]) + 2 * self.memory) + 4 * self.bias.size


@dataclass(eq=False)
class Read(Layer):
    variable: Variable


@dataclass(eq=False)
class Assign(Layer):
    """Its output stands for the variable's new value and is read by nobody."""

    variable: Variable


@dataclass
class Network:
    input: Tensor
    output: Tensor
    layers: list[Layer]
    constants: dict[int, bytes]  # by tensor index

    @cached_property
    def consumers(self) -> dict[int, list[Layer]]:
        """Tensor index -> the layers that read it."""
        result: dict[int, list[Layer]] = {}
        for layer in self.layers:
            for t in layer.inputs:
                result.setdefault(t.index, []).append(layer)
        return result

    @property
    def variables(self) -> list[Variable]:
        found = [layer.variable for layer in self.layers if isinstance(layer, (Read, Assign))]
        found += [layer.state for layer in self.layers if isinstance(layer, Svdf)]
        return list(dict.fromkeys(found))
