"""The Cortex-M7's depthwise convolution gives the reference's bytes, whichever way it goes."""

import numpy as np
import pytest
from cases import depthwise, out_shape
from direct import Case, Shape, Window
from draw import all_cases
from on_m7 import kernels, ordinary, seeded

SAME_3X3 = Window(3, 3, 1, 1, 1, 1, 1, 1)


def covers_input(shape: Shape, w: Window, ends: tuple[int, int]) -> bool:
    """Whether every window holds a pixel of the input, as kernels.h promises."""
    if shape.h + w.pad_top + ends[0] <= (w.kernel_h - 1) * w.dilation_h or shape.w + w.pad_left + ends[1] <= (w.kernel_w - 1) * w.dilation_w:
        return False
    out = out_shape(shape, w, 1, ends)
    rows = ((out.h, shape.h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top), (out.w, shape.w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left))
    return all(any(0 <= y * s - p + i * d < n for i in range(k)) for count, n, k, s, d, p in rows for y in range(count))


def test_any_call_gives_the_reference_bytes() -> None:
    """Else some network gives other scores on the board than in the tools: channels, windows, alignments, parameters."""
    for case in all_cases("depthwise_conv2d", seed=32, count=400):
        kernels().check(case)


def test_3x3_of_every_width_and_height() -> None:
    """Else 3x3 layers are wrong at the seams of blocks (five pixels, three with stride 2) or of strips (sixteen rows)."""
    rng = seeded(33)
    for i in range(300):
        window = Window(3, 3, int(rng.integers(1, 4)), 1 + i % 2, 1, 1, *(int(x) for x in rng.integers(0, 3, 2)))
        shape = Shape(int(rng.integers(1, 45)), 1 + i % 18, int(rng.integers(4, 13)))
        ends = (int(rng.integers(0, 3)), int(rng.integers(0, 3)))
        if covers_input(shape, window, ends):
            case = depthwise(rng, shape, 1, window, ends, (i % 5, i % 3), extreme=i % 5 == 0)
            kernels().check(case if i % 3 == 0 else ordinary(case))


def test_3x3_with_rows_left_out_and_1x3() -> None:
    """Else layers that look far back in time, or along the spectrum alone, are wrong: planes with three rows for each output."""
    rng = seeded(36)
    for i in range(300):
        kernel, dilation = (3, int(rng.integers(2, 9))) if i % 2 else (1, int(rng.integers(1, 4)))
        pads = (int(rng.integers(0, (kernel - 1) * dilation + 1)), int(rng.integers(0, 3)))
        window = Window(kernel, 3, 1 if kernel == 3 else int(rng.integers(1, 4)), 1 + i // 2 % 2, dilation, 1, *pads)
        shape = Shape(int(rng.integers(1, 45)), 1 + i % 23, int(rng.integers(4, 13)))
        ends = (int(rng.integers(0, (kernel - 1) * dilation + 1)), int(rng.integers(0, 3)))
        if covers_input(shape, window, ends):
            case = depthwise(rng, shape, 1 + (i % 7 == 0), window, ends, (i % 5, i % 3), extreme=i % 5 == 0)
            kernels().check(case if i % 3 == 0 else ordinary(case))


def test_any_geometry() -> None:
    """Else layers with large kernels, strides, dilation or a multiplier are wrong; long rows fill the scratch."""
    rng = seeded(34)
    for i in range(400):
        kernel = int(rng.integers(1, 12)), int(rng.choice([1, 1, 2, 3, 4, 5, 8]))
        dilation = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 2, 3]))
        pads, ends = (tuple(int(rng.integers(0, (k - 1) * d + 1)) for k, d in zip(kernel, dilation, strict=True)) for _ in range(2))
        window = Window(*kernel, *(int(x) for x in rng.integers(1, 4, 2)), *dilation, *pads)
        height, width = int(rng.integers(1, 50)), int(rng.integers(1, 17))
        if i % 17 == 0:
            height, width = int(rng.integers(300, 700)), int(rng.integers(1, 3))
        if i % 17 == 1:
            height, width = int(rng.integers(1, 4)), int(rng.integers(100, 700))
        shape = Shape(height, width, int(rng.integers(1, 7)))
        if covers_input(shape, window, ends):
            kernels().check(depthwise(rng, shape, int(rng.choice([1, 1, 2, 5])), window, ends, (i % 5, i % 3), extreme=i % 5 == 0))


@pytest.mark.parametrize("shift", range(-31, 31))
def test_every_shift(shift: int) -> None:
    """Else a layer with an unusual scale rounds in another way: sums of every size, ties among them, for each shift."""
    rng = seeded(shift + 40)
    for shape, multiple in ((Shape(6, 5, 32), 1), (Shape(6, 5, 3), 10)):
        for clamped in (False, True):
            case = depthwise(rng, shape, multiple, SAME_3X3, (1, 1))
            kernels().check(with_channels(case if clamped else ordinary(case), shift, rng))


def with_channels(case: Case, shift: int, rng: np.random.Generator) -> Case:
    """Biases near the rounding's ties (mult 2^30: ties are common) and at the range's ends."""
    channels = case.buffers["channels"].data.view(np.int32).reshape(-1, 3).copy()
    count = len(channels)
    size = 1 << rng.integers(0, 29, count)
    channels[:, 0] = np.where(rng.random(count) < 0.2, rng.choice([-1, 1], count) * ((1 << 30) - (9 << 15) - 1), rng.integers(-size, size + 1))
    channels[:, 1] = np.where(rng.random(count) < 0.5, 1 << 30, rng.integers(0, 1 << 31, count))
    channels[:, 2] = shift
    small = case.buffers["in0"].data.view(np.int8) // 32
    buffers = {**case.buffers, "channels": case.buffers["channels"].of(channels), "in0": case.buffers["in0"].of(small, case.buffers["in0"].offset)}
    return Case(case.kernel, case.params, buffers, case.arguments, case.results)


def test_three_instructions_requantise_exactly() -> None:
    """Else requantise.h is wrong where it claims to be exact: SMMLAR with 2^(32-n) + 1 against TensorFlow Lite's two roundings."""
    rng = seeded(35)
    for n in range(2, 32):
        size = 1 << rng.integers(0, 31, 20000)
        v = np.concatenate([rng.integers(-size, size + 1), *((np.arange(-2000, 2000) << n) + (1 << (n - 1)) + d for d in (-1, 0, 1))]).astype(
            np.int64
        )
        v = v[np.abs(v) <= (1 << 30)]
        v = v if n <= 11 else v[np.abs(v) < 1 << (32 - n)]
        exact = np.sign(v) * ((np.abs(v) + (1 << (n - 1))) >> n)
        fast = (v * ((1 << (32 - n)) + 1) + (1 << 31)) >> 32
        for zero in (-128, 0, 127):
            assert np.array_equal(np.clip(exact + zero, -128, 127), np.clip(fast + zero, -128, 127)), n
