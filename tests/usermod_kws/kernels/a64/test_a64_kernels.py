"""The kernels for 64-bit Arm against the reference, byte for byte, under qemu-aarch64."""

from collections.abc import Iterator
from dataclasses import replace

import a64_calls
import numpy as np
import pytest
from cases import Rng, binary, conv, dense, depthwise, pool
from direct import Buffer, Case, Shape, Window
from draw import all_cases

VARIANTS = [("neon", "cortex-a53"), ("sdot", "cortex-a76")]
POINT = Window(1, 1, 1, 1, 1, 1, 0, 0)


def offsets(rng: Rng) -> tuple[int, int]:
    return int(rng.integers(16)), int(rng.integers(16))


def without_least(case: Case) -> Case:
    """The same call with -127 for each weight of -128: then two products are added in 16 bits."""
    weights = case.buffers["weights"]
    values = np.maximum(weights.data.view(np.int8), -127)
    return replace(case, buffers={**case.buffers, "weights": Buffer.of(values, weights.offset)})


def lengths(rng: Rng) -> Iterator[Case]:
    """Products from 1 past 48, pixels and output channels past the blocks, each with ordinary and extreme parameters."""
    for n in [*range(1, 37), 47, 48, 49, 63, 64, 65, 128]:
        for extreme in (False, True):
            pixels, c_out = int(rng.integers(1, 20)), int(rng.integers(4, 21))
            yield conv(rng, Shape(pixels, 1, n), c_out, POINT, (0, 0), offsets(rng), extreme)
            yield dense(rng, int(rng.integers(1, 7)), n, c_out, offsets(rng), extreme)
            tall = Window(3, 2, int(rng.integers(1, 3)), 1, 1, 1, int(rng.integers(3)), 0)
            yield conv(rng, Shape(9, 2, n), c_out, tall, (1, 0), offsets(rng), extreme)
    for pixels in range(1, 30):
        yield conv(rng, Shape(1, pixels, 20), 4 + pixels % 6, POINT, (0, 0), offsets(rng))
        yield dense(rng, pixels, 33, 4 + pixels % 6, offsets(rng))


def wide_depthwise(rng: Rng) -> Iterator[Case]:
    """Channels past one, two and three blocks of sixteen, 3x3 over inputs of any width and height, and every number of taps up to 12."""
    for h, w in [(h, w) for h in (1, 2, 3, 5) for w in (1, 2, 3, 7, 13, 25)]:
        window = Window(3, 3, 1, 1, 1, 1, int(rng.integers(1 if h < 3 else 0, 3)), int(rng.integers(1 if w < 3 else 0, 3)))
        ends = (2 if h == 1 else 1, 2 if w == 1 else 1)
        yield depthwise(rng, Shape(h, w, int(rng.integers(16, 40))), 1, window, ends, offsets(rng), h == 5)
    for c in [1, *range(14, 36), 47, 48, 64]:
        for window in (Window(3, 3, 1, 1, 1, 1, 1, 1), Window(1, 1, 2, 1, 1, 1, 0, 0), Window(3, 3, 2, 2, 2, 1, 2, 1)):
            ends = (window.pad_top, window.pad_left)
            for extreme in (False, True):
                yield depthwise(rng, Shape(7, 6, c), 1, window, ends, offsets(rng), extreme)
    for kh in range(1, 13):
        yield depthwise(rng, Shape(12, 2, 40), 1, Window(kh, 1, 1, 1, 1, 1, kh // 2, 0), (0, 0), offsets(rng))
        yield depthwise(rng, Shape(12, 5, 1), kh, Window(kh, 3, 1, 1, 1, 1, 0, 1), (0, 1), offsets(rng), kh % 2 == 0)


def elementwise(rng: Rng) -> Iterator[Case]:
    """Lengths past two blocks of sixteen, in place too, and pooling over channels past three blocks of eight."""
    for n in range(1, 50):
        shape = Shape(1, 1, n)
        for in_place in ("", "in0", "in1"):
            yield binary("add", rng, shape, shape, (*offsets(rng), n % 16), in_place)
        yield pool("avg_pool2d", rng, Shape(5, 4, n), Window(3, 3, 1, 1, 1, 1, 1, 1), (1, 1), offsets(rng))
        yield pool("avg_pool2d", rng, Shape(25, 5, n), Window(25, 5, 1, 1, 1, 1, 0, 0), (0, 0), offsets(rng))


@pytest.mark.parametrize(("variant", "cpu"), VARIANTS)
@pytest.mark.parametrize("kernel", ["conv2d", "depthwise_conv2d", "fully_connected", "avg_pool2d", "add"])
def test_any_call(kernel: str, variant: str, cpu: str) -> None:
    """When this fails, a network gives other scores on a 64-bit Arm than on the board, or a kernel leaves its buffers."""
    cases = list(all_cases(kernel, 1, 400))
    a64_calls.run([*cases, *(without_least(case) for case in cases if "weights" in case.buffers)], variant, cpu)


@pytest.mark.parametrize(("variant", "cpu"), VARIANTS)
@pytest.mark.parametrize("generator", [lengths, wide_depthwise, elementwise])
def test_lengths(generator, variant: str, cpu: str) -> None:
    """When this fails, layers of some width give wrong values, or read or write outside of their tensors."""
    cases = list(generator(np.random.default_rng(2)))
    a64_calls.run([*cases, *(without_least(case) for case in cases if "weights" in case.buffers)], variant, cpu)


def test_run_time_choice() -> None:
    """When this fails, the program stops with an illegal instruction on an older processor, or a newer one's speed is lost."""
    assert a64_calls.chosen("cortex-a53") == "neon"
    assert a64_calls.chosen("cortex-a76") == a64_calls.chosen("max") == "sdot"
