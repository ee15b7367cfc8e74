"""The internal flash's controller: keys, sectors, wait states. Programming clears bits, erasing sets them.

2 MB as one bank (nDBANK = 1): sectors 0..3 of 32 KB, 4 of 128 KB, 5..11 of 256 KB.
"""

from __future__ import annotations

import random

from ..bus import Peripheral
from ..errors import NotModelled
from ..events import ticks
from ..memory import FLASH_BASE, FLASH_BYTES, FLASH_ITCM_ALIAS
from ..regs import IRQ, bits, field

KEYS = (0x4567_0123, 0xCDEF_89AB)
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
SECTOR_KB = [32] * 4 + [128] + [256] * 7
SECTOR_START = [sum(SECTOR_KB[:i]) << 10 for i in range(13)]
PROGRAM_TIME = ticks(16e-6)  # a word, a halfword or a byte
ERASE_TIME = {32: ticks(0.25), 128: ticks(0.5), 256: ticks(1.0)}  # 32-bit parallelism, typical
ERRORS = (bits.FLASH_SR_OPERR | bits.FLASH_SR_WRPERR | bits.FLASH_SR_PGAERR | bits.FLASH_SR_PGPERR
          | bits.FLASH_SR_ERSERR)  # fmt: skip
BUSY = bits.FLASH_SR_BSY


class Flash(Peripheral):
    FAMILY = "FLASH"
    ALWAYS_CLOCKED = True
    RESET = {"CR": bits.FLASH_CR_LOCK, "OPTCR": 0xFFFF_AAFD, "OPTCR1": 0x0040_0080}

    def __init__(self, board) -> None:
        self.erasing: int | None = None  # sector under erasure
        self.programming: tuple[int, bytes] | None = None  # offset and the bytes before
        super().__init__(board, "FLASH")

    def reset(self) -> None:
        super().reset()
        self.key_step = 0
        self.locked_out = False  # a wrong key locks CR until the next reset
        self.fixes: list[tuple[int, bytes]] = []
        self.erasing = self.programming = None
        self.done = None

    # ---- registers

    def write_ACR(self, value: int) -> None:
        self.reg["ACR"] = value
        self._board.rcc.check()

    def write_KEYR(self, value: int) -> None:
        if self.locked_out:
            return
        if value != KEYS[self.key_step]:
            self.locked_out, self.key_step = True, 0
            return
        self.key_step += 1
        if self.key_step == 2:
            self.key_step = 0
            self.reg["CR"] &= ~bits.FLASH_CR_LOCK

    def write_OPTKEYR(self, value: int) -> None:
        raise NotModelled(f"FLASH->OPTKEYR = {value:#x}: option bytes are read-only here")

    def write_SR(self, value: int) -> None:
        self.reg["SR"] &= ~(value & (ERRORS | bits.FLASH_SR_EOP))

    def write_CR(self, value: int) -> None:
        if self.reg["CR"] & bits.FLASH_CR_LOCK:
            # Hardware answers with a bus error; a locked controller that is written is always a mistake.
            raise NotModelled(f"FLASH->CR = {value:#x} while it is locked")
        if self.reg["SR"] & BUSY:
            self._board.stall_until(self.done[0])
            self._board.fire_due()
        self.reg["CR"] = value & ~bits.FLASH_CR_STRT
        if value & bits.FLASH_CR_STRT:
            if value & (bits.FLASH_CR_MER | bits.FLASH_CR_MER2):
                raise NotModelled("FLASH->CR: mass erase")
            if value & bits.FLASH_CR_SER:
                self._start_erase(field(value, bits.FLASH_CR_SNB))

    def _start_erase(self, code: int) -> None:
        if code >= len(SECTOR_KB):
            self.reg["SR"] |= bits.FLASH_SR_ERSERR
            return
        self.erasing = code
        self._busy(ERASE_TIME[SECTOR_KB[code]])

    def _busy(self, duration: int) -> None:
        self.reg["SR"] |= BUSY
        self.done = self._board.events.at(self._board.now_ticks() + duration, self._finish)

    def _finish(self, _arg) -> None:
        if self.erasing is not None:
            start, size = self._sector(self.erasing)
            self._store(start, b"\xff" * size)
        self.erasing = self.programming = None
        self.reg["SR"] &= ~BUSY
        if self.reg["CR"] & bits.FLASH_CR_EOPIE:
            self.reg["SR"] |= bits.FLASH_SR_EOP
            self._board.nvic.set_pending(16 + IRQ["FLASH"])

    @staticmethod
    def _sector(number: int) -> tuple[int, int]:
        return SECTOR_START[number], SECTOR_KB[number] << 10

    def _store(self, offset: int, data: bytes) -> None:
        self._board.cpu.memory.flash.view[offset : offset + len(data)] = data
        self._board.cpu.forget_code(FLASH_BASE + offset, FLASH_BASE + offset + len(data))

    # ---- stores by the core

    def core_write(self, address: int, size: int, value: int) -> bool:
        """A store to flash memory. Unicorn carries it out; `settle` then puts the right bytes there."""
        base = FLASH_ITCM_ALIAS if address < FLASH_BASE else FLASH_BASE
        offset = address - base
        if not 0 <= offset < FLASH_BYTES or self._board.scs.mpu.forbids(address, "write"):
            return False
        old = bytes(self._board.cpu.memory.flash.view[offset : offset + size])
        new = old
        if not self.reg["CR"] & bits.FLASH_CR_PG:
            self.reg["SR"] |= bits.FLASH_SR_PGPERR | bits.FLASH_SR_ERSERR
        elif 1 << field(self.reg["CR"], bits.FLASH_CR_PSIZE) != size:
            self.reg["SR"] |= bits.FLASH_SR_PGPERR
        else:
            if self.reg["SR"] & BUSY:  # the bus holds the store until the controller is free
                self._board.stall_until(self.done[0])
                self._board.fire_due()
            new = bytes(a & b for a, b in zip(old, value.to_bytes(size, "little"), strict=True))
            self.programming = (offset, old)
            self._busy(PROGRAM_TIME)
        self.fixes.append((offset, new))
        self._board.cpu.break_soon()
        return True

    def settle(self) -> None:
        for offset, data in self.fixes:
            self._store(offset, data)
        self.fixes.clear()

    def power_lost(self, rng: random.Random) -> None:
        """A power cut leaves what was under way half done: some of the bits have changed."""
        memory = self._board.cpu.memory.flash.view
        if self.erasing is not None:
            start, size = self._sector(self.erasing)
            noise = rng.randbytes(size)
            self._store(start, bytes(a | b for a, b in zip(memory[start : start + size], noise, strict=True)))
        elif self.programming is not None:
            offset, old = self.programming
            new = bytes(memory[offset : offset + len(old)])
            half = bytes(n | (o & r) for n, o, r in zip(new, old, rng.randbytes(len(old)), strict=True))
            self._store(offset, half)
