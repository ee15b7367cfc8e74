"""Kernels over symbols: a value is a 64-bit number that tells what it was computed from, and no rounding hides a wrong byte.

Arrays are uint64 [h, w, c]. Two values are equal when the same op made them of equal values in the same order (in any order
for pools). What an op's weights and parameters are is its `key`.
"""

import zlib

import numpy as np

from tools.blob.format import Op
from tools.blob.network import Pair, Shape, Window

U64 = np.uint64


def key_of(*parts: bytes | int) -> int:
    return zlib.crc32(b"|".join(p if isinstance(p, bytes) else str(int(p)).encode() for p in parts))


def mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> U64(33))) * U64(0xFF51AFD7ED558CCD)
    return (x ^ (x >> U64(29))) * U64(0xC4CEB9FE1A85EC53)


def constant(values: np.ndarray) -> np.ndarray:
    """Symbols of int8 values: zero points, fills, constants, initial values."""
    values = np.asarray(values).astype(np.int64) + 1000
    return mix(values.astype(U64).reshape(-1)).reshape(values.shape)


def coefficients(shape: tuple[int, ...], key: int) -> np.ndarray:
    return np.random.default_rng(key).integers(0, 1 << 64, shape, dtype=U64) | U64(1)


def patches(x: np.ndarray, window: Window, size: Pair, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """[oh, ow, kh * kw, c] with `pad` outside of the input, and which of [oh, ow, kh * kw] are inside."""
    at = [
        np.arange(size[a])[:, None] * window.stride[a] - window.pads[a] + np.arange(window.kernel[a])[None, :] * window.dilation[a] for a in (0, 1)
    ]
    inside = [(i >= 0) & (i < x.shape[a]) for a, i in enumerate(at)]
    ys, xs = (np.clip(i, 0, x.shape[a] - 1) for a, i in enumerate(at))
    taken = x[ys[:, None, :, None], xs[None, :, None, :]]
    there = inside[0][:, None, :, None] & inside[1][None, :, None, :]
    taken = np.where(there[..., None], taken, constant(np.array(pad)))
    return taken.reshape(*size, -1, x.shape[2]), there.reshape(*size, -1)


def conv2d(x: np.ndarray, window: Window, out: Shape, zero: int, key: int) -> np.ndarray:
    p, _ = patches(x, window, out[:2], zero)
    p = p.reshape(*out[:2], -1)
    return mix(p @ coefficients((p.shape[2], out[2]), key))


def depthwise_conv2d(x: np.ndarray, window: Window, out: Shape, zero: int, key: int) -> np.ndarray:
    p, _ = patches(x, window, out[:2], zero)
    p = np.repeat(p, out[2] // x.shape[2], axis=3)
    return mix((p * coefficients(p.shape[2:], key)).sum(axis=2, dtype=U64))


def fully_connected(x: np.ndarray, out: Shape, key: int) -> np.ndarray:
    rows = x.reshape(out[0] * out[1], -1)
    return mix(rows @ coefficients((rows.shape[1], out[2]), key)).reshape(out)


def pool2d(x: np.ndarray, window: Window, out: Shape, key: int) -> np.ndarray:
    p, there = patches(x, window, out[:2], 0)
    return pooled(np.where(there[..., None], mix(p), U64(0)).sum(axis=2, dtype=U64), key)


def pooled(sums: np.ndarray, key: int) -> np.ndarray:
    return mix(sums + U64(key))


def mean(x: np.ndarray, axes: tuple[int, ...], key: int) -> np.ndarray:
    weights = coefficients(tuple(n if axis in axes else 1 for axis, n in enumerate(x.shape)), key)
    return mix((x * weights).sum(axis=axes, keepdims=True, dtype=U64))


def binary(a: np.ndarray, b: np.ndarray, key: int) -> np.ndarray:
    first, second = coefficients((2,), key)
    return mix(a * first + b * second)


def softmax(x: np.ndarray, key: int) -> np.ndarray:
    return mix(x @ coefficients((x.shape[2], x.shape[2]), key))


def lut(x: np.ndarray, key: int) -> np.ndarray:
    return mix(x + U64(key))


def pool_key(code: Op, window_kernel: Pair, clamp: Pair) -> int:
    """The average of a window is the same by AVG_POOL_2D and by AVG_POOL_STEP."""
    code = Op.AVG_POOL_2D if code == Op.AVG_POOL_STEP else code
    return key_of(code, *window_kernel, *clamp)
