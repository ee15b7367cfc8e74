"""Random networks of every operator that is imported, written as TensorFlow Lite files."""

from dataclasses import dataclass

import numpy as np
from tflite_graphs import Act, GraphBuilder, Pad, Type

MAX_ELEMENTS = 6000


@dataclass
class T:
    """A tensor of the graph that is being made."""

    index: int
    dims: tuple[int, ...]
    scale: float
    zero: int


class RandomGraph(GraphBuilder):
    """Each step puts an operator on one of the tensors so far, mostly on the newest."""

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

    def moved(self, x: T, dims: tuple[int, ...], name: str, more: list[int] = [], first: list[int] | None = None, **values: object) -> T:  # noqa: B006
        y = self.new(dims, x.scale, x.zero)
        self.add(name, [*(first or []), x.index, *more], y.index, **values)
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

    # Steps

    def conv(self) -> T:
        x = self.image()
        values, kernel, out = self.geometry(x, dilate=True)
        c = int(self.rng.integers(1, 9))
        more, factor = self.weights(x, (c, *kernel, x.dims[3]), c, 0)
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
        self.add("FULLY_CONNECTED", [x.index, *more], y.index, version=12 if per_channel else 5, fusedActivationFunction=self.activation(), keepNumDims=keep)
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
        name = str(self.rng.choice(["RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"]))
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

    def reshape(self) -> T:
        x = self.pick()
        if self.rng.random() < 0.3 and 1 in x.dims[1:]:
            axis = int(self.rng.choice([a for a, n in enumerate(x.dims) if n == 1]))
            return self.moved(x, x.dims[:axis] + x.dims[axis + 1 :], "SQUEEZE", squeezeDims=[axis])
        if self.rng.random() < 0.4 and len(x.dims) < 4:
            axis = int(self.rng.integers(len(x.dims) + 1))
            return self.moved(x, (*x.dims[:axis], 1, *x.dims[axis:]), "EXPAND_DIMS", [self.ints(axis)])
        n = int(np.prod(x.dims))
        first = int(self.rng.choice([d for d in range(1, n + 1) if n % d == 0]))
        dims = [(1, n), (1, first, n // first), (1, first, 1, n // first), (1, 1, first, n // first)][self.rng.integers(4)]
        target = list(dims)
        if self.rng.random() < 0.5:
            target[self.rng.integers(len(target))] = -1
        return self.moved(x, dims, "RESHAPE", [self.ints(target)], newShape=target)

    def concat(self) -> T:
        x = self.pick()
        axis = int(self.rng.integers(1, len(x.dims))) if len(x.dims) > 1 else 0
        parts = [x]
        for _ in range(self.rng.integers(1, 3)):
            if self.rng.random() < 0.5:
                dims = list(x.dims)
                dims[axis] = int(self.rng.integers(1, 4))
                parts.append(self.constant(tuple(dims), x.scale, x.zero))
            else:
                parts.append(x)
        self.rng.shuffle(parts)
        dims = list(x.dims)
        dims[axis] = sum(p.dims[axis] for p in parts)
        y = self.new(tuple(dims), x.scale, x.zero)
        axis = axis - len(x.dims) if self.rng.random() < 0.3 else axis
        self.add("CONCATENATION", [p.index for p in parts], y.index, axis=axis, fusedActivationFunction=Act.NONE)
        return y

    def parts(self) -> T:
        """A split, whose parts are packed or concatenated in another order; some stay unused."""
        x = self.pick()
        axis = int(self.rng.integers(1, len(x.dims))) if len(x.dims) > 1 else 0
        n, rank = x.dims[axis], len(x.dims)
        kind = str(self.rng.choice(["SPLIT", "SPLIT_V", "UNPACK"]))
        if kind == "UNPACK" and n <= 6 and rank > 1:
            dims = x.dims[:axis] + x.dims[axis + 1 :]
            pieces = [self.new(dims, x.scale, x.zero) for _ in range(n)]
            self.add("UNPACK", [x.index], [p.index for p in pieces], num=n, axis=axis)
            chosen = [pieces[i] for i in self.rng.integers(0, n, self.rng.integers(1, 4))]
            place = int(self.rng.integers(1, len(dims) + 1))
            y = self.new((*dims[:place], len(chosen), *dims[place:]), x.scale, x.zero)
            self.add("PACK", [p.index for p in chosen], y.index, axis=place, valuesCount=len(chosen))
            return y
        if kind == "SPLIT":
            count = int(self.rng.choice([d for d in range(1, n + 1) if n % d == 0]))
            sizes = [n // count] * count
        else:
            cuts = sorted({0, n, *self.rng.integers(0, n + 1, 2).tolist()})
            sizes = np.diff(cuts).tolist()
        pieces = [self.new((*x.dims[:axis], int(m), *x.dims[axis + 1 :]), x.scale, x.zero) for m in sizes]
        outputs = [p.index for p in pieces]
        if kind == "SPLIT":
            self.add("SPLIT", [self.ints(axis), x.index], outputs, numSplits=len(sizes))
        else:
            if self.rng.random() < 0.5:
                sizes[self.rng.integers(len(sizes))] = -1
            self.add("SPLIT_V", [x.index, self.ints(sizes), self.ints(axis)], outputs, numSplits=len(sizes))
        return pieces[self.rng.integers(len(pieces))]

    def strided(self) -> T:
        x = self.pick()
        rank = len(x.dims)
        begin, end, stride, dims, shrink, masks = [], [], [], [], 0, [0, 0]
        for axis, n in enumerate(x.dims):
            step = int(self.rng.choice([1, 1, 2, 3, -1, -2])) if axis else 1
            if axis and self.rng.random() < 0.15:
                at = int(self.rng.integers(-n, n))
                begin, end, stride, shrink = [*begin, at], [*end, at + 1], [*stride, 1], shrink | 1 << axis
                continue
            a, b = (sorted(self.rng.choice(n + 1, 2, replace=False).tolist()) if n > 1 else [0, 1])
            if step < 0:
                a, b = b - 1, a - 1
                if b < 0:
                    masks[1] |= 1 << axis
            if self.rng.random() < 0.3:
                masks[0] |= 1 << axis
            if self.rng.random() < 0.3:
                masks[1] |= 1 << axis
            size = len(range(n)[slice(None if masks[0] >> axis & 1 else a, None if masks[1] >> axis & 1 else b, step)])
            begin, end, stride, dims = [*begin, a], [*end, b], [*stride, step], [*dims, size]
        if self.rng.random() < 0.2 and len(dims) < 4 and not shrink:
            # A new dimension in front of the last entry.
            at = rank - 1
            masks = [(m & ((1 << at) - 1)) | (m >> at & 1) << (at + 1) for m in masks]
            lists = [[*v[:at], fill, v[at]] for v, fill in ((begin, 0), (end, 1), (stride, 1))]
            dims = [*dims[:-1], 1, dims[-1]]
            return self.moved(x, tuple(dims), "STRIDED_SLICE", [self.ints(v) for v in lists], beginMask=masks[0], endMask=masks[1], newAxisMask=1 << at)
        if not dims:
            dims = []
        return self.moved(x, tuple(dims), "STRIDED_SLICE", [self.ints(v) for v in (begin, end, stride)], beginMask=masks[0], endMask=masks[1],
                          shrinkAxisMask=shrink)  # fmt: skip

    def slice(self) -> T:
        x = self.pick()
        begin = [int(self.rng.integers(0, n)) for n in x.dims]
        size = [int(self.rng.integers(1, n - b + 1)) for n, b in zip(x.dims, begin, strict=True)]
        written = [-1 if b + s == n and self.rng.random() < 0.5 else s for n, b, s in zip(x.dims, begin, size, strict=True)]
        dtype = np.int64 if self.rng.random() < 0.3 else np.int32
        return self.moved(x, tuple(size), "SLICE", [self.ints(begin, dtype), self.ints(written, dtype)])

    def pad(self) -> T:
        x = self.pick()
        pads = self.rng.integers(0, 3, (len(x.dims), 2)) * (self.rng.random((len(x.dims), 1)) < 0.6)
        pads[0] = 0
        if len(x.dims) == 4 and self.rng.random() < 0.5:
            pads[3] = 0  # what a convolution can take over
        dims = tuple(int(n + p.sum()) for n, p in zip(x.dims, pads, strict=True))
        if self.rng.random() < 0.5:
            return self.moved(x, dims, "PAD", [self.ints(pads)])
        value = self.tensor((1,), x.scale, x.zero, data=self.rng.integers(-128, 128, 1).astype(np.int8))
        return self.moved(x, dims, "PADV2", [self.ints(pads), value])

    def transpose(self) -> T:
        x = self.pick()
        perm = [0, *(1 + self.rng.permutation(len(x.dims) - 1)).tolist()] if x.dims else []
        return self.moved(x, tuple(x.dims[a] for a in perm), "TRANSPOSE", [self.ints(perm)]) if perm else x

    def by_another_type(self) -> T:
        """To uint8 or float and back."""
        x = self.pick()
        if self.rng.random() < 0.5:
            between = self.new(x.dims, self.near(x), dtype=Type.UINT8)
            self.add("QUANTIZE", [x.index], between.index)
        else:
            between = T(self.tensor(x.dims, dtype=Type.FLOAT32), x.dims, x.scale, 0)
            self.add("DEQUANTIZE", [x.index], between.index)
        y = self.new(x.dims, self.near(x))
        self.add("QUANTIZE", [between.index], y.index, version=1 if self.rng.random() < 0 else 2)
        return y

    STEPS = (conv, conv, depthwise, depthwise, dense, pool, mean, binary, binary, function, function, prelu, softmax, reshape, concat, parts,
             strided, slice, pad, transpose, by_another_type)  # fmt: skip

    def grow(self, n: int) -> bytes:
        """A network of about n operators; its output is the newest tensor."""
        computes = {"conv", "depthwise", "dense", "pool", "mean", "binary", "prelu", "softmax"}
        while len(self.done) < n or not computes & set(self.done):
            step = self.STEPS[self.rng.integers(len(self.STEPS))]
            y = step(self)
            self.done.append(step.__name__)
            if y.index != self.known[-1].index and y.dims and np.prod(y.dims) <= MAX_ELEMENTS and len(y.dims) <= 4:
                self.known.append(y)
        return self.bytes([self.input.index], [self.known[-1].index])
