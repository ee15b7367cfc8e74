"""Random and systematic choices of kernel calls; cases.py makes a call of a given shape."""

from collections.abc import Iterator

import numpy as np
from cases import Rng, binary, conv, copy, dense, depthwise, lut, mean, pool, pool_step, prelu, softmax, svdf
from direct import Case, Shape, Window

KERNELS = ("conv2d", "depthwise_conv2d", "fully_connected", "avg_pool2d", "max_pool2d", "avg_pool_step", "mean", "add",
           "mul", "prelu", "lut", "softmax", "copy", "svdf")  # fmt: skip


def draw_axis(rng: Rng, dilated: bool) -> tuple[int, int, int, int, int, int]:
    """Length, kernel, stride, dilation, front pad and end pad of one axis; every window touches the input."""
    while True:
        n, kernel, stride = int(rng.integers(1, 12)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
        dilation = int(rng.integers(1, 4)) if dilated else 1
        extent = (kernel - 1) * dilation + 1
        front, back = (int(x) for x in rng.integers(0, extent, 2)) if rng.random() < 0.6 else (0, 0)
        outputs = (n + front + back - extent) // stride + 1
        if outputs >= 1 and (outputs - 1) * stride - front < n and front < n + 1:
            return n, kernel, stride, dilation, front, back


def draw_window(rng: Rng, dilated: bool) -> tuple[int, int, Window, tuple[int, int]]:
    """Height and width of an input, a window on it, and the padding at its ends."""
    h, kh, sh, dh, top, bottom = draw_axis(rng, dilated)
    w, kw, sw, dw, left, right = draw_axis(rng, dilated)
    return h, w, Window(kh, kw, sh, sw, dh, dw, top, left), (bottom, right)


def broadcast(rng: Rng, shape: Shape) -> Shape:
    return Shape(*(1 if rng.random() < 0.3 else n for n in (shape.h, shape.w, shape.c)))


def random_case(kernel: str, rng: Rng) -> Case:
    """Any legal call of this table entry, small enough to be run by the hundred."""
    o3 = tuple(int(x) for x in rng.integers(0, 16, 3))
    o = o3[:2]
    c = int(rng.integers(1, 20))
    shape = Shape(*(int(x) for x in rng.integers(1, 7, 2)), c)
    extreme = rng.random() < 0.2
    if kernel in ("conv2d", "depthwise_conv2d"):
        h, w, window, ends = draw_window(rng, True)
        if kernel == "conv2d" and rng.random() < 0.3:
            window, ends = Window(1, 1, 1, 1, 1, 1, 0, 0), (0, 0)
        if kernel == "conv2d":
            return conv(rng, Shape(h, w, c), int(rng.integers(1, 14)), window, ends, o, extreme)
        return depthwise(rng, Shape(h, w, c), int(rng.choice([1, 1, 2, 3])), window, ends, o, extreme)
    if kernel == "fully_connected":
        return dense(rng, int(rng.integers(1, 4)), int(rng.integers(1, 80)), int(rng.integers(1, 14)), o, extreme)
    if kernel in ("avg_pool2d", "max_pool2d"):
        h, w, window, ends = draw_window(rng, False)
        return pool(kernel, rng, Shape(h, w, c), window, ends, o)
    if kernel == "avg_pool_step":
        _, w, window, ends = draw_window(rng, False)
        step = Window(window.kernel_h, window.kernel_w, 1, window.stride_w, 1, 1, 0, window.pad_left)
        return pool_step(rng, int(rng.integers(1, 4)), Shape(1, w, c), step, ends[1], o, int(rng.integers(0, 9)))
    if kernel == "mean":
        return mean(rng, shape, int(rng.integers(1, 8)), o)
    if kernel in ("add", "mul"):
        in0, in1 = (shape, broadcast(rng, shape))[:: int(rng.choice([1, -1]))]
        full = [name for name, s in (("in0", in0), ("in1", in1)) if s == shape]
        return binary(kernel, rng, in0, in1, o3, str(rng.choice(full)) if rng.random() < 0.2 else "")
    if kernel == "prelu":
        return prelu(rng, shape, broadcast(rng, shape), o3, rng.random() < 0.2)
    if kernel == "lut":
        return lut(rng, int(rng.integers(1, 70)), o, rng.random() < 0.2)
    if kernel == "softmax":
        return softmax(rng, int(rng.integers(1, 4)), int(rng.choice([rng.integers(1, 257), rng.integers(1, 14)])), o)
    if kernel == "copy":
        return copy(rng, tuple(int(x) for x in rng.integers(1, 6, 4)), o)
    if kernel == "svdf":
        return svdf(rng, int(rng.integers(1, 40)), int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 12)), o)
    raise ValueError(f"no kernel is called {kernel}")


def sweep(kernel: str, rng: Rng) -> Iterator[Case]:
    """Every number of channels (or inputs, classes, elements) from 1 to 20, past any unrolling, at shifting alignments."""
    for n in range(1, 21):
        o = (n % 4, (n + 1) % 4)
        o3 = (*o, (n + 2) % 4)
        if kernel in ("conv2d", "depthwise_conv2d"):
            for kh, kw, top, left in ((1, 1, 0, 0), (3, 2, 1, 0), (1, 3, 0, 1), (3, 3, 1, 1), (5, 1, 2, 0)):
                window = Window(kh, kw, 1, 1, 1, 1, top, left)
                if kernel == "conv2d":
                    yield conv(rng, Shape(5, 4, n), 1 + n % 5, window, (top, left), o)
                    yield conv(rng, Shape(5, 4, 1 + n % 5), n, window, (top, left), o)
                else:
                    for multiple in (1, 2):
                        yield depthwise(rng, Shape(5, 4, n), multiple, window, (top, left), o)
        elif kernel == "fully_connected":
            for other in (1, 2, 5, 8):
                yield dense(rng, 1 + n % 3, n, other, o)
                yield dense(rng, 1 + n % 3, other, n, o)
        elif kernel in ("avg_pool2d", "max_pool2d"):
            yield pool(kernel, rng, Shape(5, 4, n), Window(3, 3, 1, 1, 1, 1, 1, 1), (1, 1), o)
            yield pool(kernel, rng, Shape(5, 4, n), Window(5, 4, 1, 1, 1, 1, 0, 0), (0, 0), o)
        elif kernel == "avg_pool_step":
            for rows in (1, 2, 3):
                yield pool_step(rng, rows, Shape(1, 3, n), Window(4, 3, 1, 1, 1, 1, 0, 0), 0, o, n)
        elif kernel == "mean":
            for axes in range(1, 8):
                yield mean(rng, Shape(3, 2, n), axes, o)
        elif kernel in ("add", "mul"):
            for other in (Shape(3, 2, n), Shape(1, 1, n), Shape(1, 1, 1), Shape(3, 1, n), Shape(1, 2, 1)):
                yield binary(kernel, rng, Shape(3, 2, n), other, o3)
                yield binary(kernel, rng, other, Shape(3, 2, n), o3)
        elif kernel == "prelu":
            for alpha in (Shape(3, 2, n), Shape(1, 1, n), Shape(1, 1, 1)):
                yield prelu(rng, Shape(3, 2, n), alpha, o3)
        elif kernel == "lut":
            yield from (lut(rng, n, o), lut(rng, n, o, in_place=True))
        elif kernel == "softmax":
            yield softmax(rng, 2, n, o)
        elif kernel == "copy":
            yield from (copy(rng, (2, 3, 2, n), o), copy(rng, (n, 1, 3, 2), o))
        elif kernel == "svdf":
            yield from (svdf(rng, n, 3, 2, 5, o), svdf(rng, 5, 2, 1, n, o))
        else:
            raise ValueError(f"no kernel is called {kernel}")


def all_cases(kernel: str, seed: int, count: int) -> Iterator[Case]:
    """The sweep, then `count` random cases."""
    rng = np.random.default_rng(seed)
    yield from sweep(kernel, rng)
    for _ in range(count):
        yield random_case(kernel, rng)
