"""The Cortex-M7's C code does nothing that C leaves undefined, wherever a window's taps lie."""

import pytest
import unicorn
from cases import conv, depthwise
from direct import Case, Shape, Window
from draw import KERNELS, all_cases
from on_m7 import Kernels, ordinary, seeded

FAR = 60000  # rows of dilation: times a row of the input, this does not fit 32 bits


@pytest.fixture(scope="module")
def trapping() -> Kernels:
    """A build that stops at undefined behaviour. Words are loaded from any address on purpose."""
    trap = ["-fsanitize=undefined", "-fno-sanitize=alignment", "-fsanitize-undefined-trap-on-error"]
    return Kernels("m7-kernels-trapping.elf", trap)


def far_cases() -> list[Case]:
    """Taps that lie 4e9 bytes from the input, for each way that a convolution may go."""
    rng = seeded(61)
    return [
        conv(rng, Shape(2, 300, 240), 2, Window(3, 1, 1, 150, FAR, 1, FAR, 0), (FAR, 0)),  # put_rows
        conv(rng, Shape(2, 300, 240), 2, Window(3, 2, 1, 150, FAR, 2, FAR, 0), (FAR, 0)),  # put_taps
        conv(rng, Shape(2, 65535, 1), 2, Window(3, 4, 1, 30000, FAR, 1, FAR, 0), (FAR, 0)),  # narrow
        conv(rng, Shape(1, 300, 240), 2, Window(2, 1, FAR // 2, 150, FAR, 1, FAR, 0), (FAR, 0)),  # windows without a tap inside
        depthwise(rng, Shape(2, 300, 240), 1, Window(3, 1, 1, 150, FAR, 1, FAR, 0), (FAR, 0)),  # direct
        depthwise(rng, Shape(2, 300, 240), 1, Window(3, 3, 1, 150, FAR, 1, FAR, 1), (FAR, 1)),
        depthwise(rng, Shape(2, 24000, 3), 2, Window(3, 2, 1, 12000, FAR, 1, FAR, 0), (FAR, 0)),  # strips
        depthwise(rng, Shape(1, FAR, 2), 1, Window(2, 1, 1, FAR, FAR, 1, FAR, 0)),  # strips along the height
    ]


def test_taps_far_outside(trapping: Kernels) -> None:
    """Else a compiler may make anything of a network with a long dilation, which no other test would tell."""
    for case in far_cases():
        trapping.check(ordinary(case))


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k not in ("prelu", "softmax", "copy")])
def test_any_call(trapping: Kernels, kernel: str) -> None:
    """Else the next version of the compiler may give other scores."""
    for case in all_cases(kernel, seed=62, count=60):
        trapping.check(case)


def test_the_test_sees_an_overflow(trapping: Kernels) -> None:
    """Else it could not fail: an element count beyond what the function may get."""
    with pytest.raises(unicorn.UcError):
        trapping.call("kws_avg_pool2d_c", 0, 0, 0)
