"""Random networks of every operator that is imported, written as TensorFlow Lite files."""

import numpy as np
from random_moves import RandomMoves
from random_parts import T

MAX_ELEMENTS = 6000


class RandomGraph(RandomMoves):
    """Each step puts an operator on one of the tensors so far."""

    def conv(self) -> T:
        x = self.image()
        values, kernel, out = self.geometry(x, dilate=True)
        groups = int(self.rng.choice([g for g in range(1, x.dims[3] + 1) if x.dims[3] % g == 0])) if self.rng.random() < 0.3 else 1
        c = int(self.rng.integers(1, 9 if groups == 1 else 4)) * groups
        more, factor = self.weights(x, (c, *kernel, x.dims[3] // groups), c, 0)
        y = self.new((1, *out, c), self.near(x, factor))
        self.add("CONV_2D", [x.index, *more], y.index, **values)
        return y

    def depthwise(self) -> T:
        x = self.image()
        values, kernel, out = self.geometry(x, dilate=True)
        c = x.dims[3] * int(self.rng.integers(1, 3))
        more, factor = self.weights(x, (1, *kernel, c), c, 3)
        y = self.new((1, *out, c), self.near(x, factor))
        self.add("DEPTHWISE_CONV_2D", [x.index, *more], y.index, depthMultiplier=c // x.dims[3], **values)
        return y

    def dense(self) -> T:
        x = self.pick()
        units, keep = int(self.rng.integers(1, 9)), bool(self.rng.random() < 0.5)
        n = x.dims[-1] if keep else int(np.prod(x.dims))
        per_channel = bool(self.rng.random() < 0.5)
        more, factor = self.weights(x, (units, n), units, 0, bias=bool(self.rng.random() < 0.7), per_channel=per_channel)
        y = self.new((*x.dims[:-1], units) if keep else (1, units), self.near(x, factor))
        self.add(
            "FULLY_CONNECTED",
            [x.index, *more],
            y.index,
            version=12 if per_channel else 5,
            fusedActivationFunction=self.activation(),
            keepNumDims=keep,
        )
        return y

    def pool(self) -> T:
        x = self.image()
        values, kernel, out = self.geometry(x, dilate=False)
        y = self.new((1, *out, x.dims[3]), x.scale, x.zero)
        name = str(self.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        self.add(name, [x.index], y.index, filterHeight=kernel[0], filterWidth=kernel[1], **values)
        return y

    def mean(self) -> T:
        x = self.pick()
        if len(x.dims) < 2:
            return x
        rank, keep = len(x.dims), bool(self.rng.random() < 0.5)
        axes = sorted(int(a) for a in self.rng.choice(np.arange(1, rank), self.rng.integers(1, rank), replace=False))
        dims = tuple(1 if a in axes else n for a, n in enumerate(x.dims)) if keep else tuple(n for a, n in enumerate(x.dims) if a not in axes)
        same = bool(self.rng.random() < 0.3)
        y = self.new(dims, x.scale if same else self.near(x, 0.4), x.zero if same else None)
        axes = [a - rank if self.rng.random() < 0.3 else a for a in axes]
        self.add("MEAN", [x.index, self.ints(axes if len(axes) > 1 or self.rng.random() < 0.5 else axes[0])], y.index, keepDims=keep)
        return y

    def binary(self) -> T:
        x = self.pick()
        others = [t for t in self.known if t.dims == x.dims]
        if self.rng.random() < 0.5:
            other = others[self.rng.integers(len(others))]
        else:
            dims = tuple(n if self.rng.random() < 0.6 else 1 for n in x.dims)
            other = self.constant(dims[int(self.rng.integers(len(dims))) :])
        name = str(self.rng.choice(["ADD", "SUB", "MUL"]))
        pair = [x, other] if self.rng.random() < 0.6 else [other, x]
        largest = max(x.scale, other.scale)
        y = self.new(x.dims, self.near(T(0, (), x.scale * other.scale * 64 if name == "MUL" else largest, 0)))
        self.add(name, [t.index for t in pair], y.index, fusedActivationFunction=self.activation())
        return y

    def function(self) -> T:
        x = self.pick()
        name = str(self.rng.choice(["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"]))
        scale, zero = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(name, (self.near(x), None))
        y = self.new(x.dims, scale, zero)
        more = {"LEAKY_RELU": {"alpha": float(self.rng.uniform(-0.5, 1.5))}, "QUANTIZE": {}, "HARD_SWISH": {}}.get(name, {})
        self.add(name, [x.index], y.index, **more)
        return y

    def prelu(self) -> T:
        x = self.pick()
        dims = tuple(n if self.rng.random() < 0.6 else 1 for n in x.dims[1:])
        alpha = self.constant(dims, 0.01)
        y = self.new(x.dims, self.near(x))
        self.add("PRELU", [x.index, alpha.index], y.index)
        return y

    def softmax(self) -> T:
        x = self.pick()
        y = self.new(x.dims, 1 / 256, -128)
        self.add("SOFTMAX", [x.index], y.index, beta=float(self.rng.choice([1.0, 0.5])))
        return y

    STEPS = (
        *("conv", "depthwise", "binary", "function") * 2,
        *("dense", "pool", "mean", "prelu", "softmax", "reshape", "concat", "parts", "strided", "slice", "pad", "transpose", "by_another_type"),
    )

    def grow(self, n: int) -> bytes:
        """A network of about n operators; its output is the newest tensor."""
        computes = {"conv", "depthwise", "dense", "pool", "mean", "binary", "prelu", "softmax"}
        while len(self.done) < n or not computes & set(self.done):
            self.done.append(self.STEPS[self.rng.integers(len(self.STEPS))])
            y = getattr(self, self.done[-1])()
            if y.index != self.known[-1].index and y.dims and np.prod(y.dims) <= MAX_ELEMENTS and len(y.dims) <= 4:
                self.known.append(y)
        return self.bytes([self.input.index], [self.known[-1].index])
