"""The virtual board as a library: boot it, type, listen, look at pins, cut its power."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import inject
from .audio import load
from .errors import VBoardError, VBoardTimeout
from .events import TICK_HZ, ticks
from .machine import Machine
from .memory import FLASH_BASE
from .periph.nor import SECTOR
from .snapshot import Snapshot

ROMFS_BASE, ROMFS_BYTES = 0x0810_0000, 1 << 20

PROMPT = b">>> "
CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"


class ExecError(VBoardError):
    """The code given to `Board.exec` raised; the message is the traceback."""


class Board(Machine):
    """A powered STM32F769I-DISCO with `elf` in its flash, held in reset's first instruction."""

    def __init__(
        self,
        elf: str | Path,
        audio: str | Path | np.ndarray | None = None,
        flash_dir: str | Path | None = None,
        romfs: bytes | str | Path | None = None,
        seed: int = 0,
    ) -> None:
        """audio: a sound file or int16 samples (n,) or (n, channels) at 16 kHz, heard from the moment at which
        the firmware first starts a conversion. romfs: an image for the partition at 0x08100000. flash_dir: a
        folder in which the NOR's sectors are kept between runs. seed: of everything random.
        """
        super().__init__(elf, seed)
        self._read_from = 0
        if audio is not None:
            self.sound.play(load(audio), None)
        if romfs is not None:
            image = romfs if isinstance(romfs, bytes | bytearray) else Path(romfs).read_bytes()
            if len(image) > ROMFS_BYTES:
                raise ValueError(f"the ROMFS image has {len(image)} bytes and the partition {ROMFS_BYTES}")
            self.program(ROMFS_BASE, bytes(image))
        self._flash_dir = Path(flash_dir) if flash_dir is not None else None
        if self._flash_dir is not None:
            self._load_nor()

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

    # ---- sound

    def play(self, samples: str | Path | np.ndarray) -> None:
        """What the microphones hear from now on (from the first conversion on, when there was none yet)."""
        start = None if self.sound.start is None else self.now_ticks()
        self.sound.play(load(samples), start)

    @property
    def audio_pos_s(self) -> float:
        """Seconds of the current sound that were heard; 0 before the first conversion."""
        return 0.0 if self.sound.start is None else (self.now_ticks() - self.sound.start) / TICK_HZ

    # ---- profile

    def profile_start(self) -> None:
        """Count instructions by function from now on."""
        ctypes.memset(ctypes.addressof(self.cpu.flash_profile), 0, ctypes.sizeof(self.cpu.flash_profile))
        self.cpu.state.ram_profile = 0
        self.cpu.state.profile_on = 1

    def profile(self) -> dict[str, int]:
        """Function -> instructions since `profile_start`, most first. `(RAM)` is code that is not in flash."""
        counts = np.frombuffer(self.cpu.flash_profile, np.uint64)
        by_name: dict[str, int] = {"(RAM)": self.cpu.state.ram_profile} if self.cpu.state.ram_profile else {}
        for half in np.flatnonzero(counts):
            name = self.symbols.name_at(FLASH_BASE + 2 * int(half))
            by_name[name] = by_name.get(name, 0) + int(counts[half])
        return dict(sorted(by_name.items(), key=lambda item: -item[1]))

    # ---- the NOR between runs

    def _load_nor(self) -> None:
        for path in sorted(self._flash_dir.glob("nor_*.bin")):
            self.nor.write_raw(int(path.stem[4:], 16), path.read_bytes())

    def save_nor(self) -> None:
        """Write the NOR's sectors to flash_dir."""
        self._flash_dir.mkdir(parents=True, exist_ok=True)
        for path in self._flash_dir.glob("nor_*.bin"):
            path.unlink()
        for number, data in self.nor.sectors.items():
            (self._flash_dir / f"nor_{number * SECTOR:08x}.bin").write_bytes(data)

    # ---- power

    def reset(self) -> None:
        """Press the reset button."""
        self.request_reset("pin")

    def power_cut_at(self, instructions: int) -> None:
        """Cut the power once `self.instructions` reaches this; the run under way then raises PowerCut."""
        self.power_cut = instructions

    def snapshot(self) -> Snapshot:
        """The whole board as it is; `restore` goes back to it, as often as wanted."""
        return Snapshot(self)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this very board."""
        snapshot.put_back(self)

    def inject(self, fault: str, **options) -> None:
        """Make something go wrong; the faults and their options are the functions of inject.py."""
        getattr(inject, fault)(self, **options)

    def power_on(self) -> None:
        """Power again: RAM is lost, flash and NOR are as they were."""
        self.powered = True
        self.power_cut = None
        self.usart1.incoming.clear()
        self._reset("power")
