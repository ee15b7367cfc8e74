"""Timers as time bases: prescaler, auto-reload, update interrupts, one pulse. No capture, compare or PWM."""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import IRQ

APB2 = ("TIM1", "TIM8", "TIM9", "TIM10", "TIM11")
WIDE = ("TIM2", "TIM5")
UPDATE_IRQ = {"TIM1": "TIM1_UP_TIM10", "TIM8": "TIM8_UP_TIM13", "TIM6": "TIM6_DAC", "TIM9": "TIM1_BRK_TIM9",
              "TIM10": "TIM1_UP_TIM10", "TIM11": "TIM1_TRG_COM_TIM11", "TIM12": "TIM8_BRK_TIM12",
              "TIM13": "TIM8_UP_TIM13", "TIM14": "TIM8_TRG_COM_TIM14"}  # fmt: skip
# The fact file has no masks for the timers; these are the reference manual's.
CEN, UDIS, URS, OPM, ARPE = 1, 2, 4, 8, 0x80
UIE = UIF = UG = 1


class Tim(Peripheral):
    FAMILY = "TIM"
    SUPPORTED = {"CR1": CEN | UDIS | URS | OPM | ARPE, "DIER": UIE, "SMCR": 0, "CCER": 0, "CCMR1": 0, "CCMR2": 0, "BDTR": 0}

    def __init__(self, board, name: str) -> None:
        self._irq = IRQ[UPDATE_IRQ.get(name, name)]
        self._apb = 2 if name in APB2 else 1
        self._mask = 0xFFFF_FFFF if name in WIDE else 0xFFFF
        super().__init__(board, name)

    def reset(self) -> None:
        super().reset()
        self.reg["ARR"] = self._mask
        self.prescaler = 0  # in effect; PSC is taken over at an update
        self.started = 0  # tick at which CNT was `from_count`
        self.from_count = 0
        self.event = None

    def _step(self) -> tuple[int, int]:
        """A count takes this fraction of a tick: numerator, denominator."""
        return (self.prescaler + 1) * TICK_HZ, self._board.rcc.timer_hz(self._apb)

    def _count(self) -> int:
        if not self.reg["CR1"] & CEN:
            return self.from_count
        numerator, denominator = self._step()
        return self.from_count + (self._board.now_ticks() - self.started) * denominator // numerator & self._mask

    def _rebase(self) -> None:
        self.from_count, self.started = self._count(), self._board.now_ticks()

    def _schedule(self) -> None:
        self._board.events.cancel(self.event)
        self.event = None
        if self.reg["CR1"] & CEN and self.reg["ARR"]:
            numerator, denominator = self._step()
            left = self.reg["ARR"] + 1 - self.from_count
            if left <= 0:  # counts on through the whole range first
                left += self._mask + 1
            self.event = self._board.events.at(self.started + -(-left * numerator // denominator), self._overflow)

    def _overflow(self, _arg) -> None:
        self.event = None
        self.started = self._board.now_ticks()
        self._update_event()
        if self.reg["CR1"] & OPM:
            self.reg["CR1"] &= ~CEN
        self._schedule()

    def _update_event(self, flag: bool = True) -> None:
        self.from_count = 0
        if not self.reg["CR1"] & UDIS:
            self.prescaler = self.reg["PSC"]
            if flag:
                self.reg["SR"] |= UIF
        self._line()

    def _line(self) -> None:
        self._board.nvic.line(self._irq, bool(self.reg["SR"] & self.reg["DIER"] & UIF))

    def read_CNT(self) -> int:
        return self._count()

    def write_CNT(self, value: int) -> None:
        self.from_count, self.started = value & self._mask, self._board.now_ticks()
        self._schedule()

    def write_CR1(self, value: int) -> None:
        self._rebase()
        self.reg["CR1"] = value
        self._schedule()

    def write_ARR(self, value: int) -> None:
        self._rebase()
        self.reg["ARR"] = value & self._mask
        self._schedule()

    def write_PSC(self, value: int) -> None:
        self.reg["PSC"] = value & 0xFFFF

    def write_DIER(self, value: int) -> None:
        self.reg["DIER"] = value
        self._line()

    def write_SR(self, value: int) -> None:
        self.reg["SR"] &= value
        self._line()

    def write_EGR(self, value: int) -> None:
        if value & ~UG:
            raise NotModelled(f"{self.name}->EGR = {value:#x}: only UG")
        self.started = self._board.now_ticks()
        self._update_event(flag=not self.reg["CR1"] & URS)
        self._schedule()

    def clocks_changed(self) -> None:
        if self.event is not None:
            self._schedule()
