"""RTC: calendar in BCD, sub-seconds, backup registers, write protection. No alarms or wake-up timer.

The clock starts at 2000-01-01 00:00:00 at the first power-up and lives through resets of the processor.
"""

from __future__ import annotations

import datetime

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import bits, field
from .rcc import LSE_HZ, LSI_HZ

PROTECT_KEYS = (0xCA, 0x53)
EPOCH = datetime.datetime(2000, 1, 1)
# The fact file has no masks for the RTC's own registers; these are the reference manual's.
INIT, INITF, INITS, RSF = 0x80, 0x40, 0x10, 0x20
CR_BYPSHAD, CR_FMT = 0x20, 0x40
WUTWF, ALRAWF, ALRBWF = 4, 1, 2
DR_RESET = 0x2101


def bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def unbcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 15)


class Rtc(Peripheral):
    FAMILY = "RTC"
    SURVIVES_RESET = True
    RESET = {"DR": DR_RESET, "ISR": WUTWF | ALRAWF | ALRBWF, "PRER": 0x007F_00FF, "WUTR": 0xFFFF}
    SUPPORTED = {"CR": CR_BYPSHAD | CR_FMT}

    def reset(self) -> None:
        super().reset()
        self.unlock = 0
        self.base: tuple[int, int] | None = None  # tick, and seconds since EPOCH * (sync + 1) then
        self.locked: tuple[int, int] | None = None  # TR, DR read together

    reset_domain = reset

    # ---- the calendar

    def _hz(self) -> int:
        bdcr = self._board.rcc.reg["BDCR"]
        if not bdcr & bits.RCC_BDCR_RTCEN:
            return 0
        source = field(bdcr, bits.RCC_BDCR_RTCSEL)
        if source == 1 and bdcr & bits.RCC_BDCR_LSERDY:
            return LSE_HZ
        if source == 2 and self._board.rcc.reg["CSR"] & bits.RCC_CSR_LSIRDY:
            return LSI_HZ
        return 0

    def _sync(self) -> int:
        return (self.reg["PRER"] & 0x7FFF) + 1

    def _count(self) -> int:
        """Sub-second units since EPOCH."""
        hz = self._hz()
        if self.base is None:
            self.base = (self._board.now_ticks(), 0)
        then, count = self.base
        if not hz or self.reg["ISR"] & INITF:
            return count
        prescaler = (self.reg["PRER"] >> 16 & 0x7F) + 1
        return count + (self._board.now_ticks() - then) * hz // (prescaler * TICK_HZ)

    def _moment(self) -> datetime.datetime:
        return EPOCH + datetime.timedelta(seconds=self._count() // self._sync())

    def read_TR(self) -> int:
        m = self._moment()
        dr = bcd(m.year % 100) << 16 | m.isoweekday() << 13 | bcd(m.month) << 8 | bcd(m.day)
        # Reading TR (or SSR) locks DR until it is read.
        self.locked = (0, dr)
        return bcd(m.hour) << 16 | bcd(m.minute) << 8 | bcd(m.second)

    def read_DR(self) -> int:
        if self.locked is None:
            self.read_TR()
        dr, self.locked = self.locked[1], None
        return dr

    def read_SSR(self) -> int:
        sub = self._sync() - 1 - self._count() % self._sync()
        self.read_TR()
        return sub

    # ---- writing

    def _writable(self) -> bool:
        return self.unlock == 2 and self._board.pwr.backup_writable()

    def write_WPR(self, value: int) -> None:
        if self.unlock < 2 and value == PROTECT_KEYS[self.unlock]:
            self.unlock += 1
        else:
            self.unlock = 1 if value == PROTECT_KEYS[0] else 0

    def write_ISR(self, value: int) -> None:
        keep = WUTWF | ALRAWF | ALRBWF | INITS
        isr = self.reg["ISR"] & (keep | INITF) | value & RSF & self.reg["ISR"]
        if self._writable():
            count = self._count()
            if value & INIT:
                isr |= INIT | INITF
            elif self.reg["ISR"] & INITF:
                isr = (isr | INITS | RSF) & ~INITF
            self.base = (self._board.now_ticks(), count)
        self.reg["ISR"] = isr

    def read_ISR(self) -> int:
        # Shadow registers are copied every two RTC clocks: by the time it is read again, RSF is back.
        value = self.reg["ISR"]
        if self._hz() and not value & INITF:
            self.reg["ISR"] |= RSF
        return value

    def _set_calendar(self, moment: datetime.datetime) -> None:
        seconds = int((moment - EPOCH).total_seconds())
        self.base = (self._board.now_ticks(), seconds * self._sync())

    def write_TR(self, value: int) -> None:
        if not self._writable() or not self.reg["ISR"] & INITF:
            return
        m = self._moment()
        self._set_calendar(
            m.replace(hour=unbcd(value >> 16 & 0x3F), minute=unbcd(value >> 8 & 0x7F), second=unbcd(value & 0x7F))
        )

    def write_DR(self, value: int) -> None:
        if not self._writable() or not self.reg["ISR"] & INITF:
            return
        m = self._moment()
        year, month, day = 2000 + unbcd(value >> 16 & 0xFF), unbcd(value >> 8 & 0x1F), unbcd(value & 0x3F)
        self._set_calendar(m.replace(year=year, month=month, day=day))

    def write_PRER(self, value: int) -> None:
        if self._writable() and self.reg["ISR"] & INITF:
            moment = self._moment()
            self.reg["PRER"] = value
            self._set_calendar(moment)

    def write_CR(self, value: int) -> None:
        if self._writable():
            self.reg["CR"] = value

    def write_SSR(self, value: int) -> None:
        raise NotModelled(f"RTC->SSR = {value:#x}: a read-only register")
