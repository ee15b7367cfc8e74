"""The C reference called directly: any alignment, poisoned outputs, guards around every buffer, the ends of every range."""

import numpy as np
import pytest
from cases import pool_step
from direct import Buffer, Case, Linear, Mean, Pool, Shape, Softmax, Window, check, reference, scratch_bytes
from draw import KERNELS, all_cases
from spec import SPEC, requantised

from tools.blob import quantise


@pytest.mark.parametrize("kernel", sorted(SPEC))
def test_every_length_and_alignment(kernel: str) -> None:
    """An inner loop that is unrolled has a tail; a tail that is wrong at one length spoils the models of that width."""
    for case in all_cases(kernel, seed=1, count=400):
        check(case, SPEC[kernel](case))


def test_no_kernel_is_forgotten() -> None:
    """A kernel without a specification would only be compared with itself."""
    assert set(KERNELS) == {*SPEC, "softmax"}


def test_softmax_of_any_scale() -> None:
    """Scores stay probabilities at every scale of the input, from one where all classes are equal to one where only the largest counts."""
    for case in all_cases("softmax", seed=2, count=400):
        p: Softmax = case.params
        if p.mult == 0:  # defined, but no scale has it
            continue
        x = case.buffers["in0"].data.view(np.int8).astype(float).reshape(p.rows, p.classes)
        step = p.mult * 2.0 ** (p.shift - 31 - 26)
        e = np.exp(step * (x - x.max(axis=1, keepdims=True)))
        wanted = np.clip(np.rint(256 * e / e.sum(axis=1, keepdims=True)) - 128, -128, 127)
        got = np.frombuffer(reference(case)["out"], np.int8).reshape(x.shape)
        assert np.abs(got - wanted).max() <= 1, case


@pytest.mark.parametrize("x", [-128, 127])
@pytest.mark.parametrize("kernel", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_the_largest_sums_do_not_overflow(kernel: str, x: int) -> None:
    """32767 products of extremes beside the largest bias: the limits that the reader enforces are those that hold."""
    n, mult, shift = 32767, (1 << 31) - 1, -23
    side = (1, 1, n) if kernel != "depthwise_conv2d" else (151, 217, 1)
    window = Window(*side[:2], 1, 1, 1, 1, 0, 0)
    bias = ((1 << 30) - (n << 15) - 1) * (1 if x < 0 else -1)
    params = Linear(Shape(*side), Shape(1, 1, 1), window, 0, 7, -128, 127)
    buffers = {
        "in0": Buffer.of(np.full(n, x, np.int8), 1),
        "out": Buffer.poisoned(1, 3),
        "weights": Buffer.of(np.append(np.full(n, -128, np.int8), np.int8(0))),
        "channels": Buffer.of(np.array([[bias, mult, shift]], np.int32)),
    }
    arguments = ("params", "in0", "out")
    if kernel != "fully_connected":
        buffers["scratch"] = Buffer.poisoned(scratch_bytes(kernel, params.in_shape, window))
        arguments += ("scratch",)
    got = np.frombuffer(reference(Case(kernel, params, buffers, arguments))["out"], np.int8)[0]
    wanted = int(requantised(np.int64(-128 * x * n + bias), np.int64(mult), np.int64(shift))) + 7
    assert got == wanted and abs(wanted) > 50


@pytest.mark.parametrize("value", [-128, 127])
def test_means_of_the_largest_tensors(value: int) -> None:
    """16 MiB is the largest tensor to be pooled, half of it to be averaged: the sums just fit, and rounding must not overflow."""
    shape, one = Shape(4096, 4096, 1), Shape(1, 1, 1)
    buffers = {"in0": Buffer.of(np.full(shape.size, value, np.int8)), "out": Buffer.poisoned(1)}
    pool = Pool(shape, one, Window(4096, 4096, 1, 1, 1, 1, 0, 0), -128, 127)
    assert reference(Case("avg_pool2d", pool, buffers, ("params", "in0", "out")))["out"] == bytes([value & 0xFF])
    shape = Shape(2048, 4095, 1)
    buffers["in0"] = Buffer.of(np.full(shape.size, value, np.int8))
    mean = Mean(shape, 7, -1 - value, -1 - value, *quantise.mean_multiplier(1, 1, shape.size), -128, 127)
    assert reference(Case("mean", mean, buffers, ("params", "in0", "out")))["out"] == bytes([value & 0xFF])


@pytest.mark.parametrize(("rows", "kernel_h"), [(1, 1), (1, 4), (2, 5), (3, 3), (5, 3)])
def test_a_pool_over_time_in_steps_is_the_pool_over_the_window(rows: int, kernel_h: int) -> None:
    """Streaming gives the window's scores only when the running mean is the mean."""
    rng = np.random.default_rng(5)
    w, c, window = 4, 3, Window(kernel_h, 2, 1, 2, 1, 1, 0, 1)
    step = pool_step(rng, rows, Shape(1, w, c), window, 1)
    shape, out = Shape(kernel_h, w, c), step.params.out_shape
    state, history = bytes(step.buffers["state"].data.size), np.zeros((kernel_h, w, c), np.int8)
    for _ in range(20):
        x = rng.integers(-128, 128, (rows, w, c)).astype(np.int8)
        history = np.concatenate([history, x])[-kernel_h:]
        buffers = {**step.buffers, "in0": Buffer.of(x), "state": Buffer(np.frombuffer(state, np.uint8))}
        results = reference(Case("avg_pool_step", step.params, buffers, step.arguments, step.results))
        state = results["state"]
        pool = Pool(shape, out, window, step.params.out_min, step.params.out_max)
        whole = Case("avg_pool2d", pool, {"in0": Buffer.of(history), "out": Buffer.poisoned(out.size)}, ("params", "in0", "out"))
        assert results["out"] == reference(whole)["out"]
