"""SysTick: counts HCLK (or HCLK/8) down, also while the core sleeps."""

from __future__ import annotations

from .nvic import SYSTICK

ENABLE, TICKINT, CLKSOURCE, COUNTFLAG = 1, 2, 4, 1 << 16


class SysTick:
    """VAL is computed from the cycle at which the counter last started from `from_value`."""

    def __init__(self, board) -> None:
        self._board = board
        self.reset()

    def reset(self) -> None:
        self.ctrl = self.load = 0
        self.flag = False
        self.start = 0  # cycle (divided by the prescaler) at which the counter held `from_value`
        self.from_value = 0
        self.event = None

    def registers(self) -> dict:
        return {
            0xE000_E010: ("SysTick->CTRL", self._read_ctrl, self._write_ctrl),
            0xE000_E014: ("SysTick->LOAD", lambda: self.load, self._write_load),
            0xE000_E018: ("SysTick->VAL", self._value, self._write_val),
            0xE000_E01C: ("SysTick->CALIB", lambda: 0, lambda _v: None),
        }

    def _now(self) -> int:
        cycles = self._board.now_cycles()
        return cycles if self.ctrl & CLKSOURCE else cycles // 8

    def _value(self) -> int:
        if not self.ctrl & ENABLE:
            return self.from_value
        passed = self._now() - self.start
        if passed <= self.from_value:
            return self.from_value - passed
        if self.load == 0:
            return 0
        # From zero the next clock loads LOAD: a period is LOAD + 1 clocks.
        return self.load - (passed - self.from_value - 1) % (self.load + 1)

    def _read_ctrl(self) -> int:
        value = self.ctrl | (COUNTFLAG if self.flag else 0)
        self.flag = False
        return value

    def _write_ctrl(self, value: int) -> None:
        held = self._value()
        self.ctrl = value & 7
        self.from_value, self.start = held, self._now()
        self._schedule()

    def _write_load(self, value: int) -> None:
        held = self._value()
        self.load = value & 0xFF_FFFF
        self.from_value, self.start = held, self._now()
        self._schedule()

    def _write_val(self, _value: int) -> None:
        self.from_value, self.start, self.flag = 0, self._now(), False
        self._schedule()

    def rescale(self) -> None:
        """HCLK changes: the ticks of the next event do, its cycle does not."""
        self._schedule()

    def _schedule(self) -> None:
        board = self._board
        board.events.cancel(self.event)
        self.event = None
        if not self.ctrl & ENABLE or (self.load == 0 and self.from_value == 0):
            return
        passed = self._now() - self.start
        period = self.load + 1
        if passed < self.from_value:
            due = self.from_value
        elif self.load == 0:
            return
        else:
            due = self.from_value + period * ((passed - self.from_value) // period + 1)
        cycle = self.start + due
        self.event = board.events.at(board.clock.ticks_at(cycle if self.ctrl & CLKSOURCE else 8 * cycle), self._fire)

    def _fire(self, _arg) -> None:
        self.flag = True
        if self.ctrl & TICKINT:
            self._board.nvic.set_pending(SYSTICK)
        self._schedule()
