"""Cycles of the Cortex-M7's inner loops as llvm-mca estimates them.

`python -m tools.bench.mca` prints the table. An estimate: llvm-mca's model of the Cortex-M7 knows its two issue slots, units and
latencies, but takes an LDM for one load whatever its length (the processor moves two words a cycle), and knows no caches or flash.
"""

import argparse
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

ITERATIONS = 100


@dataclass(frozen=True)
class Loop:
    """Straight code from symbol `first` to symbol `last`; without `last` the loop of function `first` that its last backward branch closes.

    `macs`: multiply-accumulates of once through it; 0 where the loop is not about those.
    """

    kernel: str
    name: str
    first: str
    last: str = ""
    macs: int = 0


LOOPS = (
    Loop("conv2d", "6 pixels, first block, 14 groups", "m7_blocks_keep_rest", "m7_blocks_keep_end", 14 * 24),
    Loop("conv2d", "6 pixels, later blocks, 14 groups", "m7_blocks_pairs", "m7_blocks_finish", 14 * 24),
    Loop("conv2d", "6 pixels, requantise and store", "m7_blocks_finish", "m7_blocks_done"),
    Loop("conv2d", "6 pixels, long rows, 15 groups", "m7_groups_6", "m7_end_6", 15 * 24),
    Loop("conv2d", "5 pixels, 15 groups", "m7_groups_5", "m7_end_5", 15 * 20),
    Loop("conv2d", "4 pixels, 15 groups", "m7_groups_4", "m7_end_4", 15 * 16),
    Loop("fully_connected", "1 row, 16 groups", "m7_groups_1", "m7_end_1", 16 * 4),
    Loop("depthwise_conv2d", "3x3, 5 pixels and requantise", "three_stride1_5", macs=5 * 9),
)


def _symbols(elf: Path) -> dict[str, tuple[int, int]]:
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s.name: (s["st_value"] & ~1, s["st_size"]) for s in table.iter_symbols()}


def _disassembly(elf: Path, start: int, end: int) -> list[tuple[int, str]]:
    """(address, instruction) of each; branch targets as absolute addresses."""
    command = ["llvm-objdump", "-d", "--no-show-raw-insn", "--mcpu=cortex-m7", f"--start-address={start}", f"--stop-address={end}", str(elf)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [(int(m[1], 16), m[2].split("@")[0].strip()) for m in re.finditer(r"^ *([0-9a-f]+):\s+(.*)$", text, re.MULTILINE)]


def _closed_by_last_branch(code: list[tuple[int, str]]) -> list[tuple[int, str]]:
    for address, text in reversed(code):
        if m := re.match(r"b(?:ne|eq|pl|mi|hi|ls|hs|lo|ge|lt|gt|le)\S*\s+(?:0x([0-9a-f]+)|#(-?\d+))", text):
            target = int(m[1], 16) if m[1] else address + 4 + int(m[2])
            if target < address:
                return [(a, t) for a, t in code if target <= a <= address]
    raise ValueError(f"no loop in the function at {code[0][0]:#x}")


def _estimate(instructions: list[str]) -> float:
    """Cycles of once through, in the steady state. Branches are left out of the text: their targets mean nothing to llvm-mca."""
    straight = [t for t in instructions if not re.match(r"b[a-z.]*\s", t)]
    command = ["llvm-mca", "-mtriple=thumbv7em-none-eabihf", "-mcpu=cortex-m7", f"-iterations={ITERATIONS}", "-"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, input="\n".join(straight))
    found = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    if found is None:
        raise ValueError(f"llvm-mca: {done.stderr}")
    return int(found[1]) / ITERATIONS


def cycles(elf: Path) -> list[tuple[str, str, int, float, int]]:
    """(kernel, loop, instructions, estimated cycles, MACs) of each of LOOPS in a program that tools.bench.m7machine has compiled."""
    symbols, rows = _symbols(elf), []
    for loop in LOOPS:
        start, size = symbols[loop.first]
        code = _disassembly(elf, start, symbols[loop.last][0] if loop.last else start + size)
        code = code if loop.last else _closed_by_last_branch(code)
        texts = [text for _, text in code]
        rows.append((loop.kernel, loop.name, len(texts), _estimate(texts), loop.macs))
    return rows


def main() -> None:
    from tools.bench.m7machine import REPO_ROOT
    from tools.bench.m7run import compile_core

    argparse.ArgumentParser(prog="python -m tools.bench.mca", description=__doc__.splitlines()[0]).parse_args()
    for kernel, name, instructions, estimate, macs in cycles(compile_core(REPO_ROOT / "build" / "bench" / "m7.elf")):
        print(f"{kernel:<18} {name:<36} {instructions:>5} instructions {estimate:>7.1f} cycles" + (f" {estimate / macs:.2f} a MAC" if macs else ""))


if __name__ == "__main__":
    main()
