"""SYSCFG and EXTI: which port's pin drives an interrupt line, and the lines' edge detectors."""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled
from ..regs import IRQ, bits

LINES = 25
LINE_IRQ = {**{i: IRQ[f"EXTI{i}"] for i in range(5)}, **dict.fromkeys(range(5, 10), IRQ["EXTI9_5"]),
            **dict.fromkeys(range(10, 16), IRQ["EXTI15_10"]), 17: IRQ["RTC_Alarm"], 21: IRQ["TAMP_STAMP"],
            22: IRQ["RTC_WKUP"]}  # fmt: skip


class Syscfg(Peripheral):
    FAMILY = "SYSCFG"
    SUPPORTED = {"MEMRMP": 0, "CMPCR": bits.SYSCFG_CMPCR_CMP_PD}

    def port_of(self, line: int) -> int:
        return self.reg[f"EXTICR{line // 4}"] >> 4 * (line % 4) & 15


class Exti(Peripheral):
    FAMILY = "EXTI"
    ALWAYS_CLOCKED = True  # EXTI has no clock gate of its own

    def edge(self, port: int, pin: int, level: int) -> None:
        """A GPIO pin changed."""
        if self._board.syscfg.port_of(pin) == port:
            self.line_edge(pin, level)

    def line_edge(self, line: int, level: int) -> None:
        if self.reg["RTSR" if level else "FTSR"] >> line & 1:
            self._request(1 << line)

    def _request(self, lines: int) -> None:
        self.reg["PR"] |= lines & self.reg["IMR"]
        self._update()

    def _update(self) -> None:
        asked = self.reg["PR"] & self.reg["IMR"]
        high: dict[int, bool] = {}
        for line, irq in LINE_IRQ.items():
            high[irq] = high.get(irq, False) or bool(asked >> line & 1)
        for irq, level in high.items():
            self._board.nvic.line(irq, level)

    def write_IMR(self, value: int) -> None:
        self.reg["IMR"] = value
        self._update()

    def write_EMR(self, value: int) -> None:
        if value:
            raise NotModelled(f"EXTI->EMR = {value:#x}: events without interrupts")

    def write_PR(self, value: int) -> None:
        self.reg["PR"] &= ~value
        self.reg["SWIER"] &= ~value
        self._update()

    def write_SWIER(self, value: int) -> None:
        rising = value & ~self.reg["SWIER"]
        self.reg["SWIER"] = value
        self._request(rising)
