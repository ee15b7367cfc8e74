"""Compiles bare-metal C programs and runs them on the virtual board."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.vboard import Board
from tools.vboard.regs import TABLE

HERE = Path(__file__).parent
COMPILE = [
    "arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-O1", "-g",
    "-std=gnu11", "-Wall", "-Werror", "-Wno-unused-function", "-ffreestanding", "-nostdlib", "-fno-math-errno", "-fno-tree-loop-distribute-patterns",
]  # fmt: skip
PRELUDE = '#include "device.h"\nvoid reset_handler(void);\nvoid halt(void) { for (;;) __asm volatile("wfi"); }\n'
START = """
int main(void);
extern uint32_t _bss_start[], _bss_end[];
extern const uint32_t _data_load[];
void reset_handler(void) {
    for (uint32_t *p = _bss_start; p < _bss_end; p++) *(volatile uint32_t *)p = _data_load[p - _bss_start];
    done = 0;
    main();
    done = 1;
    halt();
}
"""
HANDLERS = ["nmi", "hard_fault", "mem_manage", "bus_fault", "usage_fault", "svc", "pendsv", "systick"]


def device_header() -> str:
    """The simulator's own register table as C macros: R(USART1, USART, BRR) is a register."""
    lines = ["#include <stdint.h>", "#define R(base, family, name) W(base##_BASE + family##_##name##_OFFSET)",
             "#define W(address) (*(volatile uint32_t *)(address))"]  # fmt: skip
    lines += [f"#define {n}_BASE {v}U" for n, v in TABLE["bases"].items()]
    lines += [f"#define IRQ_{n} {v}" for n, v in TABLE["irq"].items()]
    for family, registers in TABLE["registers"].items():
        for name, offset in registers.items():
            first = offset[0] if isinstance(offset, list) else offset
            lines.append(f"#define {family}_{name}_OFFSET {first}U")
    lines += [f"#define {n} {v}U" for n, v in TABLE["masks"].items()]
    return "\n".join(lines) + "\n"


def vectors(source: str) -> str:
    """A vector table; `irq_NAME` functions in the source are entered at their interrupt's place."""
    has = {name: re.search(rf"void {name}\(|ENTRY\({name},", source) for name in HANDLERS}
    core = ["reset_handler", *HANDLERS[:5], "0", "0", "0", "0", HANDLERS[5], "0", "0", *HANDLERS[6:]]
    entries = ["(void *)0x20010000"]
    entries += [f"(void *){'halt' if name in has and not has[name] else name}" for name in core]
    for name, number in TABLE["irq"].items():
        if number >= 0 and f"void irq_{name}(" in source:
            entries.append(f"[{16 + number}] = (void *)irq_{name}")
    return '__attribute__((section(".vectors"), used)) const void *const table[126] = {' + ", ".join(entries) + "};\n"


class BareBoard(Board):
    """A board that runs a bare program; `var` reads its global variables."""

    def var(self, name: str, index: int = 0, signed: bool = False) -> int:
        address = self.symbols.by_name[name] + 4 * index
        return int.from_bytes(self.cpu.memory.view(address, 4), "little", signed=signed)

    def finish(self, timeout_s: float = 1.0) -> None:
        """Run until the program has set `done`."""
        self.run_until(lambda: self.var("done") == 1, timeout_s)


@pytest.fixture
def bare(tmp_path):
    """bare(source, **board options) -> a BareBoard before its first instruction. The source defines main()."""

    def build(source: str, fpu: str = "fpv5-sp-d16", **options) -> BareBoard:
        (tmp_path / "device.h").write_text(device_header())
        body = source + "\nvolatile uint32_t done;\n"
        (tmp_path / "program.c").write_text(PRELUDE + '#line 1 "test.c"\n' + body + START + vectors(source))
        elf = tmp_path / "program.elf"
        command = [*COMPILE, f"-mfpu={fpu}", "-T", str(HERE / "bare.ld"), "-I", str(tmp_path), str(tmp_path / "program.c"), "-o", str(elf)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return BareBoard(elf, **options)

    return build
