"""The virtual board as a library: boot it, type, listen, look at pins, cut its power."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .errors import VBoardError, VBoardTimeout
from .events import TICK_HZ, ticks
from .machine import Machine

PROMPT = b">>> "
CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"


class ExecError(VBoardError):
    """The code given to `Board.exec` raised; the message is the traceback."""


class Board(Machine):
    """A powered STM32F769I-DISCO with `elf` in its flash, held in reset's first instruction."""

    def __init__(self, elf: str | Path, seed: int = 0) -> None:
        super().__init__(elf, seed)
        self._read_from = 0

    # ---- counters

    @property
    def instructions(self) -> int:
        """Instructions retired since the board was made."""
        return self.cpu.instructions

    @property
    def asleep_cycles(self) -> int:
        """HCLK cycles spent in WFI since the board was made."""
        return self.asleep

    # ---- running

    def run(self, seconds: float) -> None:
        """Let virtual seconds pass."""
        self.advance(self.now_ticks() + ticks(seconds))

    def run_until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Run until `condition()` holds between two slices, or raise VBoardTimeout."""
        if not self.advance(self.now_ticks() + ticks(timeout_s), condition):
            raise VBoardTimeout(f"nothing in {timeout_s} s; last output: {self._tail()!r}")

    def boot(self, timeout_s: float = 5.0) -> float:
        """Run to the prompt and return the virtual seconds since the last reset began."""
        start = self.now_ticks()
        self.read_until(PROMPT, timeout_s)
        return (self.now_ticks() - start) / TICK_HZ

    # ---- the serial port

    def write(self, data: bytes) -> None:
        """Type at 115200 baud; returns at once, the bytes arrive as time passes."""
        self.usart1.feed(bytes(data))

    def _tail(self, size: int = 400) -> bytes:
        return bytes(self.usart1.output[-size:])

    def read(self) -> bytes:
        """What was printed and not yet read."""
        data = bytes(self.usart1.output[self._read_from :])
        self._read_from += len(data)
        return data

    def read_until(self, pattern: bytes, timeout_s: float = 5.0) -> bytes:
        """Run until `pattern` was printed; returns everything unread up to its end."""
        output = self.usart1.output
        seen = self._read_from
        end = -1

        def found() -> bool:
            nonlocal seen, end
            if len(output) == seen:
                return False
            end = output.find(pattern, max(self._read_from, seen - len(pattern)))
            seen = len(output)
            return end >= 0

        seen = max(seen - 1, 0) if len(output) == seen else self._read_from
        end = output.find(pattern, self._read_from)
        seen = len(output)
        if end < 0 and not self.advance(self.now_ticks() + ticks(timeout_s), found):
            raise VBoardTimeout(f"no {pattern!r} in {timeout_s} virtual seconds; last output: {self._tail()!r}")
        data = bytes(output[self._read_from : end + len(pattern)])
        self._read_from += len(data)
        return data

    def exec(self, code: str, timeout_s: float = 5.0) -> str:
        """Run code through the raw REPL and return what it printed; ExecError when it raised."""
        self.write(b"\r" + CTRL_C + CTRL_A)
        self.read_until(b"raw REPL; CTRL-B to exit\r\n>", timeout_s)
        self.write(code.encode() + CTRL_D)
        self.read_until(b"OK", timeout_s + len(code) / 5000)
        printed = self.read_until(CTRL_D, timeout_s)[:-1]
        error = self.read_until(CTRL_D + b">", timeout_s)[:-2]
        self.write(CTRL_B)
        self.read_until(PROMPT, timeout_s)
        if error:
            raise ExecError(error.decode(errors="replace"))
        return printed.decode(errors="replace").replace("\r\n", "\n")

    # ---- pins

    def _gpio(self, name: str):
        return self.parts[f"GPIO{name[1].upper()}"], int(name[2:])

    def pin(self, name: str) -> int:
        """Level of a pin such as PJ13."""
        gpio, pin = self._gpio(name)
        return gpio.levels >> pin & 1

    def set_pin(self, name: str, level: int | None) -> None:
        """Drive a pin from outside (the button is PA0); None lets go."""
        gpio, pin = self._gpio(name)
        gpio.drive(pin, level)

    # ---- power

    def reset(self) -> None:
        """Press the reset button."""
        self.request_reset("pin")

    def power_cut_at(self, instructions: int) -> None:
        """Cut the power once `self.instructions` reaches this; the run under way then raises PowerCut."""
        self.power_cut = instructions

    def power_on(self) -> None:
        """Power again: RAM is lost, flash and NOR are as they were."""
        self.powered = True
        self.power_cut = None
        self.usart1.incoming.clear()
        self._reset("power")
