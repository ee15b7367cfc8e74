"""A 512 Mbit serial NOR like Macronix' MX25L51245G: commands, busy times, erase and program rules.

The contents are 4 KB sectors kept as immutable bytes, absent where erased, so that a snapshot of 64 MB
costs a dictionary copy. The chip is on its own power rail: a reset of the processor does not stop it.
"""

from __future__ import annotations

import random

from ..errors import NotModelled
from ..events import ticks

SIZE = 64 << 20
SECTOR, PAGE = 4096, 256
ERASED = b"\xff" * SECTOR
JEDEC_ID = bytes((0xC2, 0x20, 0x1A))
STATUS_WIP, STATUS_WEL, STATUS_QE = 1, 2, 0x40
STATUS_POLLS = 8
# Typical times of the data sheet.
TIMES = {"page": ticks(0.25e-3), "4k": ticks(25e-3), "32k": ticks(0.13), "64k": ticks(0.22), "chip": ticks(140.0),
         "status": ticks(10e-3)}  # fmt: skip
ERASES = {0x20: "4k", 0x21: "4k", 0x52: "32k", 0x5C: "32k", 0xD8: "64k", 0xDC: "64k", 0x60: "chip", 0xC7: "chip"}
ERASE_BYTES = {"4k": 4 << 10, "32k": 32 << 10, "64k": 64 << 10, "chip": SIZE}
FOUR_BYTE = {0x13, 0x0C, 0x3C, 0xBC, 0x6C, 0xEC, 0x12, 0x3E, 0x21, 0x5C, 0xDC}
# Read command -> (lines of address, lines of data, dummy cycles at the default setting)
READS = {0x03: (1, 1, 0), 0x13: (1, 1, 0), 0x0B: (1, 1, 8), 0x0C: (1, 1, 8), 0x3B: (1, 2, 8), 0x3C: (1, 2, 8),
         0x6B: (1, 4, 8), 0x6C: (1, 4, 8), 0xEB: (4, 4, 6), 0xEC: (4, 4, 6)}  # fmt: skip
# Program command -> (lines of address, lines of data)
PROGRAMS = {0x02: (1, 1), 0x12: (1, 1), 0x38: (4, 4), 0x3E: (4, 4)}


class Nor:
    """`command` runs one command frame as the QUADSPI sends it."""

    SURVIVES_RESET = True
    name = "NOR"

    def __init__(self, board) -> None:
        self._board = board
        self.sectors: dict[int, bytes] = {}
        self.status = 0
        self.non_volatile_quad = False
        self.four_byte = False
        self.reset_armed = False
        self.polls = 0
        self.job: tuple | None = None  # what is under way: ("erase", start, size) or ("page", [(address, old, new)])
        self.changed: set[int] = set()  # sectors that a memory-mapped view must copy

    def reset(self) -> None:
        """Power-up."""
        self.status = STATUS_QE if self.non_volatile_quad else 0
        self.four_byte = self.reset_armed = False
        self.job = None
        self.polls = 0  # status reads in a row while busy

    def clocks_changed(self) -> None:
        """Has its own timing."""

    # ---- contents

    def read(self, address: int, size: int) -> bytes:
        """Bytes, wrapping at the end of the chip."""
        out = bytearray()
        while size:
            address %= SIZE
            offset = address % SECTOR
            n = min(size, SECTOR - offset)
            out += self.sectors.get(address // SECTOR, ERASED)[offset : offset + n]
            address += n
            size -= n
        return bytes(out)

    def write_raw(self, address: int, data: bytes) -> None:
        """Set bytes, whatever was there (a programmer's view; not what a command does)."""
        while data:
            number, offset = divmod(address, SECTOR)
            n = min(len(data), SECTOR - offset)
            old = self.sectors.get(number, ERASED)
            new = old[:offset] + bytes(data[:n]) + old[offset + n :]
            if new == ERASED:
                self.sectors.pop(number, None)
            else:
                self.sectors[number] = new
            self.changed.add(number)
            address, data = address + n, data[n:]

    # ---- commands

    def _address_bytes(self, code: int) -> int:
        return 4 if self.four_byte or code in FOUR_BYTE else 3

    def check_address(self, code: int, address_bytes: int, lines: tuple[int, int], dummy: int) -> None:
        """Raise when the frame is not what the chip expects: on hardware it would answer nonsense."""
        if code in READS:
            address_lines, data_lines, cycles = READS[code]
            expected = (address_lines, data_lines)
        elif code in PROGRAMS:
            expected, cycles = PROGRAMS[code], 0
        elif code in ERASES and ERASES[code] != "chip":
            expected, cycles = (1, lines[1]), 0
        else:
            return
        if address_bytes != self._address_bytes(code) or lines != expected or dummy != cycles:
            raise NotModelled(
                f"NOR command {code:#04x} with {address_bytes} address bytes, lines {lines}, {dummy} dummy cycles;"
                f" the chip expects {self._address_bytes(code)}, {expected}, {cycles}"
            )
        if 4 in lines and not self.status & STATUS_QE:
            raise NotModelled(f"NOR command {code:#04x} uses four lines with the chip's quad-enable bit clear")

    def transfer_in(self, code: int, address: int, size: int) -> bytes:
        """A command that reads `size` bytes from the chip."""
        busy = self.status & STATUS_WIP
        if code == 0x05:
            # A loop that only asks for the status waits: let the time to the next event pass (see bus.py).
            self.polls = self.polls + 1 if busy else 0
            if self.polls > STATUS_POLLS:
                self._board.skip_to_event()
            return bytes([self.status]) * size
        if busy:
            return b"\xff" * size
        if code == 0x9F:
            return (JEDEC_ID * (size // 3 + 1))[:size]
        if code == 0x15:  # configuration register: bit 5 says 4-byte mode
            return bytes([0x20 if self.four_byte else 0]) * size
        if code == 0x2B:  # security register: no failure
            return bytes(size)
        if code in READS:
            return self.read(address, size)
        raise NotModelled(f"NOR command {code:#04x}, reading {size} bytes")

    def transfer_out(self, code: int, address: int, data: bytes) -> None:
        """A command with or without data to the chip."""
        if self.status & STATUS_WIP and code not in (0x66, 0x99):
            return  # the chip does not listen
        self.polls = 0
        armed, self.reset_armed = self.reset_armed, code == 0x66
        if code == 0x06:
            self.status |= STATUS_WEL
        elif code == 0x04:
            self.status &= ~STATUS_WEL
        elif code == 0xB7 or code == 0xE9:
            self.four_byte = code == 0xB7
        elif code == 0x66 or code == 0xF5 or code == 0xAB or code == 0x35:
            if code == 0x35:
                raise NotModelled("NOR command 0x35: QPI mode")
        elif code == 0x99:
            if armed:
                self._board.events.cancel(getattr(self, "done", None))
                self.reset()
        elif not self.status & STATUS_WEL and (code in PROGRAMS or code in ERASES or code == 0x01):
            return
        elif code == 0x01:
            self.job = ("status", data[0] if data else 0)
            self._begin("status")
        elif code in PROGRAMS:
            self._program(address, data)
        elif code in ERASES:
            kind = ERASES[code]
            size = ERASE_BYTES[kind]
            self.job = ("erase", address % SIZE // size * size, size)
            self._begin(kind)
        else:
            raise NotModelled(f"NOR command {code:#04x} with {len(data)} bytes")

    def _program(self, address: int, data: bytes) -> None:
        """Bits go from 1 to 0; addresses wrap inside the page, and only the last 256 bytes count."""
        address %= SIZE
        page = address // PAGE * PAGE
        old = self.read(page, PAGE)
        new = bytearray(old)
        for i, byte in enumerate(data):
            at = (address + i) % PAGE
            new[at] = old[at] & byte
        self.job = ("page", page, old, bytes(new))
        self._begin("page")

    def _begin(self, kind: str) -> None:
        self.status |= STATUS_WIP
        self.done = self._board.events.at(self._board.now_ticks() + TIMES[kind], self._finish)

    def _finish(self, _arg) -> None:
        job, self.job = self.job, None
        self.status &= ~(STATUS_WIP | STATUS_WEL)
        if job[0] == "page":
            self.write_raw(job[1], job[3])
        elif job[0] == "erase":
            self._erase(job[1], job[2])
        elif job[0] == "status":
            self.non_volatile_quad = bool(job[1] & STATUS_QE)
            self.status = job[1] & STATUS_QE

    def _erase(self, start: int, size: int) -> None:
        for number in range(start // SECTOR, (start + size) // SECTOR) if size < SIZE else list(self.sectors):
            if self.sectors.pop(number, None) is not None:
                self.changed.add(number)

    def power_lost(self, rng: random.Random) -> None:
        """A power cut leaves a page or an erase half done: each bit that was to change did so or not."""
        job, self.job = self.job, None
        self._board.events.cancel(getattr(self, "done", None))
        if job is not None and job[0] == "page":
            _, page, old, new = job
            mixed = bytes(n | o & r for o, n, r in zip(old, new, rng.randbytes(PAGE), strict=True))
            self.write_raw(page, mixed)
        elif job is not None and job[0] == "erase":
            for number in range(job[1] // SECTOR, (job[1] + min(job[2], 64 << 10)) // SECTOR):
                old = self.sectors.get(number, ERASED)
                noise = rng.randbytes(SECTOR)
                self.write_raw(number * SECTOR, bytes(o | r for o, r in zip(old, noise, strict=True)))
