"""Calls of kernels of a given shape, with random contents and quantisation; draw.py chooses the shapes.

`offsets` are the addresses modulo 16 of inputs and output. With `extreme`, biases, multipliers and shifts are anything
that kernels.h allows; else they spread the outputs over the int8 range.
"""

import numpy as np
from direct import Binary, Buffer, Case, Copy, Linear, Mean, Pool, Prelu, Shape, Softmax, Svdf, Window, scratch_bytes

Rng = np.random.Generator


def row_bytes(products: int) -> int:
    return (products + 3) & ~3


def int8s(rng: Rng, *shape: int) -> np.ndarray:
    """Mostly the whole range, sometimes only its ends."""
    if rng.random() < 0.2:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape).astype(np.int8)


def zero_point(rng: Rng) -> int:
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def clamp(rng: Rng) -> tuple[int, int]:
    return (-128, 127) if rng.random() < 0.6 else tuple(sorted(int(x) for x in rng.integers(-128, 128, 2)))


def multiplier(rng: Rng, shift_min: int, shift_max: int) -> tuple[int, int]:
    """Any that the kernels' ranges allow."""
    mult = int(rng.choice([rng.integers(1 << 30, 1 << 31), rng.integers(0, 1 << 31), (1 << 31) - 1, 1 << 30, 0], p=[0.6, 0.1, 0.1, 0.1, 0.1]))
    return mult, int(rng.integers(shift_min, shift_max + 1))


def channels(rng: Rng, count: int, products: int, extreme: bool) -> np.ndarray:
    """[count][bias, mult, shift]; ordinary ones spread the sums over the output's range."""
    limit = (1 << 30) - (products << 15) - 1
    if extreme:
        bias = rng.choice([-limit, limit, 0, int(rng.integers(-limit, limit + 1))], count)
        pairs = [multiplier(rng, -31, 30) for _ in range(count)]
        return np.array([[int(b), *p] for b, p in zip(bias, pairs, strict=True)], np.int32)
    usual = 5400 * np.sqrt(products)
    mult = rng.integers(1 << 30, 1 << 31, count)
    shift = -np.rint(np.log2(usual / 64) + rng.uniform(-2, 2, count)).astype(int)
    bias = np.clip(rng.normal(0, usual, count), -limit, limit).astype(int)
    return np.stack([bias, mult, np.clip(shift, -31, 30)], axis=1).astype(np.int32)


def weight_rows(rng: Rng, rows: int, products: int) -> np.ndarray:
    """[rows][row_bytes]; the bytes behind the products are 0."""
    out = np.zeros((rows, row_bytes(products)), np.int8)
    out[:, :products] = int8s(rng, rows, products)
    return out


def _linear(
    kernel: str, rng: Rng, shape: Shape, out: Shape, window: Window, products: int, scratch: int, offsets: tuple[int, int], extreme: bool
) -> Case:
    low, high = clamp(rng)
    params = Linear(shape, out, window, zero_point(rng), zero_point(rng), low, high)
    buffers = {
        "in0": Buffer.of(int8s(rng, shape.size), offsets[0]),
        "out": Buffer.poisoned(out.size, offsets[1]),
        "weights": Buffer.of(weight_rows(rng, out.c, products), 4 * int(rng.integers(4))),
        "channels": Buffer.of(channels(rng, out.c, products, extreme), 4 * int(rng.integers(4))),
    }
    arguments = ("params", "in0", "out")
    if kernel != "fully_connected":
        buffers["scratch"] = Buffer.poisoned(scratch, 4 * int(rng.integers(4)))
        arguments += ("scratch",)
    return Case(kernel, params, buffers, arguments)


def out_length(n: int, kernel: int, stride: int, dilation: int, front: int, back: int) -> int:
    return (n + front + back - (kernel - 1) * dilation - 1) // stride + 1


def out_shape(shape: Shape, w: Window, c: int, ends: tuple[int, int] = (0, 0)) -> Shape:
    """Output of `w` on `shape` with `ends` more rows and columns of padding at the bottom and on the right."""
    return Shape(
        out_length(shape.h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, ends[0]),
        out_length(shape.w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, ends[1]),
        c,
    )


def conv(
    rng: Rng, shape: Shape, c_out: int, w: Window, ends: tuple[int, int] = (0, 0), offsets: tuple[int, int] = (0, 0), extreme: bool = False
) -> Case:
    products = w.kernel_h * w.kernel_w * shape.c
    scratch = scratch_bytes("conv2d", shape, w)
    return _linear("conv2d", rng, shape, out_shape(shape, w, c_out, ends), w, products, scratch, offsets, extreme)


def depthwise(
    rng: Rng, shape: Shape, multiple: int, w: Window, ends: tuple[int, int] = (0, 0), offsets: tuple[int, int] = (0, 0), extreme: bool = False
) -> Case:
    scratch = scratch_bytes("depthwise_conv2d", shape, w)
    out = out_shape(shape, w, shape.c * multiple, ends)
    return _linear("depthwise_conv2d", rng, shape, out, w, w.kernel_h * w.kernel_w, scratch, offsets, extreme)


def dense(rng: Rng, rows: int, inputs: int, outputs: int, offsets: tuple[int, int] = (0, 0), extreme: bool = False) -> Case:
    shape, out = Shape(rows, 1, inputs), Shape(rows, 1, outputs)
    return _linear("fully_connected", rng, shape, out, Window(0, 0, 0, 0, 0, 0, 0, 0), inputs, 0, offsets, extreme)


def pool(kernel: str, rng: Rng, shape: Shape, w: Window, ends: tuple[int, int] = (0, 0), offsets: tuple[int, int] = (0, 0)) -> Case:
    out = out_shape(shape, w, shape.c, ends)
    buffers = {"in0": Buffer.of(int8s(rng, shape.size), offsets[0]), "out": Buffer.poisoned(out.size, offsets[1])}
    return Case(kernel, Pool(shape, out, w, *clamp(rng)), buffers, ("params", "in0", "out"))


def pool_step(rng: Rng, rows: int, shape: Shape, w: Window, ends: int = 0, offsets: tuple[int, int] = (0, 0), runs: int = 0) -> Case:
    """`rows` new rows of `shape` (its h does not matter); the state is that after `runs` earlier random rows."""
    out = Shape(1, out_length(shape.w, w.kernel_w, w.stride_w, 1, w.pad_left, ends), shape.c)
    state = np.zeros(scratch_bytes("avg_pool_step", out, w), np.uint8)
    row = out.w * out.c
    x = int8s(rng, runs, row).astype(np.int16)
    ring = np.zeros((w.kernel_h, row), np.int16)
    for i in range(max(0, runs - w.kernel_h), runs):
        ring[i % w.kernel_h] = x[i]
    state[:4].view(np.uint32)[0] = runs % w.kernel_h
    state[4 : 4 + 4 * row].view(np.int32)[:] = ring.astype(np.int32).sum(axis=0)
    state[4 + 4 * row :].view(np.int16)[:] = ring.reshape(-1)
    shape = Shape(rows, shape.w, shape.c)
    buffers = {
        "in0": Buffer.of(int8s(rng, shape.size), offsets[0]),
        "out": Buffer.poisoned(out.size, offsets[1]),
        "state": Buffer.of(state, 4 * int(rng.integers(4))),
    }
    return Case("avg_pool_step", Pool(shape, out, w, *clamp(rng)), buffers, ("params", "in0", "out", "state"), ("out", "state"))


def mean(rng: Rng, shape: Shape, axes: int, offsets: tuple[int, int] = (0, 0)) -> Case:
    kept = [1 if axes >> d & 1 else n for d, n in enumerate((shape.h, shape.w, shape.c))]
    mult, shift = multiplier(rng, -31, 30) if rng.random() < 0.2 else multiplier(rng, -8, 2)
    params = Mean(shape, axes, zero_point(rng), zero_point(rng), mult, shift, *clamp(rng))
    buffers = {"in0": Buffer.of(int8s(rng, shape.size), offsets[0]), "out": Buffer.poisoned(int(np.prod(kept)), offsets[1])}
    return Case("mean", params, buffers, ("params", "in0", "out"))


def binary(kernel: str, rng: Rng, in0: Shape, in1: Shape, offsets: tuple[int, int, int] = (0, 0, 0), in_place: str = "") -> Case:
    """`in_place`: "in0" or "in1", the input that the output overwrites; it must have the output's shape."""
    out = Shape(*(max(a, b) for a, b in zip((in0.h, in0.w, in0.c), (in1.h, in1.w, in1.c), strict=True)))
    if kernel == "add":
        pairs = [*multiplier(rng, -8, 0), *multiplier(rng, -8, 0), *multiplier(rng, -24, -10)]
    else:
        pairs = [0, 0, 0, 0, *(multiplier(rng, -10, -4) if rng.random() < 0.7 else multiplier(rng, -31, 14))]
    zeros = [zero_point(rng) for _ in range(3)]
    params = Binary(in0, in1, out, *zeros, *pairs, *clamp(rng), int(kernel == "add" and rng.random() < 0.5))
    buffers = {"in0": Buffer.of(int8s(rng, in0.size), offsets[0]), "in1": Buffer.of(int8s(rng, in1.size), offsets[1])}
    if not in_place:
        buffers["out"] = Buffer.poisoned(out.size, offsets[2])
    result = in_place or "out"
    return Case(kernel, params, buffers, ("params", "in0", "in1", result), (result,))


def prelu(rng: Rng, shape: Shape, alpha: Shape, offsets: tuple[int, int, int] = (0, 0, 0), in_place: bool = False) -> Case:
    pairs = [*multiplier(rng, -4, 3), *multiplier(rng, -12, -2)] if rng.random() < 0.7 else [*multiplier(rng, -31, 22), *multiplier(rng, -31, 14)]
    params = Prelu(shape, alpha, *(zero_point(rng) for _ in range(3)), *pairs)
    buffers = {"in0": Buffer.of(int8s(rng, shape.size), offsets[0]), "alpha": Buffer.of(int8s(rng, alpha.size), offsets[1])}
    if not in_place:
        buffers["out"] = Buffer.poisoned(shape.size, offsets[2])
    result = "in0" if in_place else "out"
    return Case("prelu", params, buffers, ("params", "in0", "alpha", result), (result,))


def lut(rng: Rng, n: int, offsets: tuple[int, int] = (0, 0), in_place: bool = False) -> Case:
    buffers = {"table": Buffer.of(int8s(rng, 256), int(rng.integers(16))), "in0": Buffer.of(int8s(rng, n), offsets[0])}
    if not in_place:
        buffers["out"] = Buffer.poisoned(n, offsets[1])
    result = "in0" if in_place else "out"
    return Case("lut", None, buffers, ("table", "in0", result, n), (result,))


def softmax(rng: Rng, rows: int, classes: int, offsets: tuple[int, int] = (0, 0)) -> Case:
    shift = int(rng.choice([rng.integers(0, 32), rng.integers(18, 26)]))
    mult = 0 if rng.random() < 0.05 else int(rng.integers(1 << 30, 1 << 31))
    buffers = {"in0": Buffer.of(int8s(rng, rows * classes), offsets[0]), "out": Buffer.poisoned(rows * classes, offsets[1])}
    return Case("softmax", Softmax(rows, classes, mult, shift), buffers, ("params", "in0", "out"))


def copy(rng: Rng, n: tuple[int, int, int, int], offsets: tuple[int, int] = (0, 0)) -> Case:
    """Any order of the dimensions on either side, with gaps and backward steps on the input's."""
    side, sizes = [], []
    for backward in (True, False):
        stride, span = [0] * 4, 1
        order = list(range(4)) if rng.random() < 0.5 else [int(d) for d in rng.permutation(4)]
        for d in reversed(order):
            stride[d] = span
            span *= n[d] + int(rng.integers(3) if rng.random() < 0.3 else 0)
        first = int(rng.integers(3))
        for d in range(4):
            if backward and rng.random() < 0.1:
                first += (n[d] - 1) * stride[d]
                stride[d] = -stride[d]
        side.append((tuple(stride), first))
        sizes.append(first + sum(max(0, (n[d] - 1) * stride[d]) for d in range(4)) + 1)
    params = Copy(n, side[0][0], side[1][0], side[0][1], side[1][1])
    buffers = {"in0": Buffer.of(int8s(rng, sizes[0]), offsets[0]), "out": Buffer.poisoned(sizes[1], offsets[1])}
    return Case("copy", params, buffers, ("params", "in0", "out"))


def svdf(rng: Rng, inputs: int, units: int, rank: int, memory: int, offsets: tuple[int, int] = (0, 0)) -> Case:
    filters = units * rank
    feature = multiplier(rng, -12, -4) if rng.random() < 0.8 else multiplier(rng, -31, 30)
    out = multiplier(rng, -24, -14) if rng.random() < 0.8 else multiplier(rng, -31, 30)
    params = Svdf(inputs, units, rank, memory, zero_point(rng), zero_point(rng), *clamp(rng), *feature, *out)
    int16 = np.iinfo(np.int16)
    buffers = {
        "in0": Buffer.of(int8s(rng, inputs), offsets[0]),
        "out": Buffer.poisoned(units, offsets[1]),
        "state": Buffer.of(rng.integers(int16.min, int16.max + 1, (filters, memory)).astype(np.int16), 2 * int(rng.integers(8))),
        "scratch": Buffer.poisoned(4 * filters, 4 * int(rng.integers(4))),
        "feature": Buffer.of(weight_rows(rng, filters, inputs), 4 * int(rng.integers(4))),
        "time": Buffer.of(rng.integers(int16.min, int16.max + 1, (filters, memory)).astype(np.int16), 4 * int(rng.integers(4))),
        "bias": Buffer.of(rng.integers(-(1 << 20), 1 << 20, units).astype(np.int32), 4 * int(rng.integers(4))),
    }
    return Case("svdf", params, buffers, ("params", "in0", "out", "state", "scratch"), ("out", "state"))
