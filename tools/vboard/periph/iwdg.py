"""IWDG: counts LSI clocks down and resets the board; nothing but a reset stops it."""

from __future__ import annotations

from ..bus import Peripheral
from ..events import TICK_HZ
from ..regs import bits
from .rcc import LSI_HZ

KEY_RELOAD, KEY_ACCESS, KEY_START = 0xAAAA, 0x5555, 0xCCCC
UPDATE_CLOCKS = 5  # LSI clocks until a new prescaler or reload value is taken over


class Iwdg(Peripheral):
    FAMILY = "IWDG"
    ALWAYS_CLOCKED = True
    RESET = {"RLR": 0xFFF, "WINR": 0xFFF}

    def reset(self) -> None:
        super().reset()
        self.open = self.running = False
        self.started = 0
        self.expiry = None

    def _period(self) -> int:
        divider = min(4 << self.reg["PR"], 256)
        return (self.reg["RLR"] + 1) * divider * TICK_HZ // LSI_HZ

    def _reload(self) -> None:
        events = self._board.events
        events.cancel(self.expiry)
        self.started = self._board.now_ticks()
        self.expiry = events.at(self.started + self._period(), self._expire)

    def _expire(self, _arg) -> None:
        self._board.request_reset("watchdog")

    def write_KR(self, value: int) -> None:
        self.open = value == KEY_ACCESS
        if value == KEY_START and not self.running:
            self.running = True
            self._board.rcc.reg["CSR"] |= bits.RCC_CSR_LSION | bits.RCC_CSR_LSIRDY
            self._reload()
        elif value == KEY_RELOAD and self.running:
            self._reload()

    def read_KR(self) -> int:
        return 0

    def _set(self, name: str, value: int, flag: int) -> None:
        if self.open:
            self.reg[name] = value
            self.reg["SR"] |= flag
            when = self._board.now_ticks() + UPDATE_CLOCKS * TICK_HZ // LSI_HZ
            self._board.events.at(when, self._updated, flag)

    def _updated(self, flag: int) -> None:
        self.reg["SR"] &= ~flag
        if self.running and self.expiry is not None:
            self._reload()

    def write_PR(self, value: int) -> None:
        self._set("PR", value & 7, bits.IWDG_SR_PVU)

    def write_RLR(self, value: int) -> None:
        self._set("RLR", value & 0xFFF, bits.IWDG_SR_RVU)

    def write_WINR(self, value: int) -> None:
        self._set("WINR", value & 0xFFF, bits.IWDG_SR_WVU)

    def write_SR(self, _value: int) -> None:
        """Read-only; hardware ignores it."""
