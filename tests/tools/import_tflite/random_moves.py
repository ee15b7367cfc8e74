"""Random operators that move bytes."""

import numpy as np
from random_parts import RandomParts, T
from tflite_graphs import Act, Type


class RandomMoves(RandomParts):
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
            a, b = sorted(self.rng.choice(n + 1, 2, replace=False).tolist()) if n > 1 else [0, 1]
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
            return self.moved(
                x, tuple(dims), "STRIDED_SLICE", [self.ints(v) for v in lists], beginMask=masks[0], endMask=masks[1], newAxisMask=1 << at
            )
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
