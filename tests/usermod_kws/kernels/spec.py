"""SPEC.md's arithmetic in numpy, for the parameters of a `Case`: what each kernel has to write, from any legal input.

Written from the page and not from the C files, with 64-bit integers and no tricks. Softmax is not here: its fixed point
is compared with TensorFlow Lite's.
"""

from collections.abc import Callable

import numpy as np
from direct import Binary, Case, Copy, Linear, Mean, Pool, Prelu, Shape, Svdf, Window

Array = np.ndarray


def wrapped(x: Array) -> Array:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def divided(x: Array, bits: Array) -> Array:
    """x / 2^bits, to nearest, ties away from zero."""
    half = (np.int64(1) << bits) >> 1
    return np.where(x >= 0, (x + half) >> bits, -((half - x) >> bits))


def requantised(x: Array, mult: Array, shift: Array) -> Array:
    """R: two roundings."""
    x, mult, shift = (np.asarray(v, np.int64) for v in (x, mult, shift))
    high = (wrapped(x << np.maximum(shift, 0)) * mult + (1 << 30)) >> 31
    return divided(high, np.maximum(-shift, 0))


def requantised_once(x: Array, mult: Array, shift: Array) -> Array:
    """R1: one rounding."""
    x, mult, shift = (np.asarray(v, np.int64) for v in (x, mult, shift))
    return wrapped((x * mult + (np.int64(1) << (30 - shift))) >> (31 - shift))


def tensor(case: Case, name: str, shape: Shape) -> Array:
    return case.buffers[name].data.view(np.int8).astype(np.int64).reshape(shape.h, shape.w, shape.c)


def taps(n: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> tuple[Array, Array]:
    """Input index of each [output][tap] along one axis, and whether it lies inside."""
    index = np.arange(out)[:, None] * stride - pad + np.arange(kernel) * dilation
    inside = (index >= 0) & (index < n)
    return np.where(inside, index, 0), inside


def patches(x: Array, out: Shape, w: Window, outside: int) -> tuple[Array, Array]:
    """[out.h, out.w, kernel_h, kernel_w, c] with `outside` where the window leaves the input, and where it does not."""
    ys, y_in = taps(x.shape[0], out.h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top)
    xs, x_in = taps(x.shape[1], out.w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left)
    inside = (y_in[:, None, :, None] & x_in[None, :, None, :])[..., None]
    return np.where(inside, x[ys[:, None, :, None], xs[None, :, None, :]], outside), inside


def linear(case: Case) -> dict[str, bytes]:
    p: Linear = case.params
    weights = case.buffers["weights"].data.view(np.int8).astype(np.int64).reshape(p.out_shape.c, -1)
    bias, mult, shift = case.buffers["channels"].data.view(np.int32).astype(np.int64).reshape(-1, 3).T
    x = tensor(case, "in0", p.in_shape)
    if case.kernel == "fully_connected":
        sums = x[:, 0] @ weights[:, : p.in_shape.c].T
    else:
        patch, _ = patches(x, p.out_shape, p.window, p.in_zero)
        if case.kernel == "conv2d":
            patch = patch.reshape(p.out_shape.h, p.out_shape.w, -1)
            sums = patch @ weights[:, : patch.shape[-1]].T
        else:
            patch = np.repeat(patch, p.out_shape.c // p.in_shape.c, axis=-1)
            kernel = weights[:, : p.window.kernel_h * p.window.kernel_w].reshape(-1, p.window.kernel_h, p.window.kernel_w)
            sums = np.einsum("yxijc,cij->yxc", patch, kernel)
    rule = requantised_once if case.kernel == "fully_connected" else requantised
    return {"out": clamped(wrapped(rule(sums + bias, mult, shift) + p.out_zero), p.out_min, p.out_max)}


def clamped(x: Array, low: int, high: int) -> bytes:
    return np.clip(x, low, high).astype(np.int8).tobytes()


def mean_of(sums: Array, count: Array) -> Array:
    return np.sign(sums) * ((2 * np.abs(sums) + count) // (2 * count))


def pool(case: Case) -> dict[str, bytes]:
    p: Pool = case.params
    average = case.kernel == "avg_pool2d"
    patch, inside = patches(tensor(case, "in0", p.in_shape), p.out_shape, p.window, 0 if average else -128)
    y = mean_of(patch.sum(axis=(2, 3)), inside.sum(axis=(2, 3))) if average else patch.max(axis=(2, 3))
    return {"out": clamped(y, p.out_min, p.out_max)}


def pool_step(case: Case) -> dict[str, bytes]:
    p: Pool = case.params
    row, kernel = p.out_shape.w * p.out_shape.c, p.window.kernel_h
    state = case.buffers["state"].data.tobytes()
    following = int(np.frombuffer(state, np.uint32, 1)[0])
    ring = np.frombuffer(state, np.int16, offset=4 + 4 * row).reshape(kernel, row).copy()
    flat = Window(1, p.window.kernel_w, 1, p.window.stride_w, 1, 1, 0, p.window.pad_left)
    patch, inside = patches(tensor(case, "in0", p.in_shape), Shape(p.in_shape.h, p.out_shape.w, p.out_shape.c), flat, 0)
    for sums in patch.sum(axis=(2, 3)).reshape(-1, row):
        ring[following] = sums
        following = (following + 1) % kernel
    totals = ring.astype(np.int64).sum(axis=0)
    count = kernel * np.broadcast_to(inside.sum(axis=(2, 3))[0], (p.out_shape.w, p.out_shape.c)).reshape(-1)
    after = np.uint32(following).tobytes() + totals.astype(np.int32).tobytes() + ring.tobytes()
    return {"out": clamped(mean_of(totals, count), p.out_min, p.out_max), "state": after}


def mean(case: Case) -> dict[str, bytes]:
    p: Mean = case.params
    x = tensor(case, "in0", p.in_shape) - p.in_zero
    sums = x.sum(axis=tuple(d for d in range(3) if p.axes >> d & 1))
    return {"out": clamped(wrapped(requantised(sums, p.mult, p.shift) + p.out_zero), p.out_min, p.out_max)}


def binary(case: Case) -> dict[str, bytes]:
    p: Binary = case.params
    a, b = tensor(case, "in0", p.in0) - p.in0_zero, tensor(case, "in1", p.in1) - p.in1_zero
    if case.kernel == "mul":
        y = requantised(a * b, p.out_mult, p.out_shift)
    else:
        b = requantised(b << 20, p.in1_mult, p.in1_shift) * (-1 if p.subtract else 1)
        y = requantised(requantised(a << 20, p.in0_mult, p.in0_shift) + b, p.out_mult, p.out_shift)
    return {case.results[0]: clamped(y + p.out_zero, p.out_min, p.out_max)}


def prelu(case: Case) -> dict[str, bytes]:
    p: Prelu = case.params
    x, alpha = tensor(case, "in0", p.in_shape) - p.in_zero, tensor(case, "alpha", p.alpha) - p.alpha_zero
    y = np.where(x >= 0, requantised(x, p.pos_mult, p.pos_shift), requantised(x * alpha, p.neg_mult, p.neg_shift))
    return {case.results[0]: clamped(y + p.out_zero, -128, 127)}


def lut(case: Case) -> dict[str, bytes]:
    table = case.buffers["table"].data.view(np.int8)
    return {case.results[0]: table[case.buffers["in0"].data.view(np.int8).astype(int) + 128].tobytes()}


def copy(case: Case) -> dict[str, bytes]:
    p: Copy = case.params
    index = np.indices(p.n)
    out = case.buffers["out"].data.copy()
    source = p.in_offset + np.tensordot(p.in_stride, index, 1)
    out[p.out_offset + np.tensordot(p.out_stride, index, 1)] = case.buffers["in0"].data[source]
    return {"out": out.tobytes()}


def svdf(case: Case) -> dict[str, bytes]:
    p: Svdf = case.params
    x = case.buffers["in0"].data.view(np.int8).astype(np.int64) - p.in_zero
    feature = case.buffers["feature"].data.view(np.int8).astype(np.int64).reshape(p.units * p.rank, -1)[:, : p.inputs]
    newest = np.clip(requantised(feature @ x, p.feature_mult, p.feature_shift), -(1 << 15), (1 << 15) - 1)
    state = case.buffers["state"].data.view(np.int16).astype(np.int64).reshape(p.units * p.rank, p.memory)
    state = np.concatenate([state[:, 1:], newest[:, None]], axis=1)
    time = case.buffers["time"].data.view(np.int16).astype(np.int64).reshape(state.shape)
    sums = (time * state).reshape(p.units, -1).sum(axis=1) + case.buffers["bias"].data.view(np.int32)
    y = wrapped(requantised(wrapped(sums), p.out_mult, p.out_shift) + p.out_zero)
    return {"out": clamped(y, p.out_min, p.out_max), "state": state.astype(np.int16).tobytes()}


SPEC: dict[str, Callable[[Case], dict[str, bytes]]] = {
    "conv2d": linear, "depthwise_conv2d": linear, "fully_connected": linear, "avg_pool2d": pool, "max_pool2d": pool,
    "avg_pool_step": pool_step, "mean": mean, "add": binary, "mul": binary, "prelu": prelu, "lut": lut, "copy": copy, "svdf": svdf,
}  # fmt: skip
