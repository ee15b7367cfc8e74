"""GPIO ports: levels from the core, from pulls, and from outside; edges go to EXTI."""

from __future__ import annotations

from ..bus import Peripheral
from ..errors import NotModelled

INPUT, OUTPUT, ALTERNATE, ANALOG = range(4)
RESETS = {
    "GPIOA": {"MODER": 0xA800_0000, "OSPEEDR": 0x0C00_0000, "PUPDR": 0x6400_0000},
    "GPIOB": {"MODER": 0x0000_0280, "OSPEEDR": 0x0000_00C0, "PUPDR": 0x0000_0100},
}


class Gpio(Peripheral):
    FAMILY = "GPIO"

    def __init__(self, board, name: str) -> None:
        self.outside: dict[int, int] = {}  # pin -> level driven from outside
        self._port = ord(name[-1]) - ord("A")
        super().__init__(board, name)

    def reset(self) -> None:
        super().reset()
        self.reg.update(RESETS.get(self.name, {}))
        self.levels = self._levels() if hasattr(self, "levels") else 0

    def mode(self, pin: int) -> int:
        return self.reg["MODER"] >> 2 * pin & 3

    def alternate(self, pin: int) -> int:
        return self.reg[f"AFR{pin // 8}"] >> 4 * (pin % 8) & 15

    def _level(self, pin: int) -> int:
        mode = self.mode(pin)
        if mode == ANALOG:
            return 0
        open_drain = self.reg["OTYPER"] >> pin & 1
        driven = self.reg["ODR"] >> pin & 1
        if mode == OUTPUT and not (open_drain and driven):
            return driven
        if pin in self.outside:
            return self.outside[pin]
        # A floating input reads low: a run must be the same each time.
        return int(self.reg["PUPDR"] >> 2 * pin & 3 == 1 or (mode == ALTERNATE and not self.reg["PUPDR"] >> 2 * pin & 2))

    def _levels(self) -> int:
        return sum(self._level(pin) << pin for pin in range(16))

    def _refresh(self) -> None:
        new = self._levels()
        changed = new ^ self.levels
        self.levels = new
        for pin in range(16):
            if changed >> pin & 1:
                self._board.exti.edge(self._port, pin, new >> pin & 1)

    def drive(self, pin: int, level: int | None) -> None:
        """Drive a pin from outside; None lets go."""
        if level is None:
            self.outside.pop(pin, None)
        else:
            self.outside[pin] = int(bool(level))
        self._refresh()

    def read_IDR(self) -> int:
        return self.levels

    def write_IDR(self, value: int) -> None:
        raise NotModelled(f"{self.name}->IDR = {value:#x}: a read-only register")

    def _set(self, name: str, value: int) -> None:
        if self.reg[name] != value:
            self.reg[name] = value
            self._refresh()

    def write_MODER(self, value: int) -> None:
        self._set("MODER", value)

    def write_OTYPER(self, value: int) -> None:
        self._set("OTYPER", value)

    def write_PUPDR(self, value: int) -> None:
        self._set("PUPDR", value)

    def write_ODR(self, value: int) -> None:
        self._set("ODR", value & 0xFFFF)

    def read_BSRR(self) -> int:
        return 0

    def write_BSRR(self, value: int) -> None:
        self._set("ODR", self.reg["ODR"] & ~(value >> 16) | value & 0xFFFF)
