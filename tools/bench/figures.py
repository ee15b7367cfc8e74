"""The rows of `make bench`: instructions and bytes of models on a Cortex-M7 and on a 64-bit Arm."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.bench import a64run, m7run
from tools.bench.m7run import REPO_ROOT, WINDOW_STREAM, M7Bench
from tools.blob import BlobWriter, Quant, samples
from tools.blob.format import ProgramKind
from tools.blob.frontend import FrontendConfig
from tools.blob.reader import read
from tools.kwslib import Frontend

CLOCK_HZ = 216_000_000
MLPERF, CAUSAL = "dscnn_mlperf", "dscnn_causal"


@cache
def compiler(name: str) -> str:
    """The compiler and its version, without the distribution's own words."""
    return f"{name} {subprocess.run([name, '-dumpfullversion'], check=True, capture_output=True, text=True).stdout.strip()}"


def row(name: str, value: float, metric: str = "instructions", unit: str | None = None) -> dict:
    arch = {"m7": f"retired in Unicorn's Cortex-M7, {compiler('arm-none-eabi-gcc')} -O3",
            "a64": f"retired under qemu-aarch64, {compiler('aarch64-linux-gnu-gcc')} -O3"}[name.split("/")[0]]  # fmt: skip
    return {"name": name, "metric": metric, "value": value, "unit": unit or metric, "how": f"make bench: {arch}"}


def models() -> dict[str, bytes]:
    """The released models, MLPerf Tiny's DS-CNN and its causal twin (random weights: the count does not depend on them)."""
    released = {path.stem: path.read_bytes() for path in sorted((REPO_ROOT / "py_app" / "models").glob("*.kws"))}
    return {MLPERF: samples.dscnn(), CAUSAL: samples.dscnn_causal(), **released}


def layer_rows(prefix: str, layers: list[tuple[str, int, int]], total: str = "total") -> Iterator[dict]:
    for name, instructions, _ in layers:
        yield row(f"{prefix}/{total if name == 'total' else name.replace(' ', '_')}", instructions)


def m7_rows(name: str, blob: bytes, bench: M7Bench) -> Iterator[dict]:
    """Layers and totals of a model's programs, a hop of its stream in both modes with the state, its bytes."""
    info, prefix = read(blob), f"m7/{name}"
    yield from layer_rows(prefix, m7run.measure(blob, bench), "total" if name == MLPERF else "window")
    if len(info.programs) > 1:
        yield from layer_rows(f"{prefix}/step", m7run.measure(blob, bench, ProgramKind.STEP))
    if info.frontend:
        frontend = Frontend(info.frontend)
        for mode, suffix in ((0, ""), (WINDOW_STREAM, "_window")):
            if suffix == "" or len(info.programs) > 1:
                hop, state = m7run.measure_hop(bench, frontend.hop_len, mode)
                yield row(f"{prefix}/hop{suffix}", hop)
                yield row(f"{prefix}/state{suffix}", state, "bytes")
                yield row(f"{prefix}/load{suffix}", round(100 * hop * 16000 / frontend.hop_len / CLOCK_HZ, 2), "load_percent", "%")
    yield row(f"{prefix}/blob", len(blob), "bytes")
    for program in info.programs:
        yield row(f"{prefix}/arena" + ("" if program.kind == ProgramKind.WINDOW else "_step"), program.arena_bytes, "bytes")


def frontend_rows(bench: M7Bench) -> Iterator[dict]:
    """One frame of the two usual 512-point set-ups, 40 mel bands and 10 coefficients, to 7.6 kHz and as MLPerf Tiny has them."""
    for f_high_hz, name in ((7600, "frame"), (4000, "frame_4khz")):
        config = FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=10, f_low_hz=20, f_high_hz=f_high_hz)
        writer = BlobWriter(frontend=config.section(), decision_hop_frames=1)
        writer.avg_pool2d(writer.input((2, 10, 1), Quant(1.0, 0)), (2, 10))
        bench.open(writer.finish())
        yield row(f"m7/frontend/{name}", m7run.measure_frame(bench))


def a64_rows(name: str, blob: bytes) -> Iterator[dict]:
    for variant in a64run.VARIANTS:
        yield from layer_rows(f"a64/{name}/{variant}", a64run.measure(blob, variant))


def all_rows(elf: Path | None = None) -> list[dict]:
    """Every guarded figure; `elf`: the core for the Cortex-M7, compiled here when not given."""
    bench = M7Bench(elf)
    blobs = models()
    rows = [r for name, blob in blobs.items() for r in m7_rows(name, blob, bench)]
    return [*rows, *frontend_rows(bench), *a64_rows(MLPERF, blobs[MLPERF])]
