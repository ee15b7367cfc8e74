"""I2C master: an empty bus answers NACK; a test attaches devices by address.

A device is any object with `write(data: bytes) -> None` and `read(n: int) -> bytes`; with `accepts(count: int) -> bool`
it may refuse the byte after `count` others. The lines must be routed as open drain, or the run stops.
"""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import TICK_HZ
from ..regs import IRQ, bits, field

CLEARS = {bits.I2C_ICR_NACKCF: bits.I2C_ISR_NACKF, bits.I2C_ICR_STOPCF: bits.I2C_ISR_STOPF,
          bits.I2C_ICR_BERRCF: bits.I2C_ISR_BERR, bits.I2C_ICR_ARLOCF: bits.I2C_ISR_ARLO}  # fmt: skip
EVENTS = (
    (bits.I2C_ISR_TXIS, bits.I2C_CR1_TXIE), (bits.I2C_ISR_RXNE, bits.I2C_CR1_RXIE),
    (bits.I2C_ISR_NACKF, bits.I2C_CR1_NACKIE), (bits.I2C_ISR_STOPF, bits.I2C_CR1_STOPIE),
    (bits.I2C_ISR_TC | bits.I2C_ISR_TCR, bits.I2C_CR1_TCIE),
)  # fmt: skip


# Where this board wires a controller's clock and data lines: (port, pin, alternate function).
LINES = {"I2C1": (("GPIOB", 8, 4), ("GPIOB", 9, 4)), "I2C4": (("GPIOD", 12, 4), ("GPIOB", 7, 11))}


class I2c(Peripheral):
    FAMILY = "I2C"
    RESET = {"ISR": bits.I2C_ISR_TXE}

    def __init__(self, board, name: str) -> None:
        self.devices: dict[int, object] = {}
        self.stretch = False  # fault injection: a device holds the clock line down for ever
        self.lose_arbitration = False  # fault injection: another master wins the next address
        super().__init__(board, name)

    def reset(self) -> None:
        super().reset()
        self.reg["ISR"] = bits.I2C_ISR_TXE
        self.target = None  # the device that is being talked to
        self.reading = False
        self.left = 0  # bytes until NBYTES is used up
        self.out = bytearray()
        self.event = None

    def attach(self, address: int, device) -> None:
        """Put a device on the bus."""
        self.devices[address] = device

    def _byte_ticks(self) -> int:
        t = self.reg["TIMINGR"]
        presc = field(t, bits.I2C_TIMINGR_PRESC) + 1
        clocks = presc * (field(t, bits.I2C_TIMINGR_SCLL) + field(t, bits.I2C_TIMINGR_SCLH) + 2) + 8
        source = field(self._board.rcc.reg["DCKCFGR2"], getattr(bits, f"RCC_DCKCFGR2_{self.name}SEL"))
        hz = (self._board.rcc.pclk_hz(1), self._board.rcc.sysclk_hz(), 16_000_000, 0)[source]
        if not hz:
            raise NotModelled(f"RCC->DCKCFGR2 selects no clock for {self.name}")
        return 9 * clocks * TICK_HZ // hz

    def _line(self) -> None:
        isr, cr1 = self.reg["ISR"], self.reg["CR1"]
        self._board.nvic.line(IRQ[f"{self.name}_EV"], any(isr & flag and cr1 & enable for flag, enable in EVENTS))
        errors = isr & (bits.I2C_ISR_BERR | bits.I2C_ISR_ARLO | bits.I2C_ISR_OVR)
        self._board.nvic.line(IRQ[f"{self.name}_ER"], bool(errors and cr1 & bits.I2C_CR1_ERRIE))

    def _check_lines(self) -> None:
        for port, pin, alternate in LINES.get(self.name, ()):
            gpio = self._board.parts[port]
            if gpio.mode(pin) != 2 or gpio.alternate(pin) != alternate or not gpio.reg["OTYPER"] >> pin & 1:
                raise NotModelled(f"{self.name}: {port} pin {pin} is not routed to it as open drain, alternate function {alternate}")

    def _later(self, method, arg=None) -> None:
        if self.stretch:
            return
        self.event = self._board.events.at(self._board.now_ticks() + self._byte_ticks(), method, arg)

    def _set(self, flags: int) -> None:
        self.reg["ISR"] |= flags
        self._line()

    # ---- registers

    def write_CR1(self, value: int) -> None:
        self.reg["CR1"] = value
        if not value & bits.I2C_CR1_PE:
            self._board.events.cancel(self.event)
            self.event = self.target = None
            self.out.clear()
            self.reg["ISR"] = bits.I2C_ISR_TXE
        self._line()

    def write_CR2(self, value: int) -> None:
        if value & bits.I2C_CR2_ADD10:
            raise NotModelled(f"{self.name}->CR2 = {value:#x}: 10-bit addresses")
        reload_was = self.reg["ISR"] & bits.I2C_ISR_TCR
        self.reg["CR2"] = value & ~(bits.I2C_CR2_START | bits.I2C_CR2_STOP)
        if value & bits.I2C_CR2_START:
            if not self.reg["CR1"] & bits.I2C_CR1_PE:
                raise NotModelled(f"{self.name}->CR2: START with the peripheral off")
            self._check_lines()
            self._flush()
            self.reading = bool(value & bits.I2C_CR2_RD_WRN)
            self.left = field(value, bits.I2C_CR2_NBYTES)
            self.reg["ISR"] &= ~(bits.I2C_ISR_TC | bits.I2C_ISR_TCR)
            self.reg["ISR"] |= bits.I2C_ISR_BUSY
            self._later(self._addressed)
        elif value & bits.I2C_CR2_STOP:
            self._later(self._stopped)
        elif reload_was and field(value, bits.I2C_CR2_NBYTES):
            self.left = field(value, bits.I2C_CR2_NBYTES)
            self.reg["ISR"] &= ~bits.I2C_ISR_TCR
            self._next()
        self._line()

    def _addressed(self, _arg) -> None:
        self.event = None
        if self.lose_arbitration:
            self.lose_arbitration = False
            self.reg["ISR"] &= ~bits.I2C_ISR_BUSY
            self._set(bits.I2C_ISR_ARLO)
            return
        self.target = self.devices.get(self.reg["CR2"] >> 1 & 0x7F)
        if self.target is None:
            self._refused()
        else:
            self._next()

    def _refused(self) -> None:
        """After a NACK the master sends a stop by itself, AUTOEND or not."""
        self._set(bits.I2C_ISR_NACKF)
        self._later(self._stopped)

    def _next(self) -> None:
        """Ask for the next byte, or end the chunk."""
        if self.left == 0:
            if self.reg["CR2"] & bits.I2C_CR2_RELOAD:
                self._set(bits.I2C_ISR_TCR)
            elif self.reg["CR2"] & bits.I2C_CR2_AUTOEND:
                self._later(self._stopped)
            else:
                self._set(bits.I2C_ISR_TC)
        elif self.reading:
            self._later(self._received)
        else:
            self._set(bits.I2C_ISR_TXIS | bits.I2C_ISR_TXE)

    def _received(self, _arg) -> None:
        self.event = None
        self.reg["RXDR"] = (self.target.read(1) or b"\xff")[0]
        self._set(bits.I2C_ISR_RXNE)

    def read_RXDR(self) -> int:
        if self.reg["ISR"] & bits.I2C_ISR_RXNE:
            self.reg["ISR"] &= ~bits.I2C_ISR_RXNE
            self.left -= 1
            self._next()
            self._line()
        return self.reg["RXDR"]

    def write_TXDR(self, value: int) -> None:
        if self.reg["ISR"] & bits.I2C_ISR_TXIS:
            self.reg["ISR"] &= ~(bits.I2C_ISR_TXIS | bits.I2C_ISR_TXE)
            self.out.append(value & 0xFF)
            self.left -= 1
            self._later(self._sent)
            self._line()

    def _sent(self, _arg) -> None:
        self.event = None
        self.reg["ISR"] |= bits.I2C_ISR_TXE
        accepts = getattr(self.target, "accepts", None)
        if accepts is not None and not accepts(len(self.out) - 1):
            self.out.pop()
            self._refused()
        else:
            self._next()

    def _flush(self) -> None:
        if self.out and self.target is not None:
            self.target.write(bytes(self.out))
        self.out.clear()

    def _stopped(self, _arg) -> None:
        self.event = None
        if self.target is not None and not self.reading:
            self.target.write(bytes(self.out))
            self.out.clear()
        self.target = None
        self.reg["ISR"] &= ~(bits.I2C_ISR_BUSY | bits.I2C_ISR_TC)
        self._set(bits.I2C_ISR_STOPF)

    def write_ISR(self, value: int) -> None:
        if value & bits.I2C_ISR_TXE:
            self.reg["ISR"] = (self.reg["ISR"] | bits.I2C_ISR_TXE) & ~bits.I2C_ISR_TXIS
            self._line()

    def write_ICR(self, value: int) -> None:
        for clear, flag in CLEARS.items():
            if value & clear:
                self.reg["ISR"] &= ~flag
        self._line()
