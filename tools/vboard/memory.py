"""The device's memories as host buffers that Unicorn maps and that peripherals see as memoryviews."""

from __future__ import annotations

import ctypes
import random

from unicorn import UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_READ, Uc

FLASH_BASE, FLASH_BYTES = 0x0800_0000, 2 << 20
FLASH_ITCM_ALIAS = 0x0020_0000
ITCM_BASE, ITCM_BYTES = 0x0000_0000, 16 << 10
RAM_BASE, RAM_BYTES = 0x2000_0000, 512 << 10  # DTCM 128 K, SRAM1 368 K, SRAM2 16 K lie side by side
SYSTEM_BASE, SYSTEM_BYTES = 0x1FF0_F000, 4 << 10  # unique id, flash size, package


class Region:
    """One memory: `base`, `size`, the buffer, its host address and a writable view."""

    def __init__(self, name: str, base: int, size: int, fill: int, read_only: bool) -> None:
        self.name, self.base, self.size, self.read_only = name, base, size, read_only
        # Two spare bytes: the block hook may look one halfword beyond an instruction.
        self.buffer = (ctypes.c_uint8 * (size + 2))()
        self.address = ctypes.addressof(self.buffer)
        ctypes.memset(self.address, fill, size)
        self.view = memoryview(self.buffer).cast("B")[:size]


class Memory:
    """All memories. Flash starts erased, RAM holds seeded noise."""

    def __init__(self, uc: Uc) -> None:
        self._uc = uc
        self.flash = Region("flash", FLASH_BASE, FLASH_BYTES, 0xFF, True)
        self.itcm = Region("ITCM", ITCM_BASE, ITCM_BYTES, 0, False)
        self.ram = Region("RAM", RAM_BASE, RAM_BYTES, 0, False)
        self.system = Region("system memory", SYSTEM_BASE, SYSTEM_BYTES, 0xFF, True)
        self.regions = [self.ram, self.flash, self.itcm, self.system]
        for r in self.regions:
            self._map(r.base, r)
        self._map(FLASH_ITCM_ALIAS, self.flash)

    def _map(self, base: int, r: Region) -> None:
        perms = UC_PROT_READ | UC_PROT_EXEC if r.read_only else UC_PROT_ALL
        self._uc.mem_map_ptr(base, r.size, perms, r.address)

    def find(self, address: int, size: int) -> tuple[Region, int] | None:
        """The region that holds all of address..address+size and the offset in it."""
        if FLASH_ITCM_ALIAS <= address < FLASH_ITCM_ALIAS + FLASH_BYTES:
            address += FLASH_BASE - FLASH_ITCM_ALIAS
        for r in self.regions:
            if r.base <= address and address + size <= r.base + r.size:
                return r, address - r.base
        return None

    def view(self, address: int, size: int) -> memoryview | None:
        """Writable bytes for a DMA controller or a test, or None where there is no memory."""
        found = self.find(address, size)
        return found[0].view[found[1] : found[1] + size] if found else None

    def randomise_ram(self, seed: int) -> None:
        """RAM after power-up holds anything; here the same anything each time."""
        rng = random.Random(seed)
        for r in (self.ram, self.itcm):
            r.view[:] = rng.randbytes(r.size)
            self._uc.ctl_remove_cache(r.base, r.base + r.size)
