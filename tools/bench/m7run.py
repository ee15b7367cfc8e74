"""Counts the instructions that the core needs on a Cortex-M7, by running it in Unicorn.

`python -m tools.bench.m7run model.kws` prints instructions a layer, a window and a front-end frame. As a library:

    bench = M7Bench()                  # compiles the core with arm-none-eabi-gcc -O3
    bench.open(blob)
    bench.run(features), bench.counts  # output bytes; {symbol: instructions}
"""

import argparse
import subprocess
from bisect import bisect_right
from collections import Counter
from pathlib import Path

import numpy as np
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const as arm

from tools.blob.reader import BlobInfo, read

REPO_ROOT = Path(__file__).resolve().parent.parent.parent
CORE = REPO_ROOT / "usermod_kws"
SOURCE = Path(__file__).resolve().parent / "m7" / "main.c"
FLAGS = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard", "-std=c99", "-O3", "-Wall", "-Wextra", "-Werror",
         "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-ffunction-sections"]  # fmt: skip
CODE, BLOB, ARENA, STACK = 0x0800_0000, 0x0810_0000, 0x2002_0000, 0x2007_0000
STOP = CODE + 0xF_FF00


def compile_core(output: Path, extra: list[str] | None = None) -> Path:
    """The core and the bench program as an ELF; `extra` are more compiler arguments."""
    output.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted(p for folder in (".", "frontend", "kernels", "net") for p in (CORE / folder).glob("*.c") if p.name != "modkws.c")
    link = ["-nostdlib", "-Wl,--gc-sections", f"-Wl,-Ttext={CODE:#x}", "-Wl,-Tbss=0x20000000", "-Wl,-e,entry",
            *(f"-Wl,-u,bench_{name}" for name in ("open", "run", "op", "frame", "input_offset", "output_offset")), "-lgcc"]  # fmt: skip
    subprocess.run(["arm-none-eabi-gcc", *FLAGS, *(extra or []), f"-I{CORE}", str(SOURCE), *map(str, sources), "-o", str(output), *link], check=True)
    return output


def _thumb_lengths(code: bytes) -> int:
    """Number of Thumb instructions in a basic block."""
    count = at = 0
    while at < len(code):
        at += 4 if (code[at + 1] >> 3) in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


class M7Bench:
    """A Cortex-M7 with the core in flash, a blob at BLOB and 320 KB of RAM."""

    def __init__(self, elf: Path | None = None) -> None:
        elf = elf or compile_core(REPO_ROOT / "build" / "bench" / "m7.elf")
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M7)
        for base, size in ((CODE, 0x10_0000), (BLOB, 0x10_0000), (0x2000_0000, 0x8_0000)):
            self._uc.mem_map(base, size)
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_vaddr"], segment.data())
            table = image.get_section_by_name(".symtab")
            functions = [s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"]
            self._symbols = {s.name: s["st_value"] & ~1 for s in functions}
        self._starts, self._names = zip(*sorted((address, name) for name, address in self._symbols.items()), strict=True)
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda uc, address, size, data: self._blocks.update([(address, size)]))

    def call(self, name: str, *args: int) -> int:
        """Runs a function to its return; its r0. `counts` and `instructions` are of this call."""
        self._blocks.clear()
        self._uc.reg_write(arm.UC_ARM_REG_SP, STACK)
        self._uc.reg_write(arm.UC_ARM_REG_LR, STOP | 1)
        for register, value in zip((arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3), args, strict=False):
            self._uc.reg_write(register, value)
        self._uc.emu_start(self._symbols[name] | 1, STOP)
        return int(self._uc.reg_read(arm.UC_ARM_REG_R0))

    @property
    def counts(self) -> dict[str, int]:
        """Instructions by function of the last call, most first."""
        result: Counter[str] = Counter()
        for (address, size), times in self._blocks.items():
            if address != STOP:
                name = self._names[bisect_right(self._starts, address) - 1]
                result[name] += times * _thumb_lengths(self._uc.mem_read(address, size))
        return dict(result.most_common())

    @property
    def instructions(self) -> int:
        return sum(self.counts.values())

    def open(self, blob: bytes) -> BlobInfo:
        self._uc.mem_write(BLOB, blob)
        status = self.call("bench_open", BLOB, len(blob))
        if status:
            raise ValueError(f"kws_model_open: status {status - (1 << 32)}")
        self._info = read(blob)
        return self._info

    def load(self, features: np.ndarray) -> None:
        """Poisons the arena and places int8 features."""
        self._uc.mem_write(ARENA, b"\xa5" * self._info.arena_bytes)
        self._uc.mem_write(ARENA + self._info.tensors[0].arena_offset, features.astype(np.int8).tobytes())

    def run(self, features: np.ndarray) -> np.ndarray:
        """int8 features -> int8 scores [classes]."""
        self.load(features)
        self.call("bench_run", ARENA)
        output = self._info.tensors[-1]
        return np.frombuffer(bytes(self._uc.mem_read(ARENA + output.arena_offset, output.bytes)), np.int8)

    def frame(self, pcm: np.ndarray) -> np.ndarray:
        """int16 [window_len] -> int8 features."""
        self._uc.mem_write(ARENA, pcm.astype(np.int16).tobytes())
        self.call("bench_frame", ARENA, ARENA + 0x2000, ARENA + 0x8000)
        return np.frombuffer(bytes(self._uc.mem_read(ARENA + 0x8000, 128)), np.int8)


def measure(blob: bytes, bench: M7Bench | None = None) -> list[tuple[str, int, int]]:
    """(name, instructions, MACs) of every layer, then "total"; the input is noise of seed 1."""
    bench = bench or M7Bench()
    info = bench.open(blob)
    bench.load(np.random.default_rng(1).integers(-128, 128, info.tensors[0].bytes))
    rows = []
    for i, op in enumerate(info.ops):
        bench.call("bench_op", i, ARENA)
        rows.append((f"{i:02d} {op.code.name.lower()}", bench.instructions, op.macs))
    return [*rows, ("total", sum(row[1] for row in rows), info.macs)]


def measure_frame(bench: M7Bench) -> int:
    """Instructions of one front-end frame of the blob that is open; the sound is noise of seed 1."""
    bench.frame(np.random.default_rng(1).integers(-3000, 3000, 2048))
    return bench.instructions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.m7run", description=__doc__.splitlines()[0])
    parser.add_argument("blob", type=Path)
    parser.add_argument("--symbols", action="store_true", help="also the window's instructions by function")
    args = parser.parse_args()
    bench, blob = M7Bench(), args.blob.read_bytes()
    for name, instructions, macs in measure(blob, bench):
        print(f"{name:<24} {instructions:>12,}" + (f"  {instructions / macs:.2f} a MAC" if macs else ""))
    info = bench.open(blob)
    if info.frontend:
        print(f"{'front-end frame':<24} {measure_frame(bench):>12,}")
    if args.symbols:
        bench.run(np.random.default_rng(1).integers(-128, 128, info.tensors[0].bytes))
        for name, count in bench.counts.items():
            print(f"  {name:<30} {count:>12,}")


if __name__ == "__main__":
    main()
