"""The serial flash in the address space: a copy of its 64 MB that Unicorn reads directly."""

from __future__ import annotations

import ctypes
import mmap

from unicorn import UC_PROT_EXEC, UC_PROT_READ, Uc

from ..regs import BASE
from .nor import SECTOR, SIZE, Nor


class Window:
    """Mapped while the QUADSPI is in memory-mapped mode; made when that is first used."""

    def __init__(self, uc: Uc, nor: Nor) -> None:
        self._uc, self._nor = uc, nor
        self._memory: mmap.mmap | None = None
        self._address = 0
        self.is_open = False

    def _make(self) -> None:
        self._memory = mmap.mmap(-1, SIZE)
        self._address = ctypes.addressof(ctypes.c_uint8.from_buffer(self._memory))
        ctypes.memset(self._address, 0xFF, SIZE)
        self._nor.changed |= self._nor.sectors.keys()

    def open(self) -> None:
        """Bring the copy up to date and map it."""
        if self.is_open:
            return
        if self._memory is None:
            self._make()
        view = memoryview(self._memory)
        for number in self._nor.changed:
            view[number * SECTOR : (number + 1) * SECTOR] = self._nor.read(number * SECTOR, SECTOR)
        self._nor.changed.clear()
        self._uc.mem_map_ptr(BASE["QSPI"], SIZE, UC_PROT_READ | UC_PROT_EXEC, self._address)
        self.is_open = True

    def close(self) -> None:
        if self.is_open:
            self._uc.mem_unmap(BASE["QSPI"], SIZE)
            self.is_open = False

    def forget(self) -> None:
        """The chip's contents are about to be replaced: the copy is worth nothing."""
        self.close()
        self._memory = None
