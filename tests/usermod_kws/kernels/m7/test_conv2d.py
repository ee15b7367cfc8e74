"""The Cortex-M7's convolution and fully connected layer give the reference's bytes."""

import numpy as np
import pytest
from cases import conv, dense
from direct import Case, Shape, Window
from draw import all_cases
from on_m7 import kernels, ordinary, seeded

POINTWISE = Window(1, 1, 1, 1, 1, 1, 0, 0)


@pytest.mark.parametrize("kernel", ["conv2d", "fully_connected"])
def test_any_call_gives_the_reference_bytes(kernel: str) -> None:
    """Else some network gives other scores on the board than in the tools: channels, windows, alignments, parameters."""
    for case in all_cases(kernel, seed=31, count=400):
        kernels().check(case)


@pytest.mark.parametrize("products", range(1, 73))
def test_every_number_of_products(products: int) -> None:
    """Else layers whose sums end within the unrolled loop are wrong: every length past the unrolling, for 1 to 7 pixels."""
    for pixels in range(1, 8):
        kernels().check(ordinary(conv(seeded(products), Shape(1, pixels, products), 3, POINTWISE, offsets=(products % 4, pixels % 4))))
    for rows in (1, 2):
        kernels().check(ordinary(dense(seeded(products), rows, products, 3, (products % 4, rows))))


@pytest.mark.parametrize("pixels", [1, 2, 5, 6, 11, 12, 13, 17, 18, 19, 24, 29, 30, 31, 36, 125])
def test_every_number_of_pixels(pixels: int) -> None:
    """Else the last pixels of an output are wrong, or a stream of few rows a step is."""
    for inputs in (3, 40, 64, 68, 200):
        kernels().check(ordinary(conv(seeded(pixels), Shape(pixels, 1, inputs), 4, POINTWISE, offsets=(pixels % 4, 1))))


@pytest.mark.parametrize("width", range(4, 12))
def test_first_layers_with_one_input_channel(width: int) -> None:
    """Else the layer that reads the features is wrong at the edges of the spectrum."""
    for kernel, stride, left in ((4, 2, 1), (4, 1, 3), (4, 3, 2), (8, 2, 3), (3, 1, 1), (2, 2, 0)):
        if kernel <= width:
            window = Window(10, kernel, 2, stride, 1, 1, 4, left)
            kernels().check(ordinary(conv(seeded(width), Shape(13, width, 1), 5, window, (5, left), (width % 4, 0))))


@pytest.mark.parametrize("shift", range(-31, 31))
def test_every_shift(shift: int) -> None:
    """Else a layer with an unusual scale rounds in another way: sums of every size, ties among them, for each shift."""
    rng = seeded(shift + 40)
    for kernel in ("conv2d", "fully_connected"):
        for clamped in (False, True):
            case = conv(rng, Shape(1, 13, 15), 40, POINTWISE) if kernel == "conv2d" else dense(rng, 3, 15, 40)
            kernels().check(_with_channels(case if clamped else ordinary(case), shift, rng))


def test_channels_of_any_shifts_beside_each_other() -> None:
    """Else a network with one dead channel is wrong: channels that go the slow way between channels that go the fast way."""
    rng = seeded(5)
    for pixels in (5, 6, 19, 36):
        for unusual in ([0], [39], [0, 1, 39], [7, 8, 20], range(40), []):
            shifts = np.full(40, -9)
            shifts[list(unusual)] = rng.choice([-31, -13, -1, 0, 30], len(list(unusual)))
            kernels().check(_with_channels(ordinary(conv(rng, Shape(1, pixels, 16), 40, POINTWISE)), shifts, rng))


@pytest.mark.parametrize("inputs", [508, 512, 513, 514, 1024, 1027, 1543, 4000])
def test_long_dense_rows(inputs: int) -> None:
    """Else dense layers behind a large feature map are wrong: rows that are widened in parts, more channels than sums at a time."""
    for channels in (1, 4, 33):
        kernels().check(ordinary(dense(seeded(inputs), 1 + channels % 2, inputs, channels, (inputs % 4, 1))))
        kernels().check(dense(seeded(inputs), 1, inputs, channels, extreme=True))


def _with_channels(case: Case, shifts: np.ndarray | int, rng: np.random.Generator) -> Case:
    """Biases near the rounding's ties (mult 2^30: ties are common) and at the range's ends."""
    channels = case.buffers["channels"].data.view(np.int32).reshape(-1, 3).copy()
    count = len(channels)
    size = 1 << rng.integers(0, 29, count)
    channels[:, 0] = np.where(rng.random(count) < 0.2, rng.choice([-1, 1], count) * ((1 << 30) - (16 << 15) - 1), rng.integers(-size, size + 1))
    channels[:, 1] = np.where(rng.random(count) < 0.5, 1 << 30, rng.integers(0, 1 << 31, count))
    channels[:, 2] = shifts
    small = case.buffers["in0"].data.view(np.int8) // 32
    buffers = {**case.buffers, "channels": case.buffers["channels"].of(channels), "in0": case.buffers["in0"].of(small, case.buffers["in0"].offset)}
    return Case(case.kernel, case.params, buffers, case.arguments, case.results)


def test_the_count_of_instructions_is_right() -> None:
    """Else the measured tables mean nothing: whole blocks by their length, against every instruction by itself."""
    machine = kernels()
    machine.run(ordinary(conv(seeded(1), Shape(5, 5, 64), 8, POINTWISE)))
    expected = machine.counts
    counted = machine.stepped(lambda: machine.run(ordinary(conv(seeded(1), Shape(5, 5, 64), 8, POINTWISE))))
    for loop in ("m7_gemm_blocks_run", "m7_gemm_loop_1"):
        assert counted[loop] == expected[loop] > 0
