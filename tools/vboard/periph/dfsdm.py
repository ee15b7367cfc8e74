"""DFSDM1: channels (clock, pins, shift, offset) and filters (order, oversampling), fed behind the filter.

No PDM bits are made. A filter's output is what the microphone hears, times the filter's gain
(oversampling^order, times the integrator), shifted right, saturated to 24 bits; its rate follows from the
clock, so a wrong divider, order, oversampling or shift can be heard.
"""

from __future__ import annotations

import numpy as np

from ..bus import Peripheral
from ..errors import ClockTreeError, NotModelled
from ..events import TICK_HZ
from ..regs import BASE, IRQ, REGISTERS, bits, field

CHANNELS, FILTERS = 8, 4
MIC_CLOCK_HZ = (1_000_000, 3_250_000)  # the MEMS microphones' range
# What is soldered: (data line, takes the falling edge) -> microphone: top left, top right, bottom left, bottom right.
MICS = {(1, 0): 0, (1, 1): 1, (5, 0): 2, (5, 1): 3}
DATA_PINS = {1: ("GPIOC", 3), 5: ("GPIOC", 11)}
CLOCK_PIN = ("GPIOD", 3)
ALTERNATE_DFSDM = 3
DMA_CHANNEL = 8
INTERRUPTS = bits.DFSDM_FLTCR2_REOCIE | bits.DFSDM_FLTCR2_ROVRIE
UNSUPPORTED = (bits.DFSDM_FLTCR1_AWFSEL | bits.DFSDM_FLTCR1_JEXTEN | bits.DFSDM_FLTCR1_JDMAEN
               | bits.DFSDM_FLTCR1_JSCAN | bits.DFSDM_FLTCR1_JSYNC | bits.DFSDM_FLTCR1_JSWSTART)  # fmt: skip


class Filter:
    """One filter's registers and its conversions. Sample k completes at `start + (k + 1) * period`."""

    def __init__(self, dfsdm: Dfsdm, number: int) -> None:
        self._dfsdm, self._board, self.number = dfsdm, dfsdm._board, number
        self.name = f"DFSDM1_Filter{number}"
        self.reset()

    def reset(self) -> None:
        self.reg = dict.fromkeys(REGISTERS["DFSDM_Filter"], 0)
        self.start: int | None = None
        self.taken = 0  # samples that went to the DMA or to RDATAR
        self.lose = 0  # fault injection: samples that the DMA will be too late for
        self.stream = None
        self.event = None
        self.clipped = 0

    # ---- timing and values

    def _setup(self) -> tuple[int, int, int]:
        fcr = self.reg["FLTFCR"]
        return (field(fcr, bits.DFSDM_FLTFCR_FORD), field(fcr, bits.DFSDM_FLTFCR_FOSR) + 1,
                field(fcr, bits.DFSDM_FLTFCR_IOSR) + 1)  # fmt: skip

    def period(self) -> int | float:
        """Ticks between samples."""
        order, oversampling, integrator = self._setup()
        if self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_FAST:
            clocks = oversampling * integrator
        elif order == 0:
            clocks = oversampling * (integrator - 1 + 4) + 2
        else:  # the filter is refilled for every sample
            clocks = oversampling * (integrator - 1 + order) + order + 1
        ticks = clocks * TICK_HZ / self._dfsdm.clock_hz()
        return int(ticks) if ticks == int(ticks) else ticks

    def gain(self) -> int:
        order, oversampling, integrator = self._setup()
        return (2 * oversampling**2 if order == 0 else oversampling**order) * integrator

    def channel(self) -> int:
        return field(self.reg["FLTCR1"], bits.DFSDM_FLTCR1_RCH)

    def _completed(self) -> int:
        if self.start is None:
            return 0
        n = int((self._board.now_ticks() - self.start) / self.period_now)
        return n if self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_RCONT else min(n, 1)

    def available(self) -> int:
        """Samples that wait for the DMA."""
        n = max(self._completed() - self.taken, 0)
        if n and self.lose:
            lost = min(n, self.lose)
            self.lose -= lost
            self.taken += lost
            n -= lost
            self.reg["FLTISR"] |= bits.DFSDM_FLTISR_ROVRF
            self.update()
        return n

    def time_of(self, n: int) -> int | None:
        """Tick at which the n-th sample from now on is there."""
        if self.start is None:
            return None
        index = self.taken + self.lose + n
        when = self.start + self.period_now * index
        return int(when) + (when != int(when))

    def take(self, n: int) -> np.ndarray:
        """The next n values of RDATAR, uint32."""
        words = self._words(self.taken, n)
        self.taken += n
        return words

    def _words(self, first: int, n: int) -> np.ndarray:
        period = self.period_now
        channel = self.channel()
        heard = self._dfsdm.heard(channel, int(self.start + first * period), period, n)
        # The filter's registers are 32 bits wide and wrap; what comes out is shifted, offset and cut to 24 bits.
        raw = np.rint(heard * self.gain()).astype(np.int64)
        raw = (raw + (1 << 31)) % (1 << 32) - (1 << 31)
        shift = field(self._dfsdm.channel_reg(channel, "CHCFGR2"), bits.DFSDM_CHCFGR2_DTRBS)
        offset = self._dfsdm.channel_reg(channel, "CHCFGR2") >> 8
        offset -= 1 << 24 if offset >> 23 else 0
        value = (raw + (1 << shift >> 1) >> shift) - offset
        limited = np.clip(value, -(1 << 23), (1 << 23) - 1)
        self.clipped += int(np.count_nonzero(limited != value))
        return ((limited << 8) & 0xFFFF_FF00 | channel).astype(np.uint32)

    # ---- DMA

    def dma_request(self, dma: str) -> list[tuple[int, int]]:
        """(channel, stream) pairs to which this filter is wired."""
        return [(DMA_CHANNEL, self.number), (DMA_CHANNEL, self.number + 4)] if dma == "DMA2" else []

    def attach(self, stream) -> None:
        self.stream = stream
        if self.start is not None:
            self.taken = max(self.taken, self._completed() - 1)
            stream.schedule()

    def detach(self) -> None:
        self.stream = None

    # ---- conversions

    def begin(self, when: int) -> None:
        """A regular conversion starts."""
        d = self._dfsdm
        if not self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_DFEN or not d.channel_reg(0, "CHCFGR1") & bits.DFSDM_CHCFGR1_DFSDMEN:
            raise NotModelled(f"{self.name} is started with DFEN or DFSDMEN clear")
        if not d.channel_reg(self.channel(), "CHCFGR1") & bits.DFSDM_CHCFGR1_CHEN:
            raise NotModelled(f"{self.name} is started on channel {self.channel()}, which is off")
        self.period_now = self.period()
        self.start, self.taken = when, 0
        if self._board.sound.start is None:
            self._board.sound.start = when
        if self.stream is not None and self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_RDMAEN:
            self.stream.schedule()
        else:
            self.event = self._board.events.at(self.time_of(1), self._end_of_conversion)

    def stop(self) -> None:
        self._board.events.cancel(self.event)
        self.event = None
        if self.stream is not None:
            self.stream.sync()
        self.start = None
        if self.stream is not None:
            self.stream.schedule()

    def _end_of_conversion(self, _arg) -> None:
        """Without DMA every sample is an event; one that nobody fetched is overrun."""
        self.event = None
        if self.stream is not None:
            self.stream.schedule()
            return
        flags = bits.DFSDM_FLTISR_REOCF
        if self.reg["FLTISR"] & flags:
            flags |= bits.DFSDM_FLTISR_ROVRF
        else:
            self.reg["FLTRDATAR"] = int(self.take(1)[0])
            self.taken -= 1
        self.taken += 1
        self.reg["FLTISR"] |= flags
        if self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_RCONT:
            self.event = self._board.events.at(self.time_of(1), self._end_of_conversion)
        else:
            self.start = None
        self.update()

    def update(self) -> None:
        asked = self.reg["FLTISR"] & self.reg["FLTCR2"]  # REOC and ROVR have the same places in both
        self._board.nvic.line(IRQ[f"DFSDM1_FLT{self.number}"], bool(asked & INTERRUPTS))

    # ---- registers

    def read(self, name: str) -> int:
        if name == "FLTISR":
            running = bits.DFSDM_FLTISR_RCIP if self.start is not None else 0
            if self.stream is not None:
                self.available()
            return self.reg["FLTISR"] | running
        if name == "FLTRDATAR":
            self.reg["FLTISR"] &= ~bits.DFSDM_FLTISR_REOCF
            self.update()
        return self.reg[name]

    def write(self, name: str, value: int) -> None:
        if name == "FLTCR1":
            self._write_cr1(value)
        elif name == "FLTICR":
            self.reg["FLTISR"] &= ~(value & bits.DFSDM_FLTICR_CLRROVRF)
            self.update()
        elif name == "FLTCR2":
            if value & ~INTERRUPTS:
                raise NotModelled(f"{self.name}->FLTCR2 = {value:#x}: only REOCIE and ROVRIE")
            self.reg[name] = value
            self.update()
        elif name == "FLTFCR":
            if self.reg["FLTCR1"] & bits.DFSDM_FLTCR1_DFEN:
                raise NotModelled(f"{self.name}->FLTFCR changes while the filter is on")
            self.reg[name] = value
        elif name in ("FLTISR", "FLTRDATAR", "FLTJDATAR"):
            return
        elif value:
            raise NotModelled(f"{self.name}->{name} = {value:#x}")

    def _write_cr1(self, value: int) -> None:
        if value & UNSUPPORTED:
            raise NotModelled(f"{self.name}->FLTCR1 = {value:#x}: injected conversions")
        start = value & bits.DFSDM_FLTCR1_RSWSTART
        self.reg["FLTCR1"] = value & ~start
        if not value & bits.DFSDM_FLTCR1_DFEN:
            self.stop()
            self.reg["FLTISR"] = 0
            self.update()
        elif start:
            now = self._board.now_ticks()
            self.begin(now)
            if self.number == 0:
                for other in self._dfsdm.filters[1:]:
                    both = bits.DFSDM_FLTCR1_RSYNC | bits.DFSDM_FLTCR1_DFEN
                    if other.reg["FLTCR1"] & both == both:
                        other.begin(now)


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
