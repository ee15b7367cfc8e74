"""QUADSPI: indirect reads and writes through the FIFO, status polling, memory-mapped mode.

A command takes the time that its cycles take on the bus; then its data is in the FIFO at once.
"""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import IRQ, REGISTERS, bits, field
from .nor import Nor
from .window import Window

FIFO = 32
WRITE, READ, POLL, MAPPED = range(4)
DR = REGISTERS["QUADSPI"]["DR"]
LINES = (0, 1, 2, 4)
INTERRUPTS = bits.QUADSPI_CR_TEIE | bits.QUADSPI_CR_TCIE | bits.QUADSPI_CR_FTIE | bits.QUADSPI_CR_SMIE


class QuadSpi(Peripheral):
    FAMILY = "QUADSPI"

    def __init__(self, board, nor: Nor) -> None:
        self._nor = nor
        self._window = Window(board.cpu.uc, nor)
        super().__init__(board, "QUADSPI")

    def reset(self) -> None:
        super().reset()
        self.fifo = bytearray()
        self.remaining = 0  # bytes of the command that have not passed the FIFO yet
        self.pending_write: bytearray | None = None
        self.started = False
        self.event = None
        self.done_at = 0
        self.busy = False
        self._window.close()

    # ---- timing

    def _cycles(self, data_bytes: int) -> int:
        ccr = self.reg["CCR"]
        cycles = 8 // (LINES[field(ccr, bits.QUADSPI_CCR_IMODE)] or 8)
        if field(ccr, bits.QUADSPI_CCR_ADMODE):
            cycles += 8 * (field(ccr, bits.QUADSPI_CCR_ADSIZE) + 1) // LINES[field(ccr, bits.QUADSPI_CCR_ADMODE)]
        cycles += field(ccr, bits.QUADSPI_CCR_DCYC)
        lines = LINES[field(ccr, bits.QUADSPI_CCR_DMODE)]
        return cycles + (8 * data_bytes // lines if lines else 0)

    def _after(self, cycles: int, method, arg=None) -> list:
        """Do something after that many clocks of the chip. Without interrupts nobody can see it before the next
        access to this controller, so no slice of the core need end for it: see `catch_up`.
        """
        divider = field(self.reg["CR"], bits.QUADSPI_CR_PRESCALER) + 1
        when = max(self._board.now_ticks(), self.done_at) + cycles * divider * TICK_HZ // self._board.clock.hclk_hz
        if self.reg["CR"] & INTERRUPTS:
            return self._board.events.at(when, method, arg)
        return [when, 0, method, arg]

    def next_time(self) -> int | None:
        """Tick at which `catch_up` will have something to do."""
        return self.event[0] if self.event is not None else None

    def catch_up(self) -> None:
        """Finish what is due by now and was not worth an event of its own."""
        while self.event is not None and self.event[1] == 0 and self.event[0] <= self._board.now_ticks():
            when, _, method, arg = self.event
            self.event = None
            self.done_at = when
            method(arg)

    # ---- registers

    def read_SR(self) -> int:
        sr = self.reg["SR"] | len(self.fifo) << 8 | (bits.QUADSPI_SR_BUSY if self.busy else 0)
        threshold = field(self.reg["CR"], bits.QUADSPI_CR_FTHRES) + 1
        mode = field(self.reg["CCR"], bits.QUADSPI_CCR_FMODE)
        if mode == WRITE:
            ready = self.busy and FIFO - len(self.fifo) >= threshold
        else:
            ready = len(self.fifo) >= threshold or (self.fifo and not self.remaining)
        return sr | (bits.QUADSPI_SR_FTF if ready else 0)

    def _update(self) -> None:
        if not self.reg["CR"] & INTERRUPTS:
            self._board.nvic.line(IRQ["QUADSPI"], False)
            return
        cr, sr = self.reg["CR"], self.read_SR()
        high = (
            (cr & bits.QUADSPI_CR_TCIE and sr & bits.QUADSPI_SR_TCF)
            or (cr & bits.QUADSPI_CR_TEIE and sr & bits.QUADSPI_SR_TEF)
            or (cr & bits.QUADSPI_CR_FTIE and sr & bits.QUADSPI_SR_FTF)
            or (cr & bits.QUADSPI_CR_SMIE and sr & bits.QUADSPI_SR_SMF)
        )
        self._board.nvic.line(IRQ["QUADSPI"], bool(high))

    def write_CR(self, value: int) -> None:
        if value & (bits.QUADSPI_CR_DMAEN | bits.QUADSPI_CR_DFM | bits.QUADSPI_CR_FSEL | bits.QUADSPI_CR_TCEN):
            raise NotModelled(f"QUADSPI->CR = {value:#x}: DMA, dual flash, second flash or time-out")
        self.reg["CR"] = value & ~bits.QUADSPI_CR_ABORT
        if value & bits.QUADSPI_CR_ABORT:
            self._board.events.cancel(self.event)
            self._window.close()
            self.fifo.clear()
            self.busy, self.remaining, self.pending_write = False, 0, None
            self.reg["SR"] |= bits.QUADSPI_SR_TCF
        self._update()

    def write_SR(self, _value: int) -> None:
        """Read-only; hardware ignores it."""

    def write_FCR(self, value: int) -> None:
        self.reg["SR"] &= ~(value & 0x1B)
        self._update()

    def _need_idle(self, name: str) -> None:
        if self.busy:
            raise NotModelled(f"QUADSPI->{name} is written while the controller is busy")

    def write_DLR(self, value: int) -> None:
        self._need_idle("DLR")
        self.reg["DLR"] = value

    def write_DCR(self, value: int) -> None:
        self._need_idle("DCR")
        self.reg["DCR"] = value

    def write_CCR(self, value: int) -> None:
        if self._window.is_open and field(value, bits.QUADSPI_CCR_FMODE) != MAPPED:
            raise NotModelled("QUADSPI->CCR leaves memory-mapped mode without an abort")
        self._need_idle("CCR")
        if value & (bits.QUADSPI_CCR_DDRM | bits.QUADSPI_CCR_SIOO) or field(value, bits.QUADSPI_CCR_ABMODE):
            raise NotModelled(f"QUADSPI->CCR = {value:#x}: DDR, SIOO or alternate bytes")
        if not self.reg["CR"] & bits.QUADSPI_CR_EN:
            raise NotModelled("QUADSPI->CCR is written with the controller off")
        self.reg["CCR"] = value
        mode = field(value, bits.QUADSPI_CCR_FMODE)
        has_address, has_data = value & bits.QUADSPI_CCR_ADMODE, value & bits.QUADSPI_CCR_DMODE
        if mode == MAPPED:
            self._check_frame()
            self.busy = True
            self._window.open()
        elif not has_address and (mode != WRITE or not has_data):
            self._start()
        elif not has_address:
            self._await_data()

    def write_AR(self, value: int) -> None:
        self._need_idle("AR")
        self.reg["AR"] = value
        ccr = self.reg["CCR"]
        if ccr & bits.QUADSPI_CCR_ADMODE:
            if field(ccr, bits.QUADSPI_CCR_FMODE) == WRITE and ccr & bits.QUADSPI_CCR_DMODE:
                self._await_data()
            else:
                self._start()

    # ---- commands

    def _check_frame(self) -> None:
        ccr = self.reg["CCR"]
        if not ccr & bits.QUADSPI_CCR_ADMODE:
            return
        lines = (LINES[field(ccr, bits.QUADSPI_CCR_ADMODE)], LINES[field(ccr, bits.QUADSPI_CCR_DMODE)])
        address_bytes = field(ccr, bits.QUADSPI_CCR_ADSIZE) + 1
        self._nor.check_address(ccr & 0xFF, address_bytes, lines, field(ccr, bits.QUADSPI_CCR_DCYC))

    def _length(self) -> int:
        if not self.reg["CCR"] & bits.QUADSPI_CCR_DMODE:
            return 0
        if self.reg["DLR"] == 0xFFFF_FFFF:
            raise NotModelled("QUADSPI->DLR = 0xffffffff: transfers of undefined length")
        return self.reg["DLR"] + 1

    def _await_data(self) -> None:
        """An indirect write: the frame begins with its first data."""
        self._check_frame()
        self.busy = True
        self.pending_write = bytearray()
        self.remaining = self._length()
        self._update()

    def _start(self) -> None:
        self._check_frame()
        self.busy = True
        mode = field(self.reg["CCR"], bits.QUADSPI_CCR_FMODE)
        if mode == WRITE:
            self.event = self._after(self._cycles(0), self._write_done, b"")
        elif mode == READ:
            self.remaining = self._length()
            self.address = self.reg["AR"]
            self.event = self._after(self._cycles(min(FIFO, self.remaining)), self._fill)
        else:
            self.event = self._after(self._cycles(self._length()), self._poll)

    def _fill(self, _arg) -> None:
        """The next bytes of a read arrive in the FIFO, as many as there is room for."""
        self.event = None
        n = min(FIFO - len(self.fifo), self.remaining)
        self.fifo += self._nor.transfer_in(self.reg["CCR"] & 0xFF, self.address, n)
        self.address += n
        self.remaining -= n
        if not self.remaining:
            self.reg["SR"] |= bits.QUADSPI_SR_TCF
            # BUSY stays until the FIFO has been emptied, as on the device.
        self._update()

    def _poll(self, _arg) -> None:
        size = self._length()
        raw = self._nor.transfer_in(self.reg["CCR"] & 0xFF, self.reg["AR"], size)
        value = int.from_bytes(raw, "little")
        mask, wanted = self.reg["PSMKR"], self.reg["PSMAR"]
        any_bit = self.reg["CR"] & bits.QUADSPI_CR_PMM
        same = (value ^ wanted) & mask
        if (same != mask) if any_bit else not same:
            self.reg["SR"] |= bits.QUADSPI_SR_SMF
            if self.reg["CR"] & bits.QUADSPI_CR_APMS:
                self.busy = False
                self._update()
                return
        self.event = self._after(self.reg["PIR"] + self._cycles(size), self._poll)
        self._update()

    def _write_done(self, data: bytes) -> None:
        self.busy = False
        self.reg["SR"] |= bits.QUADSPI_SR_TCF
        self.event = None
        self._nor.transfer_out(self.reg["CCR"] & 0xFF, self.reg["AR"], data)
        self._update()

    # ---- the data register takes bytes, halfwords and words

    def read(self, offset: int, size: int) -> int:
        self.catch_up()
        if offset & ~3 != DR:
            return super().read(offset, size)
        if len(self.fifo) < size and self.busy and self.event is not None:
            # The bus waits for the data.
            self._board.stall_until(self.event[0])
            self._board.fire_due()
            self.catch_up()
        value = int.from_bytes(self.fifo[:size].ljust(size, b"\0"), "little")
        del self.fifo[:size]
        if self.remaining and self.event is None:
            self.event = self._after(self._data_cycles(min(FIFO, self.remaining)), self._fill)
        elif not self.remaining and not self.fifo:
            self.busy = False
        self._update()
        return value

    def _data_cycles(self, size: int) -> int:
        return 8 * size // (LINES[field(self.reg["CCR"], bits.QUADSPI_CCR_DMODE)] or 1)

    def write(self, offset: int, size: int, value: int) -> None:
        self.catch_up()
        if offset & ~3 != DR:
            super().write(offset, size, value)
            return
        if self.pending_write is None:
            raise NotModelled("QUADSPI->DR is written with no indirect write under way")
        self.pending_write += value.to_bytes(size, "little")
        if len(self.pending_write) >= self.remaining:
            data = bytes(self.pending_write[: self.remaining])
            self.pending_write = None
            self.remaining = 0
            self.event = self._after(self._cycles(len(data)), self._write_done, data)
        self._update()

    # ---- memory-mapped mode

    def mapped(self) -> bool:
        """Whether the registers say memory-mapped mode."""
        return self.busy and field(self.reg["CCR"], bits.QUADSPI_CCR_FMODE) == MAPPED
