"""Who the chip says it is: DBGMCU's device id, the unique id, the flash size, the package."""

from __future__ import annotations

import struct

from ..bus import Peripheral
from ..memory import SYSTEM_BASE
from ..regs import BASE

IDCODE = 0x2001_6451  # revision A of device 0x451
UNIQUE_ID = (0x0031_0042, 0x3038_5101, 0x2036_3546)
FLASH_KB = 2048
PACKAGE_BGA216 = 0x700


class Dbgmcu(Peripheral):
    FAMILY = "DBGMCU"
    ALWAYS_CLOCKED = True
    RESET = {"IDCODE": IDCODE}

    def write_IDCODE(self, _value: int) -> None:
        """Read-only; hardware ignores it."""


def fill_system_memory(view: memoryview) -> None:
    """The read-only words of the system memory page."""
    struct.pack_into("<3I", view, BASE["UID"] - SYSTEM_BASE, *UNIQUE_ID)
    struct.pack_into("<H", view, BASE["FLASHSIZE"] - SYSTEM_BASE, FLASH_KB)
    struct.pack_into("<H", view, BASE["PACKAGE"] - SYSTEM_BASE, PACKAGE_BGA216)
