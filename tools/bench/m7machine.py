"""A Cortex-M7 in Unicorn that counts the instructions of a call, and the compiler that makes programs for it."""

import os
import subprocess
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const as arm

REPO_ROOT = Path(__file__).resolve().parent.parent.parent
CORE = REPO_ROOT / "usermod_kws"
M7 = Path(__file__).resolve().parent / "m7"
FLAGS = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard", "-std=c99", "-O3", "-Wall", "-Wextra", "-Werror",
         "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-ffunction-sections"]  # fmt: skip
CODE, FLASH, RAM, RAM_BYTES = 0x0800_0000, 0x0810_0000, 0x2000_0000, 0x8_0000
MEGABYTE = 0x10_0000
STACK = RAM + 0x7_0000
STOP = CODE + MEGABYTE - 0x100


def sources(arch: str = "m7", folders: Iterable[str] = (".", "frontend", "kernels", "net")) -> list[Path]:
    """The core's files in `folders` as kws.mk chooses them: KWS_ARCH's table and stages take the plain ones' places."""
    plain = [p for folder in folders for p in sorted((CORE / folder).glob("*.c")) if p.name != "modkws.c"]
    special = [p for folder in folders if folder in ("kernels", "frontend") for p in sorted((CORE / folder / arch).glob("*.c"))]
    replaced = {p.parent.parent / p.name for p in special if p.parent.parent.name == "frontend" or p.name == "table.c"}
    return [p for p in plain if p not in replaced] + special


def compile_m7(output: Path, files: Iterable[Path], keep: Iterable[str] = (), extra: Iterable[str] = ()) -> Path:
    """`files` and a C library's memory functions as an ELF; `keep` names the functions to call, none keeps all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    roots = [f"-Wl,-u,{name}" for name in keep]
    link = ["-nostdlib", f"-Wl,-Ttext={CODE:#x}", f"-Wl,-Tbss={RAM:#x}", "-Wl,-e,entry", *(["-Wl,--gc-sections", *roots] if roots else []), "-lgcc"]
    temporary = output.with_suffix(f".{os.getpid()}")
    command = ["arm-none-eabi-gcc", *FLAGS, *extra, f"-I{CORE}", M7 / "memory.c", *files, "-o", temporary, *link]
    subprocess.run([str(word) for word in command], check=True)
    temporary.replace(output)
    return output


def _thumb_lengths(code: bytes) -> int:
    """Number of Thumb instructions in a basic block."""
    count = at = 0
    while at < len(code):
        at += 4 if (code[at + 1] >> 3) in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


class Machine:
    """A program in flash at CODE, more flash at FLASH, RAM_BYTES of RAM at RAM."""

    def __init__(self, elf: Path) -> None:
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M7)
        for base, size in ((CODE, MEGABYTE), (FLASH, MEGABYTE), (RAM, RAM_BYTES)):
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
        # Hooks of blocks and code only: with one of memory, Unicorn loses the condition of loads in IT blocks.
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda uc, address, size, data: self._blocks.update([(address, size)]))

    def write(self, address: int, data: bytes) -> None:
        self._uc.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    def call(self, name: str, *args: int) -> int:
        """Runs a function to its return; its r0. `counts` and `instructions` are of this call."""
        self._blocks.clear()
        self._uc.reg_write(arm.UC_ARM_REG_SP, STACK)
        self._uc.reg_write(arm.UC_ARM_REG_LR, STOP | 1)
        registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
        for register, value in zip(registers, args, strict=False):
            self._uc.reg_write(register, value)
        self._uc.mem_write(STACK, b"".join(value.to_bytes(4, "little") for value in args[4:]))
        self._uc.emu_start(self._symbols[name] | 1, STOP)
        return int(self._uc.reg_read(arm.UC_ARM_REG_R0))

    @property
    def counts(self) -> dict[str, int]:
        """Instructions by function of the last call, most first; with those that an IT's condition skips."""
        result: Counter[str] = Counter()
        for (address, size), times in self._blocks.items():
            if address != STOP:
                name = self._names[bisect_right(self._starts, address) - 1]
                result[name] += times * _thumb_lengths(self._uc.mem_read(address, size))
        return dict(result.most_common())

    def stepped(self, run: Callable[[], object]) -> dict[str, int]:
        """Instructions by function that `run` executes, counted one by one: slow, for checks of `counts`."""
        result: Counter[str] = Counter()
        names, starts = self._names, self._starts

        def step(_uc: unicorn.Uc, address: int, _size: int, _data: object) -> None:
            result[names[bisect_right(starts, address) - 1]] += 1

        self._uc.ctl_flush_tb()
        hook = self._uc.hook_add(unicorn.UC_HOOK_CODE, step)
        run()
        self._uc.hook_del(hook)
        self._uc.ctl_flush_tb()
        return dict(result)

    @property
    def instructions(self) -> int:
        return sum(self.counts.values())
