"""The private peripheral bus at 0xE0000000: NVIC and SCB registers, and the table that all its parts share.

Names and offsets are the ARMv7-M architecture's and the Cortex-M7 manual's. A register is an entry
`address: (name, read, write)`; `read()` gives a word, `write(value)` takes one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .dwt import Dwt
from .errors import NotModelled
from .mpu import Mpu
from .nvic import BUS_FAULT, INTERRUPTS, MEM_MANAGE, NMI, PENDSV, SVCALL, SYSTICK, USAGE_FAULT
from .systick import SysTick

Register = tuple[str, Callable[[], int], Callable[[int], None]]

CONSTANT = {
    0xE000_E004: ("SCnSCB->ICTR", 3), 0xE000_ED00: ("SCB->CPUID", 0x411F_C271), 0xE000_ED3C: ("SCB->AFSR", 0),
    0xE000_ED78: ("SCB->CLIDR", 0x0900_0003), 0xE000_ED7C: ("SCB->CTR", 0x8303_C003),
    0xE000_EF40: ("FPU->MVFR0", 0x1011_0021), 0xE000_EF44: ("FPU->MVFR1", 0x1100_0011),
    0xE000_EF48: ("FPU->MVFR2", 0x40), 0xE000_EDF0: ("CoreDebug->DHCSR", 0),
}  # fmt: skip
# Kept, without an effect that a program could see here: lazy stacking, TCM and cache switches.
KEPT = {
    0xE000_E008: ("SCnSCB->ACTLR", 0), 0xE000_ED30: ("SCB->DFSR", 0), 0xE000_ED84: ("SCB->CSSELR", 0),
    0xE000_ED88: ("SCB->CPACR", 0), 0xE000_EDFC: ("CoreDebug->DEMCR", 0), 0xE000_EF34: ("FPU->FPCCR", 0xC000_0000),
    0xE000_EF38: ("FPU->FPCAR", 0), 0xE000_EF3C: ("FPU->FPDSCR", 0), 0xE000_EF90: ("SCB->ITCMCR", 0),
    0xE000_EF94: ("SCB->DTCMCR", 0), 0xE000_EF98: ("SCB->AHBPCR", 0), 0xE000_EF9C: ("SCB->CACR", 0),
    0xE000_EFA0: ("SCB->AHBSCR", 0), 0xE000_ED10: ("SCB->SCR", 0),
}  # fmt: skip
CACHE_OPERATIONS = {
    0xE000_EF50: "ICIALLU", 0xE000_EF58: "ICIMVAU", 0xE000_EF5C: "DCIMVAC", 0xE000_EF60: "DCISW",
    0xE000_EF64: "DCCMVAU", 0xE000_EF68: "DCCMVAC", 0xE000_EF6C: "DCCSW", 0xE000_EF70: "DCCIMVAC",
    0xE000_EF74: "DCCISW", 0xE000_EF78: "BPIALL",
}  # fmt: skip
SCR = 0xE000_ED10
SCR_SLEEPDEEP = 4
SHCSR_ENABLES = {16: MEM_MANAGE, 17: BUS_FAULT, 18: USAGE_FAULT}
SHCSR_ACTIVE = {0: MEM_MANAGE, 1: BUS_FAULT, 3: USAGE_FAULT, 7: SVCALL, 10: PENDSV, 11: SYSTICK}
ICSR_ACTIONS = ((31, NMI, True), (28, PENDSV, True), (27, PENDSV, False), (26, SYSTICK, True), (25, SYSTICK, False))
AIRCR_KEY = 0x05FA


def ignore(_value: int = 0) -> None:
    """A write that hardware takes and that has no effect here."""


class Scs:
    """Dispatches accesses; owns SysTick, DWT and MPU. SYSRESETREQ goes to `board.request_reset`."""

    def __init__(self, board) -> None:
        self._board, self._nvic = board, board.nvic
        self.systick = SysTick(board)
        self.dwt = Dwt(board)
        self.mpu = Mpu(board)
        self.kept: dict[int, int] = {}
        self._table: dict[int, Register] = {}
        self._fill()
        self.reset()

    def reset(self) -> None:
        self.kept.clear()
        self.kept.update({address: value for address, (_, value) in KEPT.items()})
        for part in (self.systick, self.dwt, self.mpu):
            part.reset()

    def _fill(self) -> None:
        t = self._table
        for address, (name, value) in CONSTANT.items():
            t[address] = (name, lambda v=value: v, ignore)
        for address, (name, _) in KEPT.items():
            t[address] = (name, partial(self.kept.__getitem__, address), partial(self.kept.__setitem__, address))
        for address, name in CACHE_OPERATIONS.items():
            t[address] = ("SCB->" + name, lambda: 0, ignore)
        for i in range(4):
            for kind, name in enumerate(("ISER", "ICER", "ISPR", "ICPR", "IABR")):
                address = 0xE000_E100 + 0x80 * kind + 4 * i
                t[address] = (f"NVIC->{name}{i}", partial(self._bits, kind, i), partial(self._set_bits, kind, i))
        for i in range(INTERRUPTS // 4 + 1):
            t[0xE000_E400 + 4 * i] = self._priority_register(f"NVIC->IPR{i}", 16 + 4 * i)
        for i in range(3):
            t[0xE000_ED18 + 4 * i] = self._priority_register(f"SCB->SHPR{i + 1}", 4 + 4 * i)
        nvic = self._nvic
        t[0xE000_ED04] = ("SCB->ICSR", self._read_icsr, self._write_icsr)
        t[0xE000_ED08] = ("SCB->VTOR", lambda: nvic.vtor, lambda v: setattr(nvic, "vtor", v & ~0x7F))
        t[0xE000_ED0C] = ("SCB->AIRCR", lambda: 0xFA05_0000 | nvic.prigroup << 8, self._write_aircr)
        t[0xE000_ED14] = ("SCB->CCR", lambda: nvic.ccr, lambda v: setattr(nvic, "ccr", v | 0x200))
        t[0xE000_ED24] = ("SCB->SHCSR", self._read_shcsr, self._write_shcsr)
        t[0xE000_ED28] = ("SCB->CFSR", lambda: nvic.cfsr, lambda v: setattr(nvic, "cfsr", nvic.cfsr & ~v))
        t[0xE000_ED2C] = ("SCB->HFSR", lambda: nvic.hfsr, lambda v: setattr(nvic, "hfsr", nvic.hfsr & ~v))
        t[0xE000_ED34] = ("SCB->MMFAR", lambda: nvic.mmfar, ignore)
        t[0xE000_ED38] = ("SCB->BFAR", lambda: nvic.bfar, ignore)
        # 16 KB each, lines of 32 bytes: the instruction cache has two ways, the data cache four.
        t[0xE000_ED80] = ("SCB->CCSIDR", lambda: 0xF01F_E009 if self.kept[0xE000_ED84] & 1 else 0xF00F_E019, ignore)
        t[0xE000_EF00] = ("SCB->STIR", lambda: 0, lambda v: nvic.set_pending(16 + (v & 0x1FF)))
        for part in (self.systick, self.dwt, self.mpu):
            t.update(part.registers())

    # ---- access

    def name(self, address: int) -> str:
        entry = self._table.get(address & ~3)
        return entry[0] if entry else f"{address:#010x}"

    def read(self, address: int, size: int) -> int:
        entry = self._table.get(address & ~3)
        if entry is None:
            raise NotModelled(f"read of core register {address:#010x}")
        return entry[1]() >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        base = address & ~3
        entry = self._table.get(base)
        if entry is None:
            raise NotModelled(f"write of {value:#x} to core register {address:#010x}")
        if size < 4:
            shift = 8 * (address & 3)
            mask = ((1 << 8 * size) - 1) << shift
            byte_wise = 0xE000_E400 <= base < 0xE000_E800 or 0xE000_ED18 <= base < 0xE000_ED24
            value = value << shift & mask | (entry[1]() & ~mask if byte_wise else 0)
        entry[2](value)

    # ---- NVIC

    def _bits(self, kind: int, word: int) -> int:
        nvic = self._nvic
        numbers = (nvic.enabled, nvic.enabled, nvic.pending, nvic.pending, nvic.active)[kind]
        first = 16 + 32 * word
        return sum(1 << n - first for n in set(numbers) if first <= n < first + 32)

    def _set_bits(self, kind: int, word: int, value: int) -> None:
        nvic = self._nvic
        for i in range(32):
            number = 16 + 32 * word + i
            if not value >> i & 1 or number >= 16 + INTERRUPTS:
                continue
            if kind < 2:
                nvic.enable(number, kind == 0)
            elif kind == 2:
                nvic.set_pending(number)
            elif kind == 3 and number not in nvic.level:
                nvic.clear_pending(number)

    def _priority_register(self, name: str, first: int) -> Register:
        nvic = self._nvic

        def read() -> int:
            return int.from_bytes(bytes(nvic.priority[first : first + 4]), "little")

        def write(value: int) -> None:
            for i in range(min(4, len(nvic.priority) - first)):
                nvic.priority[first + i] = value >> 8 * i & 0xF0

        return name, read, write

    # ---- SCB

    def _read_icsr(self) -> int:
        nvic = self._nvic
        best = nvic.best_pending() or 0
        active = nvic.active[-1] if nvic.active else 0
        value = active | best << 12 | (best >= 16) << 22 | (len(nvic.active) <= 1) << 11
        return value | (SYSTICK in nvic.pending) << 26 | (PENDSV in nvic.pending) << 28 | (NMI in nvic.pending) << 31

    def _write_icsr(self, value: int) -> None:
        for bit, number, on in ICSR_ACTIONS:
            if value >> bit & 1:
                (self._nvic.set_pending if on else self._nvic.clear_pending)(number)

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != AIRCR_KEY:
            return
        self._nvic.prigroup = value >> 8 & 7
        if value & 4:
            self._board.request_reset("software")

    def _read_shcsr(self) -> int:
        nvic = self._nvic
        enables = sum(1 << bit for bit, n in SHCSR_ENABLES.items() if n in nvic.enabled)
        return enables | sum(1 << bit for bit, n in SHCSR_ACTIVE.items() if n in nvic.active)

    def _write_shcsr(self, value: int) -> None:
        for bit, number in SHCSR_ENABLES.items():
            self._nvic.enable(number, bool(value >> bit & 1))
