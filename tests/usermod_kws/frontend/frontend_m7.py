"""Runs the front end's Cortex-M7 code in Unicorn, without a board: for byte comparison and instruction counts."""

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M7,
)

FLAGS = ["-std=c99", "-O3", "-mcpu=cortex-m7", "-mthumb", "-ffreestanding", "-nostdlib", "-Wl,-Ttext=0x08000000"]
CODE, RAM, RAM_BYTES = 0x0800_0000, 0x2000_0000, 1 << 20
RETURN = 0x0000_1000  # an address that ends the emulation


class M7Frontend:
    """The front end, compiled for the Cortex-M7, on a section of tables: with the stages of frontend/m7, as on the board, or all plain C."""

    def __init__(self, usermod: Path, build: Path, section: bytes, arch: str = "m7") -> None:
        elf_path = build / f"frontend_{arch}.elf"
        own = {p.name: p for p in (usermod / "frontend" / arch).glob("*.c")}
        sources = sorted([p for p in (usermod / "frontend").glob("*.c") if p.name not in own] + list(own.values()))
        gcc = ["arm-none-eabi-gcc", *FLAGS, f"-I{usermod}", "-Wl,-e,kws_frontend_open", "-o", elf_path, *sources]
        subprocess.run([*gcc, "-lgcc", "-lc"], check=True)
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M7)
        self.uc.mem_map(CODE, 1 << 20)
        self.uc.mem_map(RAM, RAM_BYTES)
        self.uc.mem_map(RETURN, 0x1000)
        with open(elf_path, "rb") as file:
            elf = ELFFile(file)
            for segment in elf.iter_segments("PT_LOAD"):
                self.uc.mem_write(segment["p_vaddr"], segment.data())
            table = elf.get_section_by_name(".symtab")
            functions = [s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"]
            self.symbols = {s.name: s["st_value"] for s in functions}
        self.fe, self.section, self.pcm, self.scratch, self.out = (RAM + i * 0x10000 for i in range(5))
        self.open(section)

    def open(self, section: bytes) -> None:
        """Takes other tables."""
        self.uc.mem_write(self.section, section)
        status = self.call("kws_frontend_open", self.fe, self.section, len(section), 0)
        assert status == 0, f"kws_frontend_open on the M7: {status}"

    def call(self, name: str, *arguments: int) -> int:
        registers = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)
        for register, value in zip(registers, arguments, strict=False):
            self.uc.reg_write(register, value)
        self.uc.reg_write(UC_ARM_REG_SP, RAM + RAM_BYTES - 64)
        self.uc.reg_write(UC_ARM_REG_LR, RETURN | 1)
        self.uc.emu_start(self.symbols[name] | 1, RETURN)
        value = self.uc.reg_read(UC_ARM_REG_R0)
        return value - (1 << 32) if value >> 31 else value

    def frame(self, pcm: np.ndarray, n_out: int, at: int = 0) -> np.ndarray:
        """int8 [n_out] of one window of int16 samples, which lie `at` bytes behind a multiple of 4."""
        self.uc.mem_write(self.pcm + at, pcm.astype("<i2").tobytes())
        self.uc.mem_write(self.scratch, b"\xa5" * 0x4000)  # nothing may depend on what was there
        self.call("kws_frontend_frame", self.fe, self.pcm + at, self.scratch, self.out)
        return np.frombuffer(bytes(self.uc.mem_read(self.out, n_out)), dtype=np.int8)

    def count(self, pcm: np.ndarray, n_out: int) -> Counter:
        """Instructions of one frame by function (static ones fall under their own name)."""
        starts = sorted((address & ~1, name) for name, address in self.symbols.items())
        counts: Counter = Counter()
        hits: Counter = Counter()
        self.uc.ctl_flush_tb()  # code translated before the hook would not call it
        hook = self.uc.hook_add(UC_HOOK_CODE, lambda uc, address, size, data: hits.update((address,)))
        self.frame(pcm, n_out)
        self.uc.hook_del(hook)
        for address, n in hits.items():
            counts[max(s for s in starts if s[0] <= address)[1]] += n
        return counts
