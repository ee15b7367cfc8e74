"""Counts the instructions that the core needs on a Cortex-M7, by running it in Unicorn.

`python -m tools.bench.m7run model.kws` prints instructions a layer, a window, a step of the stream and a front-end frame;
`--arch c` the same with the plain kernels. As a library:

    bench = M7Bench()                  # compiles the core with arm-none-eabi-gcc -O3
    bench.open(blob)
    bench.run(features), bench.counts  # output bytes; {symbol: instructions}
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from tools.bench.m7machine import FLASH, M7, MEGABYTE, RAM, REPO_ROOT, STACK, Machine, compile_m7, sources
from tools.blob.format import ProgramKind
from tools.blob.reader import BlobInfo, read
from tools.blobfile import load

ARENA = RAM + 0x2_0000
ARENA_BYTES = STACK - ARENA - 0x4000  # the stack grows down to it
FUNCTIONS = ["open", "begin", "run", "op", "frame", "stream_init", "stream_feed"]
WINDOW_STREAM = 1  # kws_stream_mode_t


def compile_core(output: Path, extra: list[str] | None = None, arch: str = "m7") -> Path:
    """The core for KWS_ARCH `arch` ("m7" or "c") and the bench program as an ELF; `extra` are more compiler arguments."""
    return compile_m7(output, [M7 / "main.c", *sources(arch)], [f"bench_{name}" for name in FUNCTIONS], extra or [])


class M7Bench(Machine):
    """A Cortex-M7 with the core in flash, a blob at FLASH and RAM for an arena."""

    def __init__(self, elf: Path | None = None, arch: str = "m7") -> None:
        super().__init__(elf or compile_core(REPO_ROOT / "build" / "bench" / f"{arch}.elf", arch=arch))

    def open(self, blob: bytes) -> BlobInfo:
        """ValueError for a blob that does not fit or that the core refuses."""
        info = read(blob)
        arenas = [(f"{program.kind.name.lower()} program's arena", program.arena_bytes, ARENA_BYTES) for program in info.programs]
        for what, size, limit in [("blob", len(blob), MEGABYTE), *arenas]:
            if size > limit:
                raise ValueError(f"the {what} has {size:,} bytes; the bench's Cortex-M7 has room for {limit:,}")
        self.write(FLASH, blob)
        status = self.call("bench_open", FLASH, len(blob))
        if status:
            raise ValueError(f"kws_model_open: status {status - (1 << 32)}")
        self._info = info
        return info

    def load(self, features: np.ndarray, kind: ProgramKind = ProgramKind.WINDOW) -> None:
        """Poisons the arena, begins a run after a reset and places int8 features."""
        program = self._info.programs[kind]
        self.write(ARENA, b"\xa5" * program.arena_bytes)
        self.call("bench_begin", kind, ARENA, 0)
        self.write(ARENA + program.input.offset, features.astype(np.int8).tobytes())

    def run(self, features: np.ndarray) -> np.ndarray:
        """int8 features of a window -> int8 scores [classes]."""
        self.load(features)
        self.call("bench_run", ProgramKind.WINDOW, ARENA, 0)
        output = self._info.output
        return np.frombuffer(self.read(ARENA + output.offset, output.bytes), np.int8)

    def frame(self, pcm: np.ndarray) -> np.ndarray:
        """int16 [window_len] -> int8 features."""
        self.write(ARENA, pcm.astype(np.int16).tobytes())
        self.call("bench_frame", ARENA, ARENA + 0x2000, ARENA + 0x8000)
        return np.frombuffer(self.read(ARENA + 0x8000, 128), np.int8)

    def stream(self, mode: int = 0, rows: int = 16) -> int:
        """Begins a stream (kws_stream_mode_t); its state_bytes."""
        return self.call("bench_stream_init", ARENA, rows, mode)

    def feed(self, pcm: np.ndarray) -> int:
        """int16 samples -> number of new score rows."""
        at = RAM + 0x1000
        self.write(at, pcm.astype(np.int16).tobytes())
        return self.call("bench_stream_feed", at, pcm.size)


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, size)


def measure(blob: bytes, bench: M7Bench | None = None, kind: ProgramKind = ProgramKind.WINDOW) -> list[tuple[str, int, int]]:
    """(name, instructions, MACs) of every layer of a program, then "total"; the input is noise of seed 1.

    A step program begins with "state", what moves its buffers; its run is one long after the reset.
    """
    bench = bench or M7Bench()
    program = bench.open(blob).programs[kind]
    bench.load(noise(program.input.bytes), kind)
    rows = []
    if kind == ProgramKind.STEP:
        bench.call("bench_begin", kind, ARENA, 0xFFFF)
        rows.append(("state", bench.instructions, 0))
        bench.write(ARENA + program.input.offset, noise(program.input.bytes).astype(np.int8).tobytes())
    for i, op in enumerate(program.ops):
        bench.call("bench_op", kind, i, ARENA, 0xFFFF)
        rows.append((f"{i:02d} {op.code.name.lower()}", bench.instructions, op.macs))
    return [*rows, ("total", sum(row[1] for row in rows), program.macs)]


def measure_frame(bench: M7Bench) -> int:
    """Instructions of one front-end frame of the blob that is open; the sound is noise of seed 1."""
    bench.frame(np.random.default_rng(1).integers(-3000, 3000, 2048))
    return bench.instructions


def measure_hop(bench: M7Bench, hop: int, mode: int = 0, hops: int = 24) -> tuple[int, int]:
    """(instructions a hop of `hop` samples, state_bytes) of a stream of the blob that is open, once scores have come.

    The mean over `hops` hops, which a multiple of the decision hop's frames makes exact; front end included.
    """
    state = bench.stream(mode)
    pcm = np.random.default_rng(1).integers(-3000, 3000, hop)
    while bench.feed(pcm) == 0:
        pass
    total = 0
    for _ in range(hops):
        bench.feed(pcm)
        total += bench.instructions
    return total // hops, state


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.m7run", description=__doc__.splitlines()[0])
    parser.add_argument("blob", type=Path)
    parser.add_argument("--arch", choices=("m7", "c"), default="m7", help="kernels to run; c: the plain ones (default: %(default)s)")
    parser.add_argument("--symbols", action="store_true", help="also the window's instructions by function")
    args = parser.parse_args()
    try:
        blob = load(args.blob)
        bench = M7Bench(arch=args.arch)
        info = bench.open(blob)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for program in info.programs:
        print(f"{program.kind.name.lower()}: arena {program.arena_bytes:,}, state {program.state_bytes:,} bytes")
        for name, instructions, macs in measure(blob, bench, program.kind):
            print(f"  {name:<24} {instructions:>12,}" + (f"  {instructions / macs:.2f} a MAC" if macs else ""))
    if info.frontend:
        print(f"{'front-end frame':<26} {measure_frame(bench):>12,}")
    if args.symbols:
        bench.run(noise(info.input.bytes))
        for name, count in bench.counts.items():
            print(f"  {name:<30} {count:>12,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
