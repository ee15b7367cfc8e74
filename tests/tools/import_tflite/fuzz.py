"""Mutants of .tflite files: each is imported or refused with TfliteError, in little time and memory.

    python tests/tools/import_tflite/fuzz.py [--mutants 200000] [--seed 1]
"""

import argparse
import struct
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(p) for p in (Path(__file__).parent, Path(__file__).parents[3], Path(__file__).parents[2] / "usermod_kws" / "kernels")]

from tools.import_tflite import TfliteError, graph, import_model
from tools.import_tflite import flatbuffer as fb
from tools.kwslib import Model

# Words that mean something in many fields: shapes, offsets, zero points, masks, scales.
INTS = (0, 1, -1, 2, 3, 4, 127, 128, -128, 255, 256, 65535, 65536, 1 << 24, (1 << 31) - 1, -(1 << 31))
FLOATS = (0.0, -0.0, -1.0, 1e-45, 1e-38, 1e-10, 1.0, 1e10, 3e38, float("inf"), float("-inf"), float("nan"))


class Recorder(fb.Reader):
    """Notes which bytes of a file are numbers that the importer reads, and of what kind: fields worth to change."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.fields: set[tuple[int, str]] = set()

    def unpack(self, code: str, at: int) -> int | float:
        self.fields.add((at, code))
        return super().unpack(code, at)

    def span(self, at: int, size: int) -> None:
        if 4 <= size <= 64 and size % 4 == 0:
            self.fields.update((at + i, "i") for i in range(0, size, 4))
        super().span(at, size)


Fields = tuple[list[tuple[int, str]], list[tuple[int, str]]]


def fields_of(data: bytes) -> Fields:
    """(position, code of struct) of offsets and counts, and of what the tables hold."""
    recorder = Recorder(data)
    original = graph.Reader
    graph.Reader = lambda _: recorder
    try:
        graph.read(data)
    finally:
        graph.Reader = original
    structure = sorted(f for f in recorder.fields if f[1] in "IH")
    return structure, sorted(recorder.fields - set(structure))


def mutant(data: bytes, fields: Fields, rng: np.random.Generator) -> bytes:
    """A file with a few changes: bits, bytes, fields, a cut, a copy of some bytes over others."""
    out = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        kind = rng.random()
        if kind < 0.15:
            out[rng.integers(len(out))] ^= 1 << rng.integers(8)
        elif kind < 0.25:
            out[rng.integers(len(out))] = rng.integers(256)
        elif kind < 0.30:
            del out[rng.integers(8, len(out)) :]
            if len(out) < 16:
                return bytes(out)
        elif kind < 0.35:
            n = int(rng.integers(1, 33))
            a, b = rng.integers(0, max(1, len(out) - n), 2)
            out[a : a + n] = out[b : b + n]
        else:
            some = fields[rng.random() < 0.75] or fields[0]
            at, code = some[rng.integers(len(some))]
            size = struct.calcsize(code)
            if at + size > len(out):
                continue
            if code == "f" or (code == "i" and rng.random() < 0.2):
                struct.pack_into("<f", out, at, FLOATS[rng.integers(len(FLOATS))])
                continue
            (old,) = struct.unpack_from("<" + code, out, at)
            new = INTS[rng.integers(len(INTS))] if rng.random() < 0.6 else old + int(rng.integers(-8, 9)) * int(rng.choice([1, 4]))
            out[at : at + size] = (new % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(out)


def attempt(data: bytes) -> str:
    """What became of it; what is imported must be a blob that the core takes."""
    try:
        blob = import_model(data).blob
    except TfliteError as error:
        text = str(error)
        first = text.split()[0]
        return "an operator is refused" if "tensor '" in text and first == "operator" else f"{first if first.isalpha() else 'a count'} ..."
    Model(blob)
    return "imported"


def fuzz(seeds: list[bytes], mutants: int, seed: int, slow_s: float = 5.0) -> Counter:
    """Outcomes of so many mutants; raises what is not TfliteError, with the mutant in build/fuzz_tflite.bin."""
    rng = np.random.default_rng(seed)
    known = [fields_of(data) for data in seeds]
    outcomes: Counter = Counter()
    for n in range(mutants):
        i = n % len(seeds)
        data = mutant(seeds[i], known[i], rng)
        start = time.process_time()
        try:
            outcomes[attempt(data)] += 1
            if time.process_time() - start > slow_s:
                raise TimeoutError(f"took {time.process_time() - start:.1f} s")
        except BaseException:
            path = Path("build/fuzz_tflite.bin")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            raise
    return outcomes


def main() -> None:
    from fuzz_seeds import seeds

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mutants", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    start = time.monotonic()
    outcomes = fuzz(seeds(), args.mutants, args.seed)
    for text, count in outcomes.most_common():
        print(f"{count:8} {text}")
    print(f"{args.mutants} mutants in {time.monotonic() - start:.0f} s: {outcomes['imported']} imported, the others refused")


if __name__ == "__main__":
    main()
