"""CRC unit: programmable polynomial of 7, 8, 16 or 32 bits, input and output reversal."""

from __future__ import annotations

from ..bus import Peripheral
from ..regs import bits, field

WIDTH = (32, 16, 8, 7)


def reverse(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


class Crc(Peripheral):
    FAMILY = "CRC"
    RESET = {"DR": 0xFFFF_FFFF, "INIT": 0xFFFF_FFFF, "POL": 0x04C1_1DB7}

    def write_CR(self, value: int) -> None:
        self.reg["CR"] = value & ~bits.CRC_CR_RESET
        if value & bits.CRC_CR_RESET:
            self.reg["DR"] = self.reg["INIT"]

    def _width(self) -> int:
        return WIDTH[field(self.reg["CR"], bits.CRC_CR_POLYSIZE)]

    def read_DR(self) -> int:
        value = self.reg["DR"] & ((1 << self._width()) - 1)
        return reverse(value, self._width()) if self.reg["CR"] & bits.CRC_CR_REV_OUT else value

    def write(self, offset: int, size: int, value: int) -> None:
        if self._cells.get(offset & ~3) == "DR":
            self._feed(value, 8 * size)
        else:
            super().write(offset, size, value)

    def _feed(self, value: int, data_bits: int) -> None:
        unit = (0, 8, 16, 32)[field(self.reg["CR"], bits.CRC_CR_REV_IN)]
        if unit:
            unit = min(unit, data_bits)
            parts = [reverse(value >> s & ((1 << unit) - 1), unit) << s for s in range(0, data_bits, unit)]
            value = sum(parts)
        width, crc, poly = self._width(), self.reg["DR"], self.reg["POL"]
        top, mask = 1 << width - 1, (1 << width) - 1
        for i in reversed(range(data_bits)):
            bit = value >> i & 1 ^ (1 if crc & top else 0)
            crc = (crc << 1 & mask) ^ (poly & mask if bit else 0)
        self.reg["DR"] = crc
