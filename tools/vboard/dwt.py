"""DWT: the cycle counter. It counts retired instructions and stalls; like the device's it stands still in WFI.

Its value lives in the shim's state, where a read takes it at the granularity of a translated block.
"""

from __future__ import annotations

CYCCNTENA = 1
CTRL_NUMCOMP = 4 << 28


class Dwt:
    def __init__(self, board) -> None:
        self._board = board
        self._state = board.cpu.state
        self.reset()

    def reset(self) -> None:
        self._state.cyccnt_on = self._state.cyccnt_held = 0

    def registers(self) -> dict:
        return {
            0xE000_1000: ("DWT->CTRL", lambda: self._state.cyccnt_on | CTRL_NUMCOMP, self._write_ctrl),
            0xE000_1004: ("DWT->CYCCNT", self._count, self._write_count),
            0xE000_1FB0: ("DWT->LAR", lambda: 0, lambda _v: None),
            0xE000_1FB4: ("DWT->LSR", lambda: 0, lambda _v: None),
        }

    def _now(self) -> int:
        return self._board.cpu.instructions + self._state.stalled

    def _count(self) -> int:
        s = self._state
        return s.cyccnt_held + (self._now() - s.cyccnt_start if s.cyccnt_on else 0) & 0xFFFF_FFFF

    def _write_ctrl(self, value: int) -> None:
        self._write_count(self._count())
        self._state.cyccnt_on = value & CYCCNTENA

    def _write_count(self, value: int) -> None:
        self._state.cyccnt_held, self._state.cyccnt_start = value, self._now()
