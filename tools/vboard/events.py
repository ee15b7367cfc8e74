"""Virtual time and the events that happen in it.

Time is an integer count of ticks of 10.8 GHz, of which 216, 108, 54, 25, 16 MHz and 16 kHz are whole
divisors, so the usual clocks accumulate no rounding. One retired instruction is one cycle of HCLK.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

TICK_HZ = 10_800_000_000


def ticks(seconds: float) -> int:
    """Seconds to ticks, rounded."""
    return round(seconds * TICK_HZ)


class Events:
    """A queue of (time, callback, argument); callbacks are bound methods, so a copy can be made."""

    def __init__(self) -> None:
        self.heap: list[list] = []
        self.sequence = 0
        self._on_earlier: Callable[[], None] | None = None  # told when a new event is the next one

    def at(self, when: int, method: Callable, arg=None) -> list:
        """Call `method(arg)` at tick `when`; events of the same tick keep their order. Returns a token."""
        self.sequence += 1
        entry = [when, self.sequence, method, arg]
        heapq.heappush(self.heap, entry)
        if self.heap[0] is entry and self._on_earlier is not None:
            self._on_earlier()
        return entry

    @staticmethod
    def cancel(entry: list | None) -> None:
        """Forget an event; a token that has fired or is None is harmless."""
        if entry is not None:
            entry[2] = None

    def next_time(self) -> int | None:
        """Tick of the earliest event that was not cancelled."""
        heap = self.heap
        while heap and heap[0][2] is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: int) -> list | None:
        """The earliest event at or before `now`, removed, or None."""
        when = self.next_time()
        if when is None or when > now:
            return None
        return heapq.heappop(self.heap)


class Clock:
    """Turns counted cycles into ticks while HCLK changes. cycles = instructions + cycles asleep."""

    def __init__(self, hclk_hz: int) -> None:
        self.hclk_hz = hclk_hz
        self.base_ticks = 0
        self.base_cycles = 0

    def ticks_at(self, cycles: int) -> int:
        return self.base_ticks + (cycles - self.base_cycles) * TICK_HZ // self.hclk_hz

    def cycles_at(self, when: int) -> int:
        """The first cycle at or after tick `when`."""
        return self.base_cycles - (-(when - self.base_ticks) * self.hclk_hz // TICK_HZ)

    def set_hclk(self, hz: int, cycles: int) -> None:
        self.base_ticks = self.ticks_at(cycles)
        self.base_cycles = cycles
        self.hclk_hz = hz
