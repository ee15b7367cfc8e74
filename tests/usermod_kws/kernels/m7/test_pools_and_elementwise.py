"""The Cortex-M7's pools, means, elementwise kernels and SVDF give the reference's bytes."""

import numpy as np
import pytest
from cases import binary, lut, mean, pool, svdf
from direct import Buffer, Case, Shape, Window
from draw import all_cases
from on_m7 import kernels, ordinary, seeded

from tools.blob.quantise import add_multipliers

KERNELS = ["avg_pool2d", "max_pool2d", "avg_pool_step", "mean", "add", "mul", "svdf", "lut"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_any_call_gives_the_reference_bytes(kernel: str) -> None:
    """Else some network gives other scores on the board than in the tools."""
    for case in all_cases(kernel, seed=41, count=300):
        kernels().check(case)


@pytest.mark.parametrize("channels", range(1, 41))
def test_every_number_of_channels(channels: int) -> None:
    """Else the last channels of a pool are wrong: they come in groups of 16, of 4, and what is left."""
    rng = seeded(channels)
    for kernel in ("avg_pool2d", "max_pool2d"):
        window = Window(3, 2, 2, 1, 1, 1, 1, 1)
        kernels().check(pool(kernel, rng, Shape(6, 5, channels), window, (1, 0), (channels % 4, 1)))
    kernels().check(mean(rng, Shape(6, 5, channels), 3, (channels % 4, 2)))


@pytest.mark.parametrize("value", [-128, 127])
def test_sums_of_extremes_do_not_overflow(value: int) -> None:
    """Else the average of a large and loud plane wraps round: halves of 16 bits hold 256 values."""
    for h, w in ((1, 255), (1, 256), (1, 257), (256, 2), (3, 300), (40, 30)):
        case = ordinary(pool("avg_pool2d", seeded(1), Shape(h, w + 1, 20), Window(h, w, 1, 1, 1, 1, 0, 0)))
        loud = Buffer.of(np.full(case.buffers["in0"].data.size, value, np.int8))
        kernels().check(Case(case.kernel, case.params, {**case.buffers, "in0": loud}, case.arguments))


@pytest.mark.parametrize("n", range(1, 34))
def test_every_number_of_elements(n: int) -> None:
    """Else the last elements are wrong: loops are unrolled."""
    kernels().check(lut(seeded(n), n, (n % 4, 1)))
    kernels().check(lut(seeded(n), n, in_place=True))


@pytest.mark.parametrize("shift", range(-31, 15))
def test_every_shift_of_sums_and_products(shift: int) -> None:
    """Else a layer with an unusual scale rounds in another way."""
    rng = seeded(shift + 40)
    shape = Shape(3, 5, 20)
    for kernel in ("add", "mul") if shift <= 0 else ("mul",):
        for other in (shape, Shape(1, 1, 20)):
            case = binary(kernel, rng, shape, other)
            values = {**case.params.__dict__, "out_shift": shift, "out_mult": int(rng.choice([1 << 30, rng.integers(1 << 30, 1 << 31)]))}
            if kernel == "add":
                values |= {"in0_shift": int(rng.choice([0, shift])), "in1_shift": int(rng.choice([0, -1, -3])), "in0_mult": 1 << 30}
            kernels().check(Case(kernel, type(case.params)(**values), case.buffers, case.arguments, case.results))


@pytest.mark.parametrize("scales", [(0.1, 0.1, 0.15), (0.1, 0.03, 0.12), (0.03, 0.1, 0.05), (0.1, 0.07, 0.0003), (1.0, 1e-9, 1.0)])
def test_sums_with_the_multipliers_of_a_packer(scales: tuple[float, float, float]) -> None:
    """Else a skip connection is wrong: an input that is only shifted has a way of its own, two of them have another."""
    rng = seeded(51)
    names = [f"{name}_{part}" for name in ("in0", "in1", "out") for part in ("mult", "shift")]
    for n in range(1, 21):
        for other in (Shape(3, 4, n), Shape(3, 1, n), Shape(3, 4, 1)):
            case = binary("add", rng, Shape(3, 4, n), other, (n % 4, (n + 1) % 4, (n + 2) % 4), "in0" if n % 3 == 0 else "")
            pairs = [part for pair in add_multipliers(*scales) for part in pair]
            values = {**case.params.__dict__, **dict(zip(names, pairs, strict=True))}
            kernels().check(Case("add", type(case.params)(**values), case.buffers, case.arguments, case.results))


@pytest.mark.parametrize("inputs", [127, 128, 129, 131, 255, 256, 257, 300])
def test_svdf_of_many_inputs(inputs: int) -> None:
    """Else a filter of more inputs than are widened at once is wrong."""
    kernels().check(svdf(seeded(inputs), inputs, 3, 2, 5, (inputs % 4, 1)))
