"""RNG: a seeded generator, so that a run repeats; 40 cycles of the 48 MHz clock a word."""

from __future__ import annotations

import random

from ..bus import Peripheral
from ..errors import ClockTreeError
from ..events import TICK_HZ
from ..regs import IRQ, bits

CLOCK_MIN_HZ, CLOCK_MAX_HZ = 1_000_000, 48_000_000
CLOCKS_A_WORD = 40


class Rng(Peripheral):
    FAMILY = "RNG"

    def __init__(self, board, seed: int) -> None:
        self.random = random.Random(seed)
        super().__init__(board, "RNG")

    def reset(self) -> None:
        super().reset()
        self.coming = None

    def _start(self) -> None:
        hz = self._board.rcc.pll48_hz()
        if not CLOCK_MIN_HZ <= hz <= CLOCK_MAX_HZ:
            raise ClockTreeError(f"the RNG's clock PLL48CLK is {hz} Hz and must be 1 to 48 MHz")
        if self.coming is None:
            when = self._board.now_ticks() + CLOCKS_A_WORD * TICK_HZ // hz
            self.coming = self._board.events.at(when, self._ready)

    def _ready(self, _arg) -> None:
        self.coming = None
        if self.reg["CR"] & bits.RNG_CR_RNGEN:
            self.reg["SR"] |= bits.RNG_SR_DRDY
            if self.reg["CR"] & bits.RNG_CR_IE:
                self._board.nvic.line(IRQ["RNG"], True)

    def write_CR(self, value: int) -> None:
        self.reg["CR"] = value
        if value & bits.RNG_CR_RNGEN:
            if not self.reg["SR"] & bits.RNG_SR_DRDY:
                self._start()
        else:
            self._board.events.cancel(self.coming)
            self.coming = None
            self.reg["SR"] &= ~bits.RNG_SR_DRDY

    def write_SR(self, value: int) -> None:
        self.reg["SR"] &= value | bits.RNG_SR_DRDY

    def read_DR(self) -> int:
        if not self.reg["SR"] & bits.RNG_SR_DRDY:
            return 0
        self.reg["SR"] &= ~bits.RNG_SR_DRDY
        self._board.nvic.line(IRQ["RNG"], False)
        self._start()
        return self.random.getrandbits(32)
