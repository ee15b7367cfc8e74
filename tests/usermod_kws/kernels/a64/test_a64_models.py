"""Whole networks on 64-bit Arm, with each variant's kernels, against this machine's core."""

import shutil
from functools import cache

import numpy as np
import pytest

from tools import kwslib
from tools.bench import a64run
from tools.blob.format import ProgramKind
from tools.blob.frontend import FrontendConfig
from tools.blob.reader import read
from tools.blob.samples import SAMPLES
from tools.blob.writer import BlobWriter, Quant

BLOBS = {name: make() for name, make in SAMPLES.items()}


@pytest.fixture(autouse=True)
def needed_programs() -> None:
    for name in ("aarch64-linux-gnu-gcc", "qemu-aarch64"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


def inputs(blob: bytes, kind: ProgramKind, runs: int) -> np.ndarray:
    size = read(blob).programs[kind].input.bytes
    return np.random.default_rng(3).integers(-128, 128, (runs, size)).astype(np.int8)


@pytest.mark.parametrize("variant", a64run.VARIANTS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_window(sample: str, variant: a64run.Variant) -> None:
    """When this fails, a 64-bit Arm hears other words than the machine that evaluated the model."""
    blob = BLOBS[sample]
    features = inputs(blob, ProgramKind.WINDOW, 1)
    expected = kwslib.Model(blob).run_layers(features)
    actual = a64run.run(blob, variant, features)
    assert actual.kernels == variant
    assert len(expected) == len(actual.layers) > 3
    for i in {op.output: i for i, op in enumerate(read(blob).ops)}.values():  # a tensor made in pieces is compared when it is whole
        assert np.array_equal(actual.layers[i], expected[i]), f"op {i}"


@cache
def causal() -> bytes:
    """A network of which all layers stream, two frames a step; wide enough for blocks of sixteen channels."""
    rng, quant = np.random.default_rng(4), Quant(0.25, -20)
    writer = BlobWriter(frontend=FrontendConfig().section(), labels=["a", "b", "c", "d", "e"], decision_hop_frames=2)

    def linear(shape: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = rng.integers(-127, 128, shape).astype(np.int8)
        return weights, rng.integers(-2000, 2000, channels).astype(np.int32), np.full(channels, 0.02 / np.sqrt(weights.size / channels))

    x = writer.conv2d(writer.input((12, 10, 1), Quant(0.125, 0)), *linear((20, 3, 4, 1), 20), quant, stride=(1, 2), padding="causal")
    for _ in range(2):
        x = writer.depthwise_conv2d(x, *linear((3, 3, 20), 20), quant, padding="causal")
        x = writer.conv2d(x, *linear((20, 1, 1, 20), 20), quant, padding="causal")
    x = writer.avg_pool2d(x, x.shape[:2])
    writer.softmax(writer.fully_connected(x, *linear((5, 20), 5), quant))
    return writer.finish()


@pytest.mark.parametrize("variant", ["neon", "sdot"])
def test_step(variant: a64run.Variant) -> None:
    """When this fails, streaming on a 64-bit Arm gives other scores than with the reference kernels."""
    seen = set()
    for runs in (1, 2, 9):
        features = inputs(causal(), ProgramKind.STEP, runs)
        expected = a64run.run(causal(), "c", features, ProgramKind.STEP)
        actual = a64run.run(causal(), variant, features, ProgramKind.STEP)
        assert (expected.kernels, actual.kernels) == ("c", variant)
        for i, (a, e) in enumerate(zip(actual.layers, expected.layers, strict=True)):
            assert np.array_equal(a, e), f"run {runs}, op {i}"
            seen.update(e.ravel().tolist())
    assert len(seen) > 100
