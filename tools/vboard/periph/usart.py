"""USART and UART: bytes take their time on the line in both directions, errors included.

The host side is a queue of bytes that arrive at 115200 baud whatever the firmware has set; a divider that
is off by more than 3 % garbles them and raises framing errors.
"""

from __future__ import annotations

from collections import deque

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import IRQ, bits, field

HOST_BAUD = 115_200
HOST_BYTE = 10 * TICK_HZ // HOST_BAUD
ISR_RESET = bits.USART_ISR_TXE | bits.USART_ISR_TC
ICR = {
    bits.USART_ICR_PECF: bits.USART_ISR_PE, bits.USART_ICR_FECF: bits.USART_ISR_FE,
    bits.USART_ICR_NCF: bits.USART_ISR_NE, bits.USART_ICR_ORECF: bits.USART_ISR_ORE,
    bits.USART_ICR_IDLECF: bits.USART_ISR_IDLE, bits.USART_ICR_TCCF: bits.USART_ISR_TC,
    bits.USART_ICR_RTOCF: bits.USART_ISR_RTOF, bits.USART_ICR_CMCF: bits.USART_ISR_CMF,
}  # fmt: skip
FRAME_BITS = bits.USART_CR1_M | bits.USART_CR1_OVER8 | bits.USART_CR1_PCE


class Usart(Peripheral):
    """`output` receives what is sent, as (tick, byte); `feed` queues bytes for the receive line."""

    FAMILY = "USART"
    RESET = {"ISR": 0x0200_0000 | ISR_RESET}
    SUPPORTED = {"CR3": bits.USART_CR3_EIE | bits.USART_CR3_OVRDIS | bits.USART_CR3_ONEBIT | bits.USART_CR3_HDSEL
                 | bits.USART_CR3_RTSE | bits.USART_CR3_CTSE,
                 "CR2": bits.USART_CR2_STOP | bits.USART_CR2_TXINV | bits.USART_CR2_RXINV | bits.USART_CR2_SWAP
                 | bits.USART_CR2_RTOEN}  # fmt: skip

    def __init__(self, board, name: str) -> None:
        self._irq = IRQ[name]
        self._apb = 2 if name in ("USART1", "USART6") else 1
        self.incoming: deque[int] = deque()
        self.output = bytearray()
        self.loopback = False  # a wire from TX to RX, for tests
        self.noise = 0.0  # fault injection: probability that a received byte is disturbed
        self.arrival = None
        self.line_free = 0  # tick at which the receive line's current byte ends
        super().__init__(board, name)

    def reset(self) -> None:
        super().reset()
        self.byte_time: int | None = None  # ticks; None when it must be computed anew
        self.wrong_speed = False
        self.received = 0
        self.tdr: int | None = None
        self.shifting: int | None = None
        self.sent = None
        self.errors_next = 0

    # ---- timing

    def kernel_hz(self) -> int:
        rcc = self._board.rcc
        source = field(rcc.reg["DCKCFGR2"], getattr(bits, f"RCC_DCKCFGR2_{self.name}SEL"))
        return (rcc.pclk_hz(self._apb), rcc.sysclk_hz(), 16_000_000, 32_768)[source]

    def baud(self) -> float:
        brr = self.reg["BRR"]
        if self.reg["CR1"] & bits.USART_CR1_OVER8:
            divider = (brr & 0xFFF0 | (brr & 7) << 1) / 2
        else:
            divider = brr
        return self.kernel_hz() / divider if divider >= 16 or (divider and self.reg["CR1"] & bits.USART_CR1_OVER8) else 0.0

    def _frame_bits(self) -> int:
        m = self.reg["CR1"] & bits.USART_CR1_M
        data = 7 if m == 1 << 28 else 9 if m else 8
        return 1 + data + (2 if field(self.reg["CR2"], bits.USART_CR2_STOP) >= 2 else 1)

    def byte_ticks(self) -> int:
        if self.byte_time is None:
            self.byte_time = self._byte_ticks()
            self.wrong_speed = self._host_side() and abs(self.baud() / HOST_BAUD - 1) > 0.03
        return self.byte_time

    def clocks_changed(self) -> None:
        self.byte_time = None

    def write_BRR(self, value: int) -> None:
        self.reg["BRR"] = value
        self.byte_time = None

    def write_CR2(self, value: int) -> None:
        self.reg["CR2"] = value
        self.byte_time = None

    def _byte_ticks(self) -> int:
        baud = self.baud()
        if not baud:
            raise NotModelled(f"{self.name}->BRR = {self.reg['BRR']:#x}: a divider below 16")
        return int(self._frame_bits() * TICK_HZ / baud)

    def _garbled(self) -> bool:
        """The host's speed and ours differ too much to understand each other."""
        self.byte_ticks()
        return self.wrong_speed

    def _host_side(self) -> bool:
        return self.name == "USART1"

    # ---- interrupt line

    def _update(self) -> None:
        isr, cr1, cr3 = self.reg["ISR"], self.reg["CR1"], self.reg["CR3"]
        high = (
            (isr & bits.USART_ISR_TXE and cr1 & bits.USART_CR1_TXEIE)
            or (isr & bits.USART_ISR_TC and cr1 & bits.USART_CR1_TCIE)
            or (isr & (bits.USART_ISR_RXNE | bits.USART_ISR_ORE) and cr1 & bits.USART_CR1_RXNEIE)
            or (isr & bits.USART_ISR_IDLE and cr1 & bits.USART_CR1_IDLEIE)
            or (isr & bits.USART_ISR_PE and cr1 & bits.USART_CR1_PEIE)
            or (isr & bits.USART_ISR_RTOF and cr1 & bits.USART_CR1_RTOIE)
            or (isr & (bits.USART_ISR_FE | bits.USART_ISR_NE | bits.USART_ISR_ORE) and cr3 & bits.USART_CR3_EIE)
        )
        self._board.nvic.line(self._irq, bool(high))

    # ---- registers

    def write_CR1(self, value: int) -> None:
        if (value ^ self.reg["CR1"]) & FRAME_BITS:
            self.byte_time = None
        self.reg["CR1"] = value
        enabled = value & bits.USART_CR1_UE
        acks = bits.USART_ISR_TEACK | bits.USART_ISR_REACK
        self.reg["ISR"] &= ~acks
        if enabled and value & bits.USART_CR1_TE:
            self.reg["ISR"] |= bits.USART_ISR_TEACK
        if enabled and value & bits.USART_CR1_RE:
            self.reg["ISR"] |= bits.USART_ISR_REACK
            self._listen()
        if not enabled:
            self._board.events.cancel(self.sent)
            self.tdr = self.shifting = self.sent = None
            self.reg["ISR"] = self.reg["ISR"] & acks | 0x0200_0000 | ISR_RESET
        self._update()

    def write_CR3(self, value: int) -> None:
        self.reg["CR3"] = value
        self._update()

    def write_ISR(self, _value: int) -> None:
        """Read-only; hardware ignores it."""

    def write_ICR(self, value: int) -> None:
        for clear, flag in ICR.items():
            if value & clear:
                self.reg["ISR"] &= ~flag
        self._update()

    def write_RQR(self, value: int) -> None:
        if value & bits.USART_RQR_RXFRQ:
            self.reg["ISR"] &= ~bits.USART_ISR_RXNE
        if value & bits.USART_RQR_TXFRQ:
            self.tdr = None
            self.reg["ISR"] |= bits.USART_ISR_TXE
        self._update()

    def read_RDR(self) -> int:
        self.reg["ISR"] &= ~bits.USART_ISR_RXNE
        self._update()
        return self.received

    def _merge(self, name: str, shift: int, size: int, value: int) -> int:
        return value if name == "TDR" else super()._merge(name, shift, size, value)

    def write_TDR(self, value: int) -> None:
        if not self.reg["CR1"] & bits.USART_CR1_UE or not self.reg["CR1"] & bits.USART_CR1_TE:
            raise NotModelled(f"{self.name}->TDR = {value:#x} with the transmitter off")
        self.reg["ISR"] &= ~bits.USART_ISR_TC
        if self.shifting is None:
            self._shift(value & 0x1FF)
        else:
            self.tdr = value & 0x1FF
            self.reg["ISR"] &= ~bits.USART_ISR_TXE
        self._update()

    # ---- the wire

    def _shift(self, value: int) -> None:
        self.shifting = value
        self.sent = self._board.events.at(self._board.now_ticks() + self.byte_ticks(), self._byte_sent)

    def _byte_sent(self, _arg) -> None:
        byte = self.shifting & 0xFF
        self.output.append(byte ^ 0x55 if self._garbled() else byte)
        if self.loopback:
            self.feed(bytes([byte]))
        self.shifting = self.sent = None
        if self.tdr is not None:
            value, self.tdr = self.tdr, None
            self.reg["ISR"] |= bits.USART_ISR_TXE
            self._shift(value)
        else:
            self.reg["ISR"] |= bits.USART_ISR_TC
        self._update()

    def feed(self, data: bytes) -> None:
        """Bytes from the other end of the line."""
        self.incoming.extend(data)
        self._listen()

    def _line_ticks(self) -> int:
        return HOST_BYTE if self._host_side() else self.byte_ticks()

    def _listen(self) -> None:
        """The next byte is on the line as soon as the one before has ended, whether or not anybody listens."""
        if self.arrival is None and self.incoming and self.reg["CR1"] & bits.USART_CR1_RE:
            start = max(self._board.now_ticks(), self.line_free)
            self.arrival = self._board.events.at(start + self._line_ticks(), self._byte_arrived)

    def _byte_arrived(self, _arg) -> None:
        self.arrival = None
        byte = self.incoming.popleft()
        self.line_free = self._board.now_ticks()
        on = bits.USART_CR1_UE | bits.USART_CR1_RE
        if self.reg["CR1"] & on == on and self._board.rcc.is_clocked(self.name):
            self._receive(byte)
        self._listen()
        if not self.incoming:
            self.reg["ISR"] |= bits.USART_ISR_IDLE
            self._update()

    def _receive(self, byte: int) -> None:
        flags = 0
        if self._garbled():
            byte, flags = byte ^ 0x55, bits.USART_ISR_FE
        elif self.noise and self._board.rng_faults.random() < self.noise:
            byte ^= 1 << self._board.rng_faults.randrange(8)
            flags = bits.USART_ISR_NE
        if self.reg["ISR"] & bits.USART_ISR_RXNE and not self.reg["CR3"] & bits.USART_CR3_OVRDIS:
            self.reg["ISR"] |= bits.USART_ISR_ORE
        else:
            self.received = byte
            self.reg["ISR"] |= bits.USART_ISR_RXNE | flags
        self._update()
