"""PWR: voltage scaling, over-drive, and the switch that protects the backup domain."""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import ClockTreeError, NotModelled
from ..events import ticks
from ..regs import bits, field

OVER_DRIVE_DELAY = ticks(40e-6)
STICKY = bits.PWR_CSR1_SBF | bits.PWR_CSR1_WUIF


class Pwr(Peripheral):
    FAMILY = "PWR"
    RESET = {"CR1": 0xC000, "CSR1": bits.PWR_CSR1_VOSRDY}

    def scale(self) -> tuple[int, bool]:
        """VOS field (3 = scale 1, the fastest) and whether over-drive is in effect."""
        over_drive = self.reg["CSR1"] & bits.PWR_CSR1_ODRDY and self.reg["CSR1"] & bits.PWR_CSR1_ODSWRDY
        return field(self.reg["CR1"], bits.PWR_CR1_VOS) or 1, bool(over_drive)

    def backup_writable(self) -> bool:
        return bool(self.reg["CR1"] & bits.PWR_CR1_DBP)

    def write_CR1(self, value: int) -> None:
        old = self.reg["CR1"]
        if value & bits.PWR_CR1_ODSWEN and not self.reg["CSR1"] & bits.PWR_CSR1_ODRDY:
            raise ClockTreeError("PWR->CR1: ODSWEN before ODRDY")
        if value & bits.PWR_CR1_PDDS:
            raise NotModelled("PWR->CR1: standby mode (PDDS)")
        if value & bits.PWR_CR1_CSBF:
            self.reg["CSR1"] &= ~bits.PWR_CSR1_SBF
        self.reg["CR1"] = value & ~bits.PWR_CR1_CSBF
        later = self._board.now_ticks() + OVER_DRIVE_DELAY
        for enable, ready in (
            (bits.PWR_CR1_ODEN, bits.PWR_CSR1_ODRDY),
            (bits.PWR_CR1_ODSWEN, bits.PWR_CSR1_ODSWRDY),
        ):
            if value & enable and not old & enable:
                self._board.events.at(later, self._ready, (enable, ready))
            elif not value & enable:
                self.reg["CSR1"] &= ~ready
        if self.reg["CSR1"] & bits.PWR_CSR1_ODRDY or old != value:
            self._board.rcc.check()

    def _ready(self, arg: tuple[int, int]) -> None:
        enable, ready = arg
        if self.reg["CR1"] & enable:
            self.reg["CSR1"] |= ready

    def write_CSR1(self, value: int) -> None:
        ready = bits.PWR_CSR1_ODRDY | bits.PWR_CSR1_ODSWRDY | bits.PWR_CSR1_VOSRDY | STICKY
        self.reg["CSR1"] = value & ~ready | self.reg["CSR1"] & ready
