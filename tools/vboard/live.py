"""Runs a board beside the real world: serial clients, a wall clock, live sound."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from .board import Board
from .feed import Feed

SLICE_S = 0.002  # virtual time between two looks at the clients
WAIT_FROM_S = 0.01
IDLE_SHARE = 0.9  # a slice that slept more than this is idle


class Live:
    """`ports` have fileno, read and write. With realtime the board never runs ahead of the wall clock;
    without, only idle time with nothing to hear waits for it, so that an idle board costs no processor time.
    Time that is waited for passes `speed` times as fast as the wall clock.
    """

    def __init__(self, board: Board, ports: list, realtime: bool = False, speed: float = 1.0, feed: Feed | None = None) -> None:
        self.board, self.ports, self.realtime, self.speed, self.feed = board, ports, realtime, speed, feed
        self._sent = len(board.usart1.output)
        self._wall = time.monotonic()
        self._virtual = board.now_s

    def _exchange(self, timeout_s: float) -> bool:
        """Bytes in both directions; waits up to timeout_s for some to arrive. True when some did."""
        output = self.board.usart1.output
        if len(output) > self._sent:
            data = bytes(output[self._sent :])
            self._sent = len(output)
            for port in self.ports:
                port.write(data)
        readable = select.select(self.ports, [], [], timeout_s)[0]
        got = False
        for port in readable:
            data = port.read()
            if data:
                self.board.write(data)
                got = True
        return got

    def _hears(self) -> bool:
        sound = self.board.sound
        return sound.start is not None and self.board.audio_pos_s < len(sound.samples) / 16_000

    def step(self) -> None:
        """One slice of virtual time and the clients' turn."""
        board = self.board
        if self.feed is not None:
            self.feed.pump()
            if self.feed.ahead_s() < SLICE_S:
                # Live sound sets the pace: time stands still until more of it has come.
                self.feed.pump(0.02)
                self._exchange(0.0)
                return
        asleep, started = board.asleep_cycles, board.now_cycles()
        board.run(SLICE_S)
        slept = board.asleep_cycles - asleep > IDLE_SHARE * (board.now_cycles() - started)
        idle = slept and not board.usart1.incoming and not self._hears()
        ahead = (board.now_s - self._virtual) / self.speed - (time.monotonic() - self._wall)
        # Short waits cost more in wake-ups than they give in accuracy.
        wait = ahead if ahead > WAIT_FROM_S and (self.realtime or idle) else 0.0
        if self._exchange(wait) or not (self.realtime or idle):
            # Being ahead or behind is forgotten: what follows is paced from here.
            self._wall, self._virtual = time.monotonic(), board.now_s
        elif ahead < -0.5:
            self._wall, self._virtual = time.monotonic(), board.now_s

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        while not until():
            self.step()
