"""BlobWriter's layers that work element by element or along the channels: arithmetic, functions, mean, softmax."""

from collections.abc import Sequence

import numpy as np

from tools.blob import format as fmt
from tools.blob import luts, quantise
from tools.blob.builder import Builder, layer
from tools.blob.format import Op
from tools.blob.network import Arithmetic, Lut, Mean, Pair, Quant, Softmax, Tensor


def _pairs(*pairs: Pair) -> bytes:
    numbers = [n for pair in pairs for n in pair]
    return fmt.SCALE_PARAMS.pack(*numbers, *[0] * (6 - len(numbers)))


def _broadcast(a: Tensor, b: Tensor) -> tuple[int, ...]:
    if any(m != n and 1 not in (m, n) for m, n in zip(a.shape, b.shape, strict=True)):
        raise ValueError(f"{list(a.shape)} and {list(b.shape)} do not go together: each dimension must be the same or 1")
    return tuple(max(pair) for pair in zip(a.shape, b.shape, strict=True))


class ElementwiseLayers(Builder):
    """Inputs of two shapes go together where each dimension is the same or 1 in one of them."""

    @layer
    def add(self, a: Tensor, b: Tensor, out: Quant, *, activation: str = "none") -> Tensor:
        """a + b."""
        return self._sum(Op.ADD, a, b, out, activation)

    @layer
    def sub(self, a: Tensor, b: Tensor, out: Quant, *, activation: str = "none") -> Tensor:
        """a - b."""
        return self._sum(Op.SUB, a, b, out, activation)

    def _sum(self, code: Op, a: Tensor, b: Tensor, out: Quant, activation: str) -> Tensor:
        scales = quantise.add_multipliers(a.quant.scale, b.quant.scale, out.scale)
        return self.add_layer(Arithmetic, [a, b], _broadcast(a, b), out, code, _pairs(*scales), self.clamp(activation, out))

    @layer
    def mul(self, a: Tensor, b: Tensor, out: Quant, *, activation: str = "none") -> Tensor:
        """a * b."""
        scale = quantise.mul_multiplier(a.quant.scale, b.quant.scale, out.scale)
        return self.add_layer(Arithmetic, [a, b], _broadcast(a, b), out, Op.MUL, _pairs(scale), self.clamp(activation, out))

    @layer
    def prelu(self, x: Tensor, alpha: Tensor, out: Quant) -> Tensor:
        """alpha has 1 or x's length in each dimension."""
        if _broadcast(x, alpha) != x.shape:
            raise ValueError(f"alpha {list(alpha.shape)} is larger than the input {list(x.shape)}")
        pairs = quantise.prelu_multipliers(x.quant.scale, alpha.quant.scale, out.scale)
        return self.add_layer(Arithmetic, [x, alpha], x.shape, out, Op.PRELU, _pairs(*pairs), (-128, 127))

    @layer
    def mean(self, x: Tensor, axes: Sequence[int], out: Quant, *, activation: str = "none") -> Tensor:
        """Over some of the axes 0 (h), 1 (w) and 2 (c); the output has 1 in their place."""
        axes = tuple(sorted(set(axes)))
        if not axes or not set(axes) <= {0, 1, 2}:
            raise ValueError(f"axes {list(axes)} are not some of 0, 1, 2")
        axes = tuple(axis for axis in axes if x.shape[axis] > 1)
        if not axes:
            return self.lut(x, np.clip(luts.requantise(x.quant, out), *self.clamp(activation, out)).astype(np.int8), out)
        count = int(np.prod([x.shape[axis] for axis in axes]))
        if count >= 1 << 23:
            raise ValueError(f"the sum of {count} values may not fit")
        scale = quantise.mean_multiplier(x.quant.scale, out.scale, count)
        shape = [1 if axis in axes else n for axis, n in enumerate(x.shape)]
        bits = sum(fmt.AXIS_BITS[axis] for axis in axes)
        return self.add_layer(Mean, [x], shape, out, axes, _pairs(scale, (bits, 0)), self.clamp(activation, out))

    @layer
    def softmax(self, x: Tensor, *, beta: float = 1.0) -> Tensor:
        """Over the last axis (at most 256 classes); the output's quantisation is (q + 128) / 256."""
        if x.shape[2] > 256:
            raise ValueError(f"{x.shape[2]} classes are more than 256")
        return self.add_layer(Softmax, [x], x.shape, Quant(1 / 256, -128), _pairs(quantise.softmax_multiplier(beta, x.quant.scale)))

    # Functions of one int8

    @layer
    def lut(self, x: Tensor, table: np.ndarray, out: Quant) -> Tensor:
        """table int8 [256]: the output for each input, -128 first."""
        if table.shape != (256,) or table.dtype != np.int8:
            raise ValueError(f"a table is int8 [256], not {table.dtype} {list(table.shape)}")
        return self.add_layer(Lut, [x], x.shape, out, table.tobytes())

    @layer
    def relu(self, x: Tensor, out: Quant, *, activation: str = "relu") -> Tensor:
        """activation: "relu", "relu6", "relu_n1_to_1", "relu_0_to_1", or "none" to rescale only."""
        self.clamp(activation, out)
        return self.lut(x, luts.relu(activation, x.quant, out), out)

    @layer
    def leaky_relu(self, x: Tensor, alpha: float, out: Quant) -> Tensor:
        """x for x >= 0, else alpha * x; alpha may be negative."""
        return self.lut(x, luts.leaky_relu(alpha, x.quant, out), out)

    @layer
    def logistic(self, x: Tensor, out: Quant = Quant(1 / 256, -128)) -> Tensor:  # noqa: B008
        """1 / (1 + exp(-x)); the output's scale is 1/256."""
        return self.lut(x, luts.logistic(x.quant, out), out)

    @layer
    def tanh(self, x: Tensor, out: Quant = Quant(1 / 128, 0)) -> Tensor:  # noqa: B008
        """tanh(x)."""
        return self.lut(x, luts.tanh(x.quant, out), out)

    @layer
    def hard_swish(self, x: Tensor, out: Quant) -> Tensor:
        """x * relu6(x + 3) / 6."""
        return self.lut(x, luts.hard_swish(x.quant, out), out)

    @layer
    def requantise(self, x: Tensor, out: Quant) -> Tensor:
        """The same values in another quantisation."""
        return self.lut(x, luts.requantise(x.quant, out), out)
