"""BlobWriter's layers that move values: constants, concatenation, padding, slices, transposes, variables."""

from collections.abc import Sequence

import numpy as np

from tools.blob.builder import Builder, layer
from tools.blob.network import Assign, Concat, Fill, Pad, Pair, Quant, Read, Shape, Slice, Tensor, Transpose, Variable


class MovingLayers(Builder):
    """Shapes are (h, w, c), axes 0, 1 and 2. What lies in one piece already is not moved."""

    def __init__(self) -> None:
        super().__init__()
        self._variables = 0

    @layer
    def constant(self, values: np.ndarray, quant: Quant) -> Tensor:
        """values: int8 (h, w, c)."""
        if values.dtype != np.int8:
            raise ValueError(f"constants are int8, not {values.dtype}")
        tensor = self.new_tensor(values.shape, quant)
        self.constants[tensor.index] = np.ascontiguousarray(values).tobytes()
        return tensor

    @layer
    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """All of one quantisation."""
        first = tensors[0]
        for t in tensors[1:]:
            same = [m == n or i == axis for i, (m, n) in enumerate(zip(first.shape, t.shape, strict=True))]
            if not all(same):
                raise ValueError(f"{list(first.shape)} and {list(t.shape)} do not go together along axis {axis}")
            if t.quant != first.quant:
                raise ValueError(f"{first.quant} and {t.quant} differ: requantise first")
        shape = list(first.shape)
        shape[axis] = sum(t.shape[axis] for t in tensors)
        return self.add_layer(Concat, tensors, shape, first.quant, axis)

    @layer
    def slice(self, x: Tensor, begin: Shape, size: Shape, stride: Shape = (1, 1, 1)) -> Tensor:
        """Element i along an axis is x's begin + i * stride, i < size; a stride may be negative."""
        for n, b, count, step in zip(x.shape, begin, size, stride, strict=True):
            if count < 1 or step == 0 or not (0 <= b < n and 0 <= b + (count - 1) * step < n):
                raise ValueError(f"begin {list(begin)}, size {list(size)} and stride {list(stride)} leave {list(x.shape)}")
        steps = tuple(step if count > 1 else 1 for count, step in zip(size, stride, strict=True))
        return self.add_layer(Slice, [x], size, x.quant, tuple(begin), steps)

    @layer
    def pad(self, x: Tensor, pads: Sequence[Pair], value: int | None = None) -> Tensor:
        """pads: (in front, behind) of h, w and c; value: int8, the zero point by default."""
        value = x.quant.zero_point if value is None else int(value)
        pads = tuple((int(a), int(b)) for a, b in pads)
        if len(pads) != 3 or min(min(pair) for pair in pads) < 0 or not -128 <= value <= 127:
            raise ValueError(f"pads {pads} with {value}: three pairs of 0 or more and an int8 are expected")
        return self.add_layer(Pad, [x], [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)], x.quant, pads, value)

    @layer
    def transpose(self, x: Tensor, perm: Shape) -> Tensor:
        """Axis i of the output is x's axis perm[i]."""
        if sorted(perm) != [0, 1, 2]:
            raise ValueError(f"{list(perm)} is no permutation of 0, 1, 2")
        shape = tuple(x.shape[axis] for axis in perm)
        moved = [axis for axis in perm if x.shape[axis] > 1]
        if moved == sorted(moved):
            return self.reshape(x, shape)
        return self.add_layer(Transpose, [x], shape, x.quant, tuple(perm))

    @layer
    def fill(self, shape: Shape, value: int, quant: Quant) -> Tensor:
        """A tensor of one int8 value."""
        if not -128 <= value <= 127:
            raise ValueError(f"{value} is no int8")
        return self.add_layer(Fill, [], shape, quant, int(value))

    # Values that last from run to run

    @layer
    def variable(self, shape: Shape, quant: Quant, initial: np.ndarray | None = None) -> Variable:
        """initial: int8 of `shape`; zero points by default."""
        if initial is not None and (initial.dtype != np.int8 or initial.shape != tuple(shape)):
            raise ValueError(f"initial values must be int8 {list(shape)}, not {initial.dtype} {list(initial.shape)}")
        self.check_shape(shape)
        self._variables += 1
        return Variable(self._variables, tuple(shape), quant, None if initial is None else initial.tobytes())

    @layer
    def read(self, variable: Variable) -> Tensor:
        """What it holds now; a later assign does not change the tensor."""
        return self.add_layer(Read, [], variable.shape, variable.quant, variable)

    @layer
    def assign(self, variable: Variable, x: Tensor) -> None:
        if x.shape != variable.shape or x.quant != variable.quant:
            raise ValueError(f"{list(x.shape)} {x.quant} to a variable of {list(variable.shape)} {variable.quant}")
        self.add_layer(Assign, [x], variable.shape, variable.quant, variable)
