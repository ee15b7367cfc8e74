"""Hours of sound through streams, in virtual time: does a step stream stay equal to the window?

    python -m tools.soak [--hours 24] [--features] [--model MODEL.kws] [--report FILE.json]

Silence, noise and speech-like sound are fed in pieces of random length to three streams of one model: two step streams that
get different pieces, and a window stream, which keeps nothing but the newest window and so cannot drift. Every row of scores
is compared. The default model is small and has only layers that give the same in both modes (SPEC.md, "Streams"): a strided
and a dilated convolution, a depthwise one, and an average over time, which is the one layer with running sums.

`--features` leaves out the front end, which has no state of its own between frames, and feeds random walks in its place.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tools.blob.frontend import FrontendConfig
from tools.blob.writer import BlobWriter, Quant
from tools.blobfile import load
from tools.kwslib import Model, Stream, build

RATE = 16000
BLOCK_S = 60  # sound is made and rows are compared in blocks of this
FEATURE_BLOCK = 1 << 16  # and features in blocks of so many frames, which count as 20 ms each
LONGEST_PIECE = 16000
LONGEST_HOURS = 10_000
SEED = 12


def small_model() -> bytes:
    """13 frames of 20 ms and 10 features, a row of scores every 4th: cheap enough to run whole 24 hours long."""
    rng, quant = np.random.default_rng(SEED), Quant(0.15, -40)
    frontend = FrontendConfig(window_len=480, hop_len=320, fft_len=512, n_mels=16, n_dct=10)
    writer = BlobWriter(frontend=frontend.section(), decision_hop_frames=4)

    def weights(*shape: int, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scales = rng.uniform(0.5, 1.5, channels) * 0.05 / np.sqrt(np.prod(shape) / channels)
        return rng.integers(-127, 128, shape).astype(np.int8), rng.integers(-900, 900, channels).astype(np.int32), scales

    x = writer.input((33, 1, 10), Quant(0.125, 0))
    x = writer.conv2d(x, *weights(8, 4, 1, 10, channels=8), quant, stride=(2, 1))
    x = writer.depthwise_conv2d(x, *weights(3, 1, 8, channels=8), quant)
    x = writer.conv2d(x, *weights(6, 3, 1, 8, channels=6), quant, dilation=(2, 1))
    x = writer.avg_pool2d(x, (x.shape[0], 1))
    writer.softmax(writer.fully_connected(x, *weights(4, 6, channels=4), Quant(0.05, 3)))
    return writer.finish()


def sounds(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Blocks of int16 [BLOCK_S * RATE], for ever: silence, noise at any level, and bursts of harmonics between pauses."""
    n = BLOCK_S * RATE
    noise = rng.standard_normal(2 * n).astype(np.float32)
    t = np.arange(n, dtype=np.float32) / RATE
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 3 * t) > 0) * (np.sin(2 * np.pi * 0.4 * t) > -0.3)
    while True:
        start, kind, level = rng.integers(0, n), rng.integers(0, 4), 10 ** rng.uniform(0.5, 4.6)
        hiss = noise[start : start + n]
        if kind == 0:
            yield np.full(n, rng.integers(-2, 3), dtype=np.int16)
        else:
            sound = hiss * level if kind == 1 else np.roll(voice, start) * level + hiss * 10
            yield sound.clip(-32768, 32767).astype(np.int16)


def walks(rng: np.random.Generator, n_out: int, frames: int) -> Iterator[np.ndarray]:
    """Blocks of int8 [frames, n_out], for ever: a constant, noise, and random walks."""
    while True:
        kind = rng.integers(0, 3)
        if kind == 0:
            yield np.full((frames, n_out), rng.integers(-128, 128), dtype=np.int8)
        elif kind == 1:
            yield rng.integers(-128, 128, (frames, n_out), dtype=np.int8)
        else:
            yield (100 * np.sin(np.cumsum(rng.standard_normal((frames, n_out), dtype=np.float32), axis=0) / 4)).astype(np.int8)


def fed(stream: Stream, block: np.ndarray, rng: np.random.Generator, features: bool) -> np.ndarray:
    """A block's rows of scores; audio goes in pieces of random length, half of them short."""
    if features:
        return stream.feed_features(block)
    rows, at = [], 0
    while at < len(block):
        longest = LONGEST_PIECE if rng.integers(0, 2) else 1000
        piece = block[at : at + int(rng.integers(1, longest + 1))]
        rows.append(stream.feed(piece))
        at += len(piece)
    return np.concatenate(rows)


def resident_kb() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def allocator_calls() -> list[str]:
    """Functions of the C library that allocate, among those that the core calls: there must be none."""
    objects = [path for folder in (".", "frontend", "kernels", "net") for path in (build() / "obj" / folder).glob("*.o")]
    symbols = subprocess.run(["nm", "-u", *objects], check=True, capture_output=True, text=True).stdout.split()
    assert "memcpy" in symbols or "memmove" in symbols, "nm shows nothing"
    return sorted({"malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign"} & set(symbols))


@dataclass
class Result:
    """of `soak`. Rows are of one stream; each was compared with both others. distinct: of the values in a score's column."""

    virtual_hours: float
    rows: int
    frames: int
    different_rows: int
    distinct_scores: int
    step_bytes: int
    step_state_bytes: int
    window_bytes: int
    written_outside: bool
    resident_kb_before: int
    resident_kb_after: int
    seconds: float


def soak(model: Model, hours: float, features: bool = False, quiet: bool = True) -> Result:
    """Feeds the streams and compares them. The memory before is that behind a tenth of the blocks.

    ValueError for a model without a front end or a step program.
    """
    if not model.has_frontend:
        raise ValueError("the model has no front end: it is a bare network and has no streams")
    rngs = [np.random.default_rng(SEED + i) for i in range(4)]
    steps, window = [Stream(model, 256), Stream(model, 64)], Stream(model, 128, "window")
    if any(stream.mode != "step" for stream in steps):
        raise ValueError("the model has no step program: there is nothing to compare")
    block_hours = (FEATURE_BLOCK * 0.02 if features else BLOCK_S) / 3600
    blocks = math.ceil(hours / block_hours)
    source = walks(rngs[3], model.n_out, FEATURE_BLOCK) if features else sounds(rngs[3])
    begin, rows, different, before, seen = time.perf_counter(), 0, 0, 0, set()
    for i in tqdm(range(blocks), unit="block", disable=quiet):
        block = next(source)
        expected = fed(window, block, rngs[2], features)
        for stream, rng in zip(steps, rngs, strict=False):
            if features and stream is steps[1]:
                got = np.concatenate([stream.feed_features(piece) for piece in np.array_split(block, int(rng.integers(1, 99)))])
            else:
                got = fed(stream, block, rng, features)
            different += len(expected) if got.shape != expected.shape else int((got != expected).any(axis=1).sum())
        rows += len(expected)
        seen.update(expected[:, 0].tobytes())
        if i <= blocks // 10:
            before = resident_kb()
    outside = not all(stream.guards_ok for stream in (*steps, window))
    return Result(
        blocks * block_hours, rows, steps[0].frames, different, len(seen), steps[0].total_bytes, steps[0].state_bytes, window.total_bytes,
        outside, before, resident_kb(), time.perf_counter() - begin,
    )  # fmt: skip


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= LONGEST_HOURS:
        raise argparse.ArgumentTypeError(f"{text} hours are not more than 0 and at most {LONGEST_HOURS}")
    return hours


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description="Compares step and window streams over hours of virtual time.")
    parser.add_argument("--hours", type=_hours, default=24.0, help="virtual time (24)")
    parser.add_argument("--features", action="store_true", help="random features instead of audio: no front end")
    parser.add_argument("--model", type=Path, help="another model, with a step program whose layers do not pad time")
    parser.add_argument("--report", type=Path, help="writes the result as JSON")
    args = parser.parse_args()
    try:
        model = Model(load(args.model) if args.model else small_model())
        result = soak(model, args.hours, args.features, quiet=False)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    calls = allocator_calls()
    print(f"{result.virtual_hours:.1f} h in {result.seconds:.0f} s: {result.frames:,} frames, {result.rows:,} rows of scores a stream")
    print(f"rows that differ: {result.different_rows}; the first class had {result.distinct_scores} different scores")
    print(f"memory of a step stream {result.step_bytes:,} bytes ({result.step_state_bytes:,} state), of a window stream {result.window_bytes:,}; "
          f"written outside of it: {'yes' if result.written_outside else 'nothing'}")  # fmt: skip
    print(f"this process: {result.resident_kb_before:,} KB after a tenth of the time, {result.resident_kb_after:,} KB at the end")
    print(f"allocating functions that the core calls: {', '.join(calls) or 'none'}")
    if args.report:
        args.report.write_text(json.dumps(asdict(result), indent=2) + "\n")
    return 1 if result.different_rows or result.written_outside or calls else 0


if __name__ == "__main__":
    sys.exit(main())
