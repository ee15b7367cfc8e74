"""DMA controllers: eight streams each; circular, double-buffer, half and full transfer, errors.

Requests come from a source that knows when its samples complete (`DfsdmFilter`). The stream copies in
batches, at the next half or full transfer or when somebody reads its registers; memory between two such
moments is not up to date, which only a program that reads a half under transfer could see.
"""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import BASE, IRQ, REGISTERS, bits, field

FEIF, DMEIF, TEIF, HTIF, TCIF = 1, 4, 8, 16, 32
POSITION = (0, 6, 16, 22)  # of a stream's flags in LISR or HISR
STREAM_FIRST, STREAM_STEP = 0x10, 0x18
ALL_ENABLES = bits.DMA_SxCR_TCIE | bits.DMA_SxCR_HTIE | bits.DMA_SxCR_TEIE
MEMORY_TO_MEMORY = 2


class Stream:
    """One stream's registers and where it stands."""

    def __init__(self, dma: Dma, number: int) -> None:
        self._dma, self._board, self.number = dma, dma._board, number
        self._irq = IRQ[f"{dma.name}_Stream{number}"]
        self.reset()

    def reset(self) -> None:
        self.cr = self.par = self.m0ar = self.m1ar = self.ndtr = self.reload = 0
        self.fcr = 0x21
        self.flags = 0
        self.event = None
        self.source = None

    def position(self) -> int:
        """Items done since the start of the current buffer."""
        return self.reload - self.ndtr

    def update(self) -> None:
        enables = (self.cr & bits.DMA_SxCR_TCIE and self.flags & TCIF) or (
            self.cr & bits.DMA_SxCR_HTIE and self.flags & HTIF
        )
        errors = (self.cr & bits.DMA_SxCR_TEIE and self.flags & TEIF) or (
            self.cr & bits.DMA_SxCR_DMEIE and self.flags & DMEIF
        )
        self._board.nvic.line(self._irq, bool(enables or errors))

    def enable(self, value: int) -> None:
        if not self.ndtr:
            raise NotModelled(f"{self._dma.name} stream {self.number} is enabled with NDTR = 0")
        if self.flags:
            raise NotModelled(f"{self._dma.name} stream {self.number} is enabled with flags {self.flags:#x} still set")
        self.cr = value
        self.reload = self.ndtr
        direction = field(value, bits.DMA_SxCR_DIR)
        if direction == MEMORY_TO_MEMORY:
            self._copy_memory()
            return
        self.source = self._board.dfsdm1.source_at(self.par & ~3)
        wanted = self.source.dma_request(self._dma.name) if self.source else None
        if self.source is None or direction != 0:
            raise NotModelled(f"{self._dma.name} stream {self.number}: no modelled request for PAR {self.par:#010x}")
        channel = field(value, bits.DMA_SxCR_CHSEL)
        if (channel, self.number) not in wanted:
            raise NotModelled(
                f"{self._dma.name} stream {self.number} channel {channel} is not wired to {self.source.name}; {wanted}"
            )
        self.source.attach(self)

    def disable(self) -> None:
        if self.source is not None:
            self.sync()
            self.source.detach()
            self.source = None
        self._board.events.cancel(self.event)
        self.event = None
        self.cr &= ~bits.DMA_SxCR_EN

    def _copy_memory(self) -> None:
        width = 1 << field(self.cr, bits.DMA_SxCR_PSIZE)
        size = self.ndtr * width
        source, target = self._board.cpu.memory.view(self.par, size), self._board.cpu.memory.view(self.m0ar, size)
        if source is None or target is None:
            self.event = self._board.events.at(self._board.now_ticks(), self._done, TEIF)
            return
        target[:] = bytes(source)
        # About two bus cycles an item each way.
        when = self._board.now_ticks() + 4 * self.ndtr * TICK_HZ // self._board.clock.hclk_hz
        self.ndtr = 0
        self.event = self._board.events.at(when, self._done, TCIF | HTIF)

    def _done(self, flags: int) -> None:
        self.event = None
        self.cr &= ~bits.DMA_SxCR_EN
        self.raise_flags(flags)

    def raise_flags(self, flags: int) -> None:
        self.flags |= flags
        self.update()

    # ---- requests from a source

    def schedule(self) -> None:
        """The source's timing is known: wait for its next half or full transfer."""
        self._board.events.cancel(self.event)
        self.event = None
        when = self.source.time_of(self._to_boundary()) if self.source else None
        if when is not None:
            self.event = self._board.events.at(when, self._boundary)

    def _to_boundary(self) -> int:
        half = self.reload // 2
        done = self.position()
        return half - done if done < half else self.reload - done

    def _boundary(self, _arg) -> None:
        self.event = None
        self.sync()
        if self.cr & bits.DMA_SxCR_EN:
            self.schedule()

    def sync(self) -> None:
        """Move every item that the source has completed by now."""
        if self.source is None:
            return
        waiting = self.source.available()
        while waiting and self.cr & bits.DMA_SxCR_EN:
            n = min(waiting, self._to_boundary())
            if not self._store(self.source.take(n)):
                return
            waiting -= n
            self.ndtr -= n
            if self.ndtr == 0:
                self._full()
            elif self.position() == self.reload // 2:
                self.raise_flags(HTIF)

    def _full(self) -> None:
        if self.cr & bits.DMA_SxCR_DBM:
            self.cr ^= bits.DMA_SxCR_CT
        if self.cr & (bits.DMA_SxCR_CIRC | bits.DMA_SxCR_DBM):
            self.ndtr = self.reload
        else:
            self.cr &= ~bits.DMA_SxCR_EN
            self.source.detach()
            self.source = None
        self.raise_flags(TCIF)

    def _store(self, words) -> bool:
        """Words of the peripheral's register go to memory at the current position."""
        width = 1 << field(self.cr, bits.DMA_SxCR_PSIZE)
        second = self.cr & bits.DMA_SxCR_DBM and self.cr & bits.DMA_SxCR_CT
        base = self.m1ar if second else self.m0ar
        step = width if self.cr & bits.DMA_SxCR_MINC else 0
        items = (words >> 8 * (self.par & 3)).astype(f"<u{width}")
        if not step:
            items = items[-1:]
        target = self._board.cpu.memory.view(base + step * self.position(), items.nbytes)
        # The DMA has no port to the DTCM's instruction side, and ITCM and flash take no writes from it.
        if target is None or base < 0x2000_0000:
            self.error()
            return False
        target[:] = items.tobytes()
        return True

    def error(self) -> None:
        """Transfer error: the stream stops."""
        if self.source is not None:
            self.source.detach()
            self.source = None
        self._board.events.cancel(self.event)
        self.event = None
        self.cr &= ~bits.DMA_SxCR_EN
        self.raise_flags(TEIF)


class Dma(Peripheral):
    FAMILY = "DMA"

    def __init__(self, board, name: str) -> None:
        self._board, self.name = board, name
        self.streams = [Stream(self, i) for i in range(8)]
        super().__init__(board, name)

    def _layout(self) -> dict[int, str]:
        cells = super()._layout()
        for i in range(8):
            base = BASE[f"{self.name}_Stream{i}"] - BASE[self.name]
            for name, offset in REGISTERS["DMA_Stream"].items():
                cells[base + offset] = f"S{i}{name}"
        return cells

    def reset(self) -> None:
        super().reset()
        for stream in self.streams:
            stream.reset()

    def _split(self, offset: int) -> tuple[Stream, str] | None:
        name = self._cells.get(offset & ~3, "")
        return (self.streams[int(name[1])], name[2:].lower()) if name[:1] == "S" else None

    def read(self, offset: int, size: int) -> int:
        found = self._split(offset)
        if found is None:
            return super().read(offset, size)
        stream, name = found
        if name in ("ndtr", "cr"):
            stream.sync()
        return getattr(stream, name) >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        found = self._split(offset)
        if found is None:
            super().write(offset, size, value)
            return
        stream, name = found
        if size != 4:
            raise NotModelled(f"{self.name} takes words only")
        on = stream.cr & bits.DMA_SxCR_EN
        if name == "cr":
            if value & bits.DMA_SxCR_EN and not on:
                stream.enable(value)
            elif not value & bits.DMA_SxCR_EN and on:
                stream.disable()
                stream.cr = value
            elif on and (value ^ stream.cr) & ~ALL_ENABLES:
                raise NotModelled(f"{self.name} stream {stream.number}: CR changes while the stream runs")
            else:
                stream.cr = value
            stream.update()
        elif on and not (name in ("m0ar", "m1ar") and stream.cr & bits.DMA_SxCR_DBM):
            raise NotModelled(f"{self.name} stream {stream.number}: {name.upper()} changes while the stream runs")
        else:
            setattr(stream, name, value & 0xFFFF if name == "ndtr" else value)

    def _status(self, first: int) -> int:
        return sum(self.streams[first + i].flags << POSITION[i] for i in range(4))

    def read_LISR(self) -> int:
        return self._status(0)

    def read_HISR(self) -> int:
        return self._status(4)

    def _clear(self, first: int, value: int) -> None:
        for i in range(4):
            stream = self.streams[first + i]
            stream.flags &= ~(value >> POSITION[i] & 0x3D)
            stream.update()

    def write_LIFCR(self, value: int) -> None:
        self._clear(0, value)

    def write_HIFCR(self, value: int) -> None:
        self._clear(4, value)
