"""Names and numbers of the device's registers, from regs.json (see regs_gen.py; a test checks every entry).

`BASE["USART1"]`, `IRQ["USART1"]`, `REGISTERS["USART"]["BRR"]` (an offset), `bits.USART_CR1_UE` (a mask).
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

TABLE = json.loads(Path(__file__).with_name("regs.json").read_text())
BASE: dict[str, int] = {name: int(value, 16) for name, value in TABLE["bases"].items()}
IRQ: dict[str, int] = TABLE["irq"]
REGISTERS: dict[str, dict[str, int]] = TABLE["registers"]
bits = SimpleNamespace(**{name: int(value, 16) for name, value in TABLE["masks"].items()})


def field(value: int, mask: int) -> int:
    """The bits of `value` under `mask`, shifted down."""
    return (value & mask) >> (mask & -mask).bit_length() - 1
