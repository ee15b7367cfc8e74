"""Kernels called directly: any alignment, poisoned outputs, guards around every buffer."""

import ctypes

import numpy as np
import pytest

from tools.kwslib import library

GUARD, POISON = 64, 0x5A


class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint16) for n in ("h", "w", "c")]


class Window(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint16) for n in ("kh", "kw", "sh", "sw", "dh", "dw", "top", "left")]


class Linear(ctypes.Structure):
    _fields_ = [("inp", Shape), ("out", Shape), ("window", Window), *((n, ctypes.c_int32) for n in ("in_zero", "out_zero", "lo", "hi")),
                ("weights", ctypes.c_void_p), ("channels", ctypes.c_void_p)]  # fmt: skip


class Pool(ctypes.Structure):
    _fields_ = [("inp", Shape), ("out", Shape), ("window", Window), ("lo", ctypes.c_int32), ("hi", ctypes.c_int32)]


class Guarded:
    """`data` at an address that is `offset` past a multiple of 16, between guards."""

    def __init__(self, data: np.ndarray, offset: int) -> None:
        raw = np.frombuffer(data.tobytes(), np.uint8)
        self._store = np.full(raw.size + 2 * GUARD + 32, POISON, np.uint8)
        self._at = -self._store.ctypes.data % 16 + GUARD + offset
        self._size = raw.size
        self._store[self._at : self._at + raw.size] = raw
        self.address = self._store.ctypes.data + self._at

    @property
    def data(self) -> np.ndarray:
        return self._store[self._at : self._at + self._size].view(np.int8)

    def intact(self) -> bool:
        return bool((self._store[: self._at] == POISON).all() and (self._store[self._at + self._size :] == POISON).all())


def linear_case(kind: str, c_in: int, c_out: int, offset: int) -> None:
    rng = np.random.default_rng(c_in * 100 + c_out)
    h, w = 5, 4
    kernel, pads = ((3, 2), (1, 0)) if kind != "conv2d_1x1" else ((1, 1), (0, 0))
    out_shape = (1, 1) if kind == "fully_connected" else (h, w if kernel[1] == 1 else w - 1)
    products = h * w * c_in if kind == "fully_connected" else kernel[0] * kernel[1] * (1 if kind == "depthwise_conv2d" else c_in)
    x = rng.integers(-128, 128, (h, w, c_in)).astype(np.int8)
    weight_shape = {
        "fully_connected": (c_out, h, w, c_in), "depthwise_conv2d": (*kernel, c_out),
        "conv2d": (c_out, *kernel, c_in), "conv2d_1x1": (c_out, 1, 1, c_in),
    }[kind]  # fmt: skip
    weights = rng.integers(-128, 128, weight_shape).astype(np.int8)
    channels = np.stack([rng.integers(-999, 999, c_out), rng.integers(1 << 30, 1 << 31, c_out), rng.integers(-9, -6, c_out)], axis=1).astype(np.int32)
    zero = int(rng.integers(-128, 128))
    buffers = [Guarded(x, offset), Guarded(weights, (offset + 1) % 4), Guarded(np.full((*out_shape, c_out), POISON, np.int8), (offset + 2) % 4)]
    scratch = Guarded(np.zeros(4 * kernel[0] * kernel[1] * c_in, np.int8), 0)
    params = Linear(Shape(h, w, c_in), Shape(*out_shape, c_out), Window(*kernel, 1, 1, 1, 1, *pads), zero, 7, -100, 100,
                    buffers[1].address, channels.ctypes.data)  # fmt: skip
    pointers = [ctypes.c_void_p(b.address) for b in (buffers[0], buffers[2], scratch)]
    function = getattr(library(), f"kws_{kind.removesuffix('_1x1')}_c")
    function(ctypes.byref(params), *(pointers[:2] if kind == "fully_connected" else pointers))

    padded = np.pad(x.astype(int), ((pads[0], pads[0]), (0, 0), (0, 0)), constant_values=zero)
    expected = np.empty((*out_shape, c_out), int)
    for (oy, ox, o), _ in np.ndenumerate(expected):
        if kind == "fully_connected":
            total = (x.astype(int) * weights[o]).sum()
        elif kind == "depthwise_conv2d":
            total = (padded[oy : oy + kernel[0], ox : ox + kernel[1], o * c_in // c_out] * weights[:, :, o]).sum()
        else:
            total = (padded[oy : oy + kernel[0], ox : ox + kernel[1]] * weights[o]).sum()
        expected[oy, ox, o] = requantised(int(total), *(int(v) for v in channels[o]), once=kind == "fully_connected")
    np.testing.assert_array_equal(buffers[2].data.reshape(expected.shape), expected)
    assert products and all(b.intact() for b in (*buffers, scratch))
    assert np.array_equal(buffers[0].data, x.reshape(-1)) and np.array_equal(buffers[1].data, weights.reshape(-1))


def requantised(total: int, bias: int, mult: int, shift: int, once: bool) -> int:
    if once:
        y = ((total + bias) * mult + (1 << (30 - shift))) >> (31 - shift)
    else:
        high = ((total + bias) * mult + (1 << 30)) >> 31
        magnitude = (abs(high) + (1 << (-shift - 1))) >> -shift
        y = magnitude if high >= 0 else -magnitude
    return max(-100, min(100, y + 7))


@pytest.mark.parametrize("kind", ["conv2d", "conv2d_1x1", "depthwise_conv2d", "fully_connected"])
def test_every_length_and_alignment(kind: str) -> None:
    """An inner loop that is unrolled has a tail; a tail that is wrong at one length spoils the models of that width."""
    for n in range(1, 20):
        for other in (1, 2, 5):
            c_in, c_out = (n, n * other) if kind == "depthwise_conv2d" else (n, other)
            linear_case(kind, c_in, c_out, offset=n % 4)
            if kind != "depthwise_conv2d":
                linear_case(kind, other, n, offset=(n + 1) % 4)


@pytest.mark.parametrize("kind", ["avg_pool2d", "max_pool2d"])
def test_pools_stay_inside(kind: str) -> None:
    """Pools read only what is inside the input, at any alignment."""
    rng = np.random.default_rng(3)
    for c in range(1, 10):
        x = rng.integers(-128, 128, (5, 4, c)).astype(np.int8)
        source, sink = Guarded(x, c % 4), Guarded(np.full((5, 4, c), POISON, np.int8), (c + 1) % 4)
        params = Pool(Shape(5, 4, c), Shape(5, 4, c), Window(3, 3, 1, 1, 1, 1, 1, 1), -128, 127)
        getattr(library(), f"kws_{kind}_c")(ctypes.byref(params), ctypes.c_void_p(source.address), ctypes.c_void_p(sink.address))
        for (y, x_, k), value in np.ndenumerate(sink.data.reshape(5, 4, c)):
            part = x[max(0, y - 1) : y + 2, max(0, x_ - 1) : x_ + 2, k].astype(int)
            mean = (2 * abs(int(part.sum())) + part.size) // (2 * part.size) * (1 if part.sum() >= 0 else -1)
            assert value == (part.max() if kind == "max_pool2d" else mean)
        assert source.intact() and sink.intact()


@pytest.mark.parametrize(("x", "bias"), [(-128, 32767), (127, -32767)])
def test_the_largest_sums_do_not_overflow(x: int, bias: int) -> None:
    """32767 products of extremes beside the largest bias: the limits that the reader enforces are those that hold."""
    n, mult, shift = 32767, (1 << 31) - 1, -23
    channels = np.array([[bias, mult, shift]], np.int32)
    inputs, weights, out = np.full(n, x, np.int8), np.full(n, -128, np.int8), np.zeros(1, np.int8)
    params = Linear(Shape(1, 1, n), Shape(1, 1, 1), Window(1, 1, 1, 1, 1, 1, 0, 0), 0, 7, -100, 100, weights.ctypes.data, channels.ctypes.data)
    scratch = np.zeros(4 * n, np.int8)
    library().kws_conv2d_c(ctypes.byref(params), *(ctypes.c_void_p(a.ctypes.data) for a in (inputs, out, scratch)))
    assert out[0] == requantised(-128 * x * n, bias, mult, shift, once=False) and abs(out[0]) > 50
