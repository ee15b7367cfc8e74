"""Live sound: raw int16 samples, mono, 16 kHz, from a file descriptor, heard as they come."""

from __future__ import annotations

import os
import select

import numpy as np

from .audio import RATE_HZ
from .board import Board

CHUNK_BYTES = 65536


class Feed:
    """Appends what `fd` gives to what the board hears. Sound that comes before the microphones run is not heard."""

    def __init__(self, board: Board, fd: int) -> None:
        self.board, self.fd = board, fd
        self.open = True
        self._odd = b""
        self._begun = False

    def pump(self, timeout_s: float = 0.0) -> None:
        """Take what there is, waiting up to `timeout_s` for some."""
        if not self.open or not select.select([self.fd], [], [], timeout_s)[0]:
            return
        data = os.read(self.fd, CHUNK_BYTES)
        self.open = bool(data)
        data = self._odd + data
        even = len(data) // 2 * 2
        self._odd = data[even:]
        board = self.board
        if board.sound.start is None or not even:
            return
        if not self._begun:
            self._begun = True
            behind = round(board.audio_pos_s * RATE_HZ) - len(board.sound.samples)
            board.sound.append(np.zeros((max(0, behind), 1), np.int16))
        board.sound.append(np.frombuffer(data[:even], "<i2").reshape(-1, 1))

    def ahead_s(self) -> float:
        """Seconds that the board may run before it would hear what has not come yet."""
        if not self.open or not self._begun:
            return float("inf")
        return len(self.board.sound.samples) / RATE_HZ - self.board.audio_pos_s
