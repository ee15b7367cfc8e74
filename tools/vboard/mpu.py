"""The MPU: eight regions are kept; those that forbid every access are enforced, in pages of 4 KB.

That covers a null-pointer guard and stack guards. A forbidden part of a page takes the whole page out
of Unicorn's fast path; accesses to its other parts are let through one at a time.
"""

from __future__ import annotations

from unicorn import UC_PROT_ALL, UC_PROT_NONE

PAGE = 0x1000
CTRL_ENABLE, RASR_ENABLE = 1, 1
REGIONS = 8


class Mpu:
    def __init__(self, board) -> None:
        self._board = board
        self._closed: set[int] = set()  # pages that Unicorn sees as forbidden
        board.nvic._guard = self.forbids
        self.reset()

    def reset(self) -> None:
        self.ctrl = self.rnr = 0
        self.stale = True
        self.rbar, self.rasr = [0] * REGIONS, [0] * REGIONS
        self._changed()

    def registers(self) -> dict:
        t = {
            0xE000_ED90: ("MPU->TYPE", lambda: REGIONS << 8, lambda _v: None),
            0xE000_ED94: ("MPU->CTRL", lambda: self.ctrl, self._write_ctrl),
            0xE000_ED98: ("MPU->RNR", lambda: self.rnr, lambda v: setattr(self, "rnr", v % REGIONS)),
        }
        for i in range(4):
            suffix = f"_A{i}" if i else ""
            t[0xE000_ED9C + 8 * i] = (f"MPU->RBAR{suffix}", self._read_rbar, self._write_rbar)
            t[0xE000_EDA0 + 8 * i] = (f"MPU->RASR{suffix}", lambda: self.rasr[self.rnr], self._write_rasr)
        return t

    def _read_rbar(self) -> int:
        return self.rbar[self.rnr] | self.rnr

    def _write_ctrl(self, value: int) -> None:
        self.ctrl = value & 7
        self._changed()

    def _write_rbar(self, value: int) -> None:
        if value & 0x10:
            self.rnr = value & 7
        self.rbar[self.rnr] = value & ~0x1F
        self._changed()

    def _write_rasr(self, value: int) -> None:
        self.rasr[self.rnr] = value
        self._changed()

    # ---- enforcement

    def _region_at(self, address: int) -> int | None:
        """The highest enabled region that covers an address, its disabled eighths left out."""
        for i in reversed(range(REGIONS)):
            rasr = self.rasr[i]
            if not rasr & RASR_ENABLE:
                continue
            bits = (rasr >> 1 & 0x1F) + 1
            base = self.rbar[i] >> bits << bits if bits < 32 else 0
            if base <= address < base + (1 << bits):
                if bits >= 8 and rasr >> 8 + (address - base >> bits - 3) & 1:
                    continue
                return i
        return None

    def forbids(self, address: int, access: str) -> bool:
        """True when a privileged access raises MemManage. Only no-access, execute-never and read-only count."""
        if not self.ctrl & CTRL_ENABLE or address >= 0xE000_0000:
            return False
        region = self._region_at(address)
        if region is None:
            return not self.ctrl & 4  # PRIVDEFENA gives the default map to privileged code
        rasr = self.rasr[region]
        permission = rasr >> 24 & 7
        if permission == 0 or (access == "fetch" and rasr >> 28 & 1):
            return True
        return access == "write" and permission in (5, 6, 7)

    def _changed(self) -> None:
        """Takes effect before the next block, as it does after the barrier that follows on hardware."""
        self.stale = True
        if self._board.cpu.running:
            self._board.cpu.break_soon()

    def _edges(self) -> list[int]:
        """Addresses at which the permission may change."""
        edges = set()
        for base, rasr in zip(self.rbar, self.rasr, strict=True):
            if rasr & RASR_ENABLE:
                bits = (rasr >> 1 & 0x1F) + 1
                eighth = 1 << max(bits - 3, 5)
                edges.update(base + i * eighth for i in range(9))
        return sorted(edges)

    def apply(self) -> None:
        """Close the pages of RAM and ITCM in which an address is forbidden; open those of before."""
        self.stale = False
        closed: set[int] = set()
        if self.ctrl & CTRL_ENABLE:
            edges = self._edges()
            for region in (self._board.cpu.memory.itcm, self._board.cpu.memory.ram):
                for page in range(region.base, region.base + region.size, PAGE):
                    probes = [page, *(e for e in edges if page < e < page + PAGE)]
                    if any(self.forbids(a, "read") for a in probes):
                        closed.add(page)
        uc = self._board.cpu.uc
        for page in closed - self._closed:
            uc.mem_protect(page, PAGE, UC_PROT_NONE)
        for page in self._closed - closed:
            uc.mem_protect(page, PAGE, UC_PROT_ALL)
        self._closed = closed

    def let_through(self, address: int) -> bool:
        """A closed page was hit at an allowed address: open it until `close_again`."""
        page = address & ~(PAGE - 1)
        if page not in self._closed or self.forbids(address, "read"):
            return False
        self._board.cpu.uc.mem_protect(page, PAGE, UC_PROT_ALL)
        return True

    def close_again(self, address: int) -> None:
        self._board.cpu.uc.mem_protect(address & ~(PAGE - 1), PAGE, UC_PROT_NONE)


