"""A DFSDM filter: its registers, when its samples complete and what they are. See dfsdm.py."""

from __future__ import annotations

import numpy as np

from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import IRQ, REGISTERS, bits, field

DMA_CHANNEL = 8
INTERRUPTS = bits.DFSDM_FLTCR2_REOCIE | bits.DFSDM_FLTCR2_ROVRIE
UNSUPPORTED = (bits.DFSDM_FLTCR1_AWFSEL | bits.DFSDM_FLTCR1_JEXTEN | bits.DFSDM_FLTCR1_JDMAEN
               | bits.DFSDM_FLTCR1_JSCAN | bits.DFSDM_FLTCR1_JSYNC | bits.DFSDM_FLTCR1_JSWSTART)  # fmt: skip


class Filter:
    """One filter's registers and its conversions. Sample k completes at `start + (k + 1) * period`."""

    def __init__(self, dfsdm, number: int) -> None:
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
        if not value & bits.DFSDM_FLTCR1_DFEN:
            self.stop()  # while the register still names the channel whose last samples the DMA takes
        self.reg["FLTCR1"] = value & ~start
        if not value & bits.DFSDM_FLTCR1_DFEN:
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
