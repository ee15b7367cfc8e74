"""DFSDM1: channels (clock, pins, shift, offset) and filters (order, oversampling), fed behind the filter.

No PDM bits are made. A filter's output is what the microphone hears, times the filter's gain
(oversampling^order, times the integrator), shifted right, saturated to 24 bits; its rate follows from the
clock, so a wrong divider, order, oversampling or shift can be heard.
"""

from __future__ import annotations

import numpy as np

from ..bus import Peripheral
from ..errors import ClockTreeError, NotModelled
from ..regs import BASE, REGISTERS, bits, field
from .dfsdm_filter import Filter

CHANNELS, FILTERS = 8, 4
MIC_CLOCK_HZ = (1_000_000, 3_250_000)  # the MEMS microphones' range
# What is soldered: (data line, takes the falling edge) -> microphone: top left, top right, bottom left, bottom right.
MICS = {(1, 0): 0, (1, 1): 1, (5, 0): 2, (5, 1): 3}
DATA_PINS = {1: ("GPIOC", 3), 5: ("GPIOC", 11)}
CLOCK_PIN = ("GPIOD", 3)
ALTERNATE_DFSDM = 3


class Dfsdm(Peripheral):
    FAMILY = "DFSDM_Channel"

    def __init__(self, board, name: str) -> None:
        self._board, self.name = board, name
        self.filters = [Filter(self, i) for i in range(FILTERS)]
        super().__init__(board, name)

    def _layout(self) -> dict[int, str]:
        cells = {}
        for kind, count in (("Channel", CHANNELS), ("Filter", FILTERS)):
            for i in range(count):
                base = BASE[f"DFSDM1_{kind}{i}"] - BASE["DFSDM1"]
                for name, offset in REGISTERS[f"DFSDM_{kind}"].items():
                    cells[base + offset] = f"{kind}{i}->{name}"
        return cells

    def reset(self) -> None:
        super().reset()
        for f in self.filters:
            f.reset()

    def channel_reg(self, channel: int, name: str) -> int:
        return self.reg[f"Channel{channel}->{name}"]

    def source_at(self, address: int) -> Filter | None:
        """The filter whose data register lies at an address."""
        for f in self.filters:
            if address == BASE[f.name] + REGISTERS["DFSDM_Filter"]["FLTRDATAR"]:
                return f
        return None

    def clock_hz(self) -> float:
        """CKOUT, which clocks the microphones."""
        cfg = self.channel_reg(0, "CHCFGR1")
        if cfg & bits.DFSDM_CHCFGR1_CKOUTSRC:
            raise NotModelled("DFSDM1: CKOUT from the audio clock")
        rcc = self._board.rcc
        kernel = rcc.sysclk_hz() if rcc.reg["DCKCFGR1"] & bits.RCC_DCKCFGR1_DFSDM1SEL else rcc.pclk_hz(2)
        divider = field(cfg, bits.DFSDM_CHCFGR1_CKOUTDIV) + 1
        if divider == 1:
            raise ClockTreeError("DFSDM1: CKOUTDIV = 0 stops the microphones' clock")
        hz = kernel / divider
        if not MIC_CLOCK_HZ[0] <= hz <= MIC_CLOCK_HZ[1]:
            raise ClockTreeError(f"DFSDM1: the microphones' clock is {hz:.0f} Hz and must be 1.0 to 3.25 MHz")
        return hz

    def _routed(self, pin: tuple[str, int]) -> bool:
        gpio = self._board.parts[pin[0]]
        return gpio.mode(pin[1]) == 2 and gpio.alternate(pin[1]) == ALTERNATE_DFSDM

    def heard(self, channel: int, when: int, period: float, n: int) -> np.ndarray:
        """Values -1..1 that a channel's input carries. Without pins or a microphone the line is low: -1."""
        cfg = self.channel_reg(channel, "CHCFGR1")
        line = channel + 1 if cfg & bits.DFSDM_CHCFGR1_CHINSEL else channel
        if field(cfg, bits.DFSDM_CHCFGR1_SPICKSEL) != 1 or field(cfg, bits.DFSDM_CHCFGR1_SITP) > 1:
            raise NotModelled(f"DFSDM1_Channel{channel}->CHCFGR1 = {cfg:#x}: only SPI with the internal clock")
        if cfg & (bits.DFSDM_CHCFGR1_DATMPX | bits.DFSDM_CHCFGR1_DATPACK):
            raise NotModelled(f"DFSDM1_Channel{channel}->CHCFGR1 = {cfg:#x}: data from the processor")
        mic = MICS.get((line, field(cfg, bits.DFSDM_CHCFGR1_SITP)))
        if mic is None or not self._routed(DATA_PINS[line]) or not self._routed(CLOCK_PIN):
            return np.full(n, -1.0)
        return self._board.sound.heard(mic, when, period, n)

    def _filter_cell(self, offset: int) -> tuple[Filter, str] | None:
        name = self._cells.get(offset & ~3, "")
        return (self.filters[int(name[6])], name[8:].lstrip(">-")) if name.startswith("Filter") else None

    def read(self, offset: int, size: int) -> int:
        found = self._filter_cell(offset)
        if found is None:
            return super().read(offset, size)
        return found[0].read(found[1]) >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        found = self._filter_cell(offset)
        if found is not None:
            if size != 4:
                raise NotModelled("DFSDM1 takes words only")
            found[0].write(found[1], value)
            return
        name = self._cells.get(offset & ~3, "")
        if name == "Channel0->CHCFGR1":
            old = self.reg[name]
            fixed = bits.DFSDM_CHCFGR1_CKOUTDIV | bits.DFSDM_CHCFGR1_CKOUTSRC
            if old & value & bits.DFSDM_CHCFGR1_DFSDMEN and (old ^ value) & fixed:
                raise NotModelled("DFSDM1: CKOUT changes while DFSDMEN is set")
        super().write(offset, size, value)
