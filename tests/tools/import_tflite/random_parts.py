"""What random networks are made of: tensors with scales, constants, weights, geometries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tflite_graphs import Act, GraphBuilder, Pad, Type


@dataclass
class T:
    """A tensor of the graph that is being made."""

    index: int
    dims: tuple[int, ...]
    scale: float
    zero: int


class RandomParts(GraphBuilder):
    """The tensors so far, and what a step needs to put an operator on one of them, mostly on the newest."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng
        h, w, c = (int(n) for n in rng.integers(1, [14, 9, 9]))
        dims = [(1, h, w, c), (1, h, c), (1, w * c)][rng.choice(3, p=[0.7, 0.2, 0.1])]
        self.input = self.new(dims)
        self.known = [self.input]
        self.done: list[str] = []

    # What steps are made of

    def new(self, dims: tuple[int, ...], scale: float | None = None, zero: int | None = None, dtype: int = Type.INT8) -> T:
        dims = tuple(int(n) for n in dims)
        scale = self.some(-3, 0) if scale is None else scale
        zero = int(self.rng.integers(-128, 128)) if zero is None else zero
        return T(self.tensor(dims, scale, zero + (128 if dtype == Type.UINT8 else 0), dtype=dtype), dims, float(np.float32(scale)), zero)

    def some(self, low: float, high: float) -> float:
        """10 to a power between; every other time with one decimal digit, since then many results lie half-way between two
        integers, and the last bit of a multiplier decides."""
        value = float(10 ** self.rng.uniform(low, high))
        return value if self.rng.random() < 0.5 else float(f"{value:.0e}")

    def near(self, x: T, factor: float = 1.0) -> float:
        """An output scale for values `factor` times as large as x's: fits, wastes some of the range, or overflows."""
        middle = float(np.log10(max(x.scale * factor, 1e-12)))
        return self.some(middle - 0.7, middle + 0.7)

    def pick(self) -> T:
        return self.known[-1] if self.rng.random() < 0.7 else self.known[self.rng.integers(len(self.known))]

    def image(self) -> T:
        """A tensor of rank 4."""
        x = self.pick()
        if len(x.dims) == 4:
            return x
        dims = (1,) * (4 - len(x.dims)) + x.dims if len(x.dims) < 3 or x.dims[0] > 1 or self.rng.random() < 0.5 else (1, x.dims[1], 1, x.dims[2])
        return self.moved(x, dims, "RESHAPE", [self.ints(list(dims))], newShape=list(dims))

    def moved(self, x: T, dims: tuple[int, ...], name: str, more: Sequence[int] = (), **values: object) -> T:
        y = self.new(dims, x.scale, x.zero)
        self.add(name, [x.index, *more], y.index, **values)
        return y

    def constant(self, dims: tuple[int, ...], scale: float | None = None, zero: int | None = None) -> T:
        scale = self.some(-3, 0) if scale is None else scale
        zero = int(self.rng.integers(-128, 128)) if zero is None else zero
        data = self.rng.integers(-128, 128, dims).astype(np.int8)
        return T(self.tensor(dims, scale, zero, data=data), tuple(dims), float(np.float32(scale)), zero)

    def activation(self) -> int:
        return int(self.rng.choice([Act.NONE, Act.NONE, Act.RELU, Act.RELU6, Act.RELU_N1_TO_1]))

    def weights(self, x: T, shape: tuple[int, ...], channels: int, axis: int, bias: bool = True, per_channel: bool = True) -> tuple[list[int], float]:
        """(inputs behind x, how much larger the sums are than x)."""
        products = int(np.prod(shape)) // channels
        scales = np.array([self.some(-2.2, -1.5) for _ in range(channels if per_channel else 1)])
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        inputs = [self.tensor(shape, scales, data=data, axis=axis)]
        if bias:
            values = self.rng.integers(-4000, 4000, channels).astype(np.int32)
            inputs.append(self.tensor((channels,), scales.astype(np.float32) * np.float32(x.scale), data=values, dtype=Type.INT32))
        else:
            inputs.append(-1)
        return inputs, float(np.sqrt(products) * 1.5)

    def geometry(self, x: T, dilate: bool) -> tuple[dict[str, object], tuple[int, int], list[int]]:
        """(options, kernel, output height and width)."""
        kernel = tuple(int(self.rng.integers(1, min(5, n + 2))) for n in x.dims[1:3])
        stride = self.rng.integers(1, 4, 2) if self.rng.random() < 0.5 else np.array([1, 1])
        dilation = self.rng.integers(1, 4, 2) if dilate and max(stride) == 1 else np.array([1, 1])
        extent = [(k - 1) * int(d) + 1 for k, d in zip(kernel, dilation, strict=True)]
        same = self.rng.random() < 0.6 or any(e > n for e, n in zip(extent, x.dims[1:3], strict=True))
        out = [-(-n // int(s)) if same else (n - e) // int(s) + 1 for n, s, e in zip(x.dims[1:3], stride, extent, strict=True)]
        values = {"strideH": int(stride[0]), "strideW": int(stride[1]), "padding": Pad.SAME if same else Pad.VALID,
                  "fusedActivationFunction": self.activation()}  # fmt: skip
        return values | ({"dilationHFactor": int(dilation[0]), "dilationWFactor": int(dilation[1])} if dilate else {}), kernel, out
