"""The board as a machine: all parts wired together, resets, and the loop that makes time pass."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from . import locate as locator
from .audio import Sound
from .bus import Bus, Peripheral
from .cpu import Cpu, Stop
from .errors import NotModelled, PowerCut, VBoardError
from .events import TICK_HZ, Clock, Events
from .fpdp import Doubles
from .memory import FLASH_BASE, FLASH_BYTES
from .nvic import Nvic
from .parts import build
from .periph.ids import fill_system_memory
from .scs import SCR, SCR_SLEEPDEEP, Scs
from .symbols import Symbols

RESET_HCLK = 16_000_000
BOOT_VECTORS = 0x0020_0000  # BOOT_ADD0 as delivered: flash over the ITCM bus


class Machine:
    """Everything but the conveniences of `Board`. Peripherals are attributes by lower-case name."""

    def __init__(self, elf: str | Path, seed: int = 0) -> None:
        self.symbols = Symbols(Path(elf))
        self.cpu = Cpu()
        self.doubles = Doubles(self.cpu)
        self.events = Events()
        self.events._on_earlier = self._event_earlier
        self.clock = Clock(RESET_HCLK)
        self.nvic = Nvic(self.cpu)
        self.scs = Scs(self)
        self.bus = Bus(self)
        self.seed = seed
        self.rng_faults = random.Random(seed ^ 0xFA_17)
        self.asleep = 0  # cycles in WFI
        self.sleeping = False
        self.reset_asked: str | None = None
        self.power_cut: int | None = None
        self.powered = True
        self.resets = 0
        self.parts: dict[str, Peripheral] = {}
        self.sound = Sound(None)
        build(self)
        self.cpu.on_write = self.flash.core_write
        fill_system_memory(self.cpu.memory.system.view)
        for address, data in self.symbols.segments:
            self.program(address, data)
        self._reset("power")

    # ---- time

    def now_cycles(self) -> int:
        return self.cpu.instructions + self.asleep + self.cpu.state.stalled

    def now_ticks(self) -> int:
        return self.clock.ticks_at(self.now_cycles())

    @property
    def now_s(self) -> float:
        """Virtual seconds since the board was made; a reset does not set it back."""
        return self.now_ticks() / TICK_HZ

    def _event_earlier(self) -> None:
        if self.cpu.running:
            state = self.cpu.state
            limit = self.clock.cycles_at(self.events.heap[0][0]) - self.asleep - state.stalled
            state.limit = min(state.limit, max(limit, 0))

    def clock_changed(self, hclk_hz: int) -> None:
        self.clock.set_hclk(hclk_hz, self.now_cycles())
        self.scs.systick.rescale()
        for part in self.parts.values():
            part.clocks_changed()
        if self.cpu.running:
            self.cpu.break_soon()

    def stall_until(self, when: int) -> None:
        """The bus holds the core until tick `when`."""
        self.cpu.state.stalled += max(0, self.clock.cycles_at(when) - self.now_cycles())

    def skip_to_event(self) -> None:
        """The core polls for something that only an event can bring: let the time until then pass."""
        times = [t for t in (self.events.next_time(), self.quadspi.next_time()) if t is not None]
        if times:
            self.stall_until(min(times))
            self.cpu.break_soon()

    def fire_due(self) -> None:
        """Run the events whose time has come."""
        now = self.now_ticks()
        while (entry := self.events.pop_due(now)) is not None:
            entry[2](entry[3])

    # ---- memory and reset

    def program(self, address: int, data: bytes) -> None:
        """Put bytes into the internal flash, as a programmer would."""
        offset = address - FLASH_BASE
        if not 0 <= offset <= FLASH_BYTES - len(data):
            raise ValueError(f"{len(data)} bytes at {address:#010x} do not lie in the internal flash")
        self.cpu.memory.flash.view[offset : offset + len(data)] = data
        self.cpu.forget_code(address & ~1, address + len(data) + 1 & ~1)

    def request_reset(self, cause: str) -> None:
        """cause: power, pin, software or watchdog; happens before the next block."""
        self.reset_asked = cause
        if self.cpu.running:
            self.cpu.break_soon()

    def reset_peripheral(self, name: str) -> None:
        """RCC's reset pulse; names as in the RSTR masks."""
        for part in self.parts.values():
            if part.name == name or part.name.startswith(f"{name}_"):
                part.reset()

    def _reset(self, cause: str) -> None:
        self.reset_asked = None
        self.sleeping = False
        self.resets += 1
        if cause == "power":
            self.cpu.memory.randomise_ram(self.seed)
            self.sound.start = None
        for entry in self.events.heap:
            owner = getattr(entry[2], "__self__", None)
            if not getattr(owner, "SURVIVES_RESET", False):
                entry[2] = None
        self.clock.set_hclk(RESET_HCLK, self.now_cycles())
        self.nvic.reset()
        self.scs.reset()
        for part in self.parts.values():
            if cause == "power" or not getattr(part, "SURVIVES_RESET", False):
                part.reset()
        self.rcc.note_reset(cause)
        self.rcc.update_gates()
        cpu = self.cpu
        for name in ("PRIMASK", "FAULTMASK", "BASEPRI", "CONTROL", "IPSR"):
            cpu.set(name, 0)
        cpu.set("XPSR", 1 << 24)
        vectors = cpu.memory.view(BOOT_VECTORS, 8)
        cpu.set("SP", int.from_bytes(vectors[:4], "little") & ~3)
        cpu.set("LR", 0xFFFF_FFFF)
        cpu.set("PC", int.from_bytes(vectors[4:], "little") | 1)

    # ---- the loop

    def advance(self, end: int, done: Callable[[], bool] | None = None) -> bool:
        """Run to tick `end`, or until `done()` between two slices. True when `done` said so."""
        if not self.powered:
            raise PowerCut("the power is off; power_on() first")
        nvic, cpu, events, clock = self.nvic, self.cpu, self.events, self.clock
        while True:
            self.fire_due()
            if self.reset_asked is not None:
                self._reset(self.reset_asked)
            if done is not None and done():
                return True
            if self.now_ticks() >= end:
                return False
            if self.scs.mpu.stale:
                self.scs.mpu.apply()
            number = nvic.next_exception()
            if number is not None:
                self.sleeping = False
                nvic.enter(number)
                continue
            if self.sleeping and nvic.would_wake():
                self.sleeping = False
            due = events.next_time()
            target = end if due is None else min(due, end)
            if self.sleeping:
                self.asleep += max(0, clock.cycles_at(target) - self.now_cycles())
                continue
            limit = clock.cycles_at(target) - self.asleep - cpu.state.stalled
            if self.power_cut is not None:
                if cpu.instructions >= self.power_cut:
                    self._lose_power()
                limit = min(limit, self.power_cut)
            self._finish(cpu.run(limit))

    def _finish(self, stop: Stop) -> None:
        """After a slice."""
        if self.flash.fixes:
            self.flash.settle()
        if self.bus.failure is not None:
            failure, self.bus.failure = self.bus.failure, None
            raise failure
        kind = stop.kind
        if kind == "limit":
            return
        if kind == "wfi":
            if self.scs.kept[SCR] & SCR_SLEEPDEEP:
                raise NotModelled(f"WFI with SLEEPDEEP at {self.symbols.describe(stop.pc - 2)}")
            self.sleeping = True
        elif kind == "return":
            self.nvic.leave(stop.pc | 1)
        elif kind == "svc":
            self.nvic.supervisor_call()
        elif kind == "undefined" and self.doubles.emulate(stop.pc):
            return
        elif kind == "fault" and self.scs.mpu.let_through(stop.address):
            cpu = self.cpu
            cpu.run(cpu.instructions + 1)
            self.scs.mpu.close_again(stop.address)
        else:
            try:
                self.nvic.fault(stop)
            except VBoardError as error:
                where = self.symbols.describe(stop.pc)
                raise type(error)(f"{error}\n  PC {where}") from None

    def _lose_power(self) -> None:
        rng = random.Random(self.seed * 1_000_003 + self.cpu.instructions)
        self.flash.power_lost(rng)
        self.quadspi.catch_up()
        self.nor.power_lost(rng)
        self.power_cut = None
        self.powered = False
        raise PowerCut(f"power cut after {self.cpu.instructions} instructions")

    def locate(self, address: int, size: int, access: str) -> int:
        """The instruction that is making a peripheral access (called inside its callback)."""
        s = self.cpu.state
        names = [f"R{i}" for i in range(13)] + ["SP", "LR", "PC"]
        reg = [self.cpu.get(n) for n in names]
        code = self.cpu.code(s.block_address, s.block_bytes)

        def word(at: int) -> int:
            return int.from_bytes(self.cpu.code(at, 4), "little")

        return locator.find(code, s.block_address, reg, address, size, access == "read", word)
