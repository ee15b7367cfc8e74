"""Counts the instructions that the core needs on a 64-bit Arm, under qemu-aarch64.

`python -m tools.bench.a64run model.kws` prints instructions a layer for each variant. As a library:

    measure(blob, "sdot")                   # [(layer, instructions, macs)], then "total"
    run(blob, "neon", features).layers      # what each op writes, int8 [h, w, c]

Variants: "c" is the reference, which gcc vectorises; "neon" and "sdot" are usermod_kws/kernels/a64 on a processor without and with the
dot product instructions: the same program, which finds out by itself. All are static, compiled with gcc -O3. The count is qemu's own, by a
plugin (tools/bench/a64/count.c): every run of the same program gives the same.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from tools.blob.format import ProgramKind
from tools.blob.reader import read
from tools.blobfile import load

REPO_ROOT = Path(__file__).resolve().parent.parent.parent
CORE, HERE = REPO_ROOT / "usermod_kws", Path(__file__).resolve().parent / "a64"
FLAGS = ["-std=c99", "-O3", "-Wall", "-Wextra", "-Werror", "-static"]
Variant = Literal["c", "neon", "sdot"]
# Folder of kernels and processor; the plain table is the same on all, and a processor of its own keeps the C library's memcpy the same.
VARIANTS: dict[Variant, tuple[str, str]] = {"c": ("c", "cortex-a53"), "neon": ("a64", "cortex-a53"), "sdot": ("a64", "cortex-a76")}


def _compile(output: Path, sources: list[Path], command: list[str]) -> Path:
    """Runs the compiler when a source or header is newer than the output. Safe in several processes at once."""
    inputs = [*sources, *CORE.glob("**/*.h"), Path(__file__)]
    if not output.exists() or output.stat().st_mtime < max(p.stat().st_mtime for p in inputs):
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary = output.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, *map(str, sources), "-o", str(temporary)], check=True)
        temporary.replace(output)
    return output


@cache
def program(arch: str) -> Path:
    """The core with the kernels of usermod_kws/kernels/<arch> ("c": the plain ones) and tools/bench/a64/main.c."""
    folders = ("", "frontend", "kernels", "net", f"kernels/{arch}", f"frontend/{arch}")
    sources = {p.relative_to(CORE) for folder in folders for p in (CORE / folder).glob("*.c")} - {Path("modkws.c")}
    replaced = {Path(str(p).replace(f"/{arch}/", "/")) for p in sources if p.parent.name == arch}
    sources -= {p for p in replaced if p.name == "table.c" or p.parts[0] == "frontend"}
    command = ["aarch64-linux-gnu-gcc", *FLAGS, f"-I{CORE}"]
    return _compile(REPO_ROOT / "build" / "bench" / f"a64_{arch}.elf", [HERE / "main.c", *(CORE / p for p in sorted(sources))], command)


@cache
def counter() -> Path:
    """The plugin, for the qemu-aarch64 that is installed."""
    text = subprocess.run(["qemu-aarch64", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise RuntimeError(f"qemu-aarch64 --version says {text!r}")
    version = 1 if (int(found[1]), int(found[2])) < (8, 2) else 2
    command = ["cc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-DPLUGIN_VERSION={version}"]
    return _compile(REPO_ROOT / "build" / "bench" / f"a64_count_{version}.so", [HERE / "count.c"], command)


@dataclass(frozen=True)
class Run:
    kernels: str  # name of the table that ran
    layers: list[np.ndarray]  # what each op of the last run wrote, int8 [h, w, c]
    instructions: list[int]  # of each op of the last run; empty without count


def run(blob: bytes, variant: Variant, features: np.ndarray, kind: ProgramKind = ProgramKind.WINDOW, count: bool = False) -> Run:
    """Runs a program of `blob` from its reset; features: int8 [runs, ...], any shape with the input's elements behind runs."""
    info = read(blob).programs[kind]
    runs, rest = divmod(features.size, info.input.bytes)
    if features.dtype != np.int8 or rest or runs == 0:
        raise TypeError(f"features must be int8 with a multiple of {info.input.bytes} elements, not {features.dtype} {list(features.shape)}")
    arch, cpu = VARIANTS[variant]
    with tempfile.NamedTemporaryFile(suffix=".kws") as file:
        file.write(blob)
        file.flush()
        plugin = ["-plugin", f"file={counter()}"] if count else []
        command = ["qemu-aarch64", "-cpu", cpu, *plugin, str(program(arch)), file.name, str(int(kind)), str(runs)]
        done = subprocess.run(command, input=features.tobytes(), check=False, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
    shapes = [info.tensors[op.output].shape for op in info.ops]
    at = len(done.stdout) - sum(int(np.prod(shape)) for shape in shapes)
    layers = []
    for shape in shapes:
        layers.append(np.frombuffer(done.stdout, np.int8, int(np.prod(shape)), at).reshape(shape))
        at += layers[-1].size
    marks = [int(line.split()[1]) for line in done.stderr.decode().splitlines()] if count else []
    marks = marks[-2 * len(shapes) :]
    return Run(done.stdout[:16].rstrip(b"\0").decode(), layers, [b - a for a, b in zip(marks[::2], marks[1::2], strict=True)])


def measure(blob: bytes, variant: Variant, kind: ProgramKind = ProgramKind.WINDOW) -> list[tuple[str, int, int]]:
    """(name, instructions, MACs) of every layer, then "total"; the input is noise of seed 1. The step program's figures are those of its
    second run, which like all that follow takes over state."""
    info = read(blob).programs[kind]
    features = np.random.default_rng(1).integers(-128, 128, (2, info.input.bytes)).astype(np.int8)
    result = run(blob, variant, features, kind, count=True)
    if result.kernels != variant:
        raise RuntimeError(f"the program chose {result.kernels} on {VARIANTS[variant][1]}")
    rows = [(f"{i:02d} {op.code.name.lower()}", n, op.macs) for i, (op, n) in enumerate(zip(info.ops, result.instructions, strict=True))]
    return [*rows, ("total", sum(n for _, n, _ in rows), info.macs)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.a64run", description=__doc__.splitlines()[0])
    parser.add_argument("blob", type=Path)
    parser.add_argument("--step", action="store_true", help="the step program instead of the window's")
    args = parser.parse_args()
    kind = ProgramKind.STEP if args.step else ProgramKind.WINDOW
    try:
        blob = load(args.blob)
        if kind == ProgramKind.STEP and read(blob).step is None:
            raise ValueError(f"{args.blob} has no step program")
        columns = [measure(blob, variant, kind) for variant in VARIANTS]
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{'layer':<24} {'MAC':>12}" + "".join(f" {variant:>12}" for variant in VARIANTS))
    for rows in zip(*columns, strict=True):
        print(f"{rows[0][0]:<24} {rows[0][2]:>12,}" + "".join(f" {row[1]:>12,}" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
