"""DWT: the cycle counter. It counts retired instructions; like the device's it stands still in WFI."""

from __future__ import annotations

CYCCNTENA = 1
CTRL_NUMCOMP = 4 << 28


class Dwt:
    def __init__(self, board) -> None:
        self._board = board
        self.reset()

    def reset(self) -> None:
        self.ctrl = 0
        self.held, self.start = 0, 0

    def registers(self) -> dict:
        return {
            0xE000_1000: ("DWT->CTRL", lambda: self.ctrl | CTRL_NUMCOMP, self._write_ctrl),
            0xE000_1004: ("DWT->CYCCNT", self._count, self._write_count),
            0xE000_1FB0: ("DWT->LAR", lambda: 0, lambda _v: None),
            0xE000_1FB4: ("DWT->LSR", lambda: 0, lambda _v: None),
        }

    def _count(self) -> int:
        running = self._board.cpu.instructions - self.start if self.ctrl & CYCCNTENA else 0
        return self.held + running & 0xFFFF_FFFF

    def _write_ctrl(self, value: int) -> None:
        self.held, self.start = self._count(), self._board.cpu.instructions
        self.ctrl = value & CYCCNTENA

    def _write_count(self, value: int) -> None:
        self.held, self.start = value, self._board.cpu.instructions
