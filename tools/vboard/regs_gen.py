"""Writes regs.json: the part of the device's fact file that the simulator names. Run after naming a new one.

    python -m tools.vboard.regs_gen [FACTS]        FACTS defaults to ../shared/facts/stm32f769.json
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
FAMILIES = ["CRC", "DFSDM_Filter", "DFSDM_Channel", "DBGMCU", "DMA_Stream", "DMA", "EXTI", "FLASH", "GPIO",
            "SYSCFG", "I2C", "IWDG", "PWR", "RCC", "RTC", "QUADSPI", "TIM", "USART", "RNG"]  # fmt: skip
BASES = re.compile(
    r"(GPIO[A-K]|USART\d|UART\d|I2C\d|TIM\d+|DMA[12](_Stream\d)?|DFSDM1(_(Channel|Filter)\d)?|CRC|DBGMCU|EXTI|FLASH_R"
    r"|FLASHAXI|FLASHITCM|FLASHSIZE|UID|PACKAGE|SYSCFG|IWDG|PWR|RCC|RTC|QSPI|QSPI_R|RNG|RAMDTCM|RAMITCM|SRAM[12])"
)
IRQS = re.compile(
    r"(USART\d|UART\d|I2C\d_E[VR]|TIM\d.*|DMA[12]_Stream\d|DFSDM1_FLT\d|EXTI.*|FLASH|RCC|RTC_.*|QUADSPI|RNG|TAMP.*)"
)


def used_masks(names: list[str]) -> list[str]:
    """The masks that the simulator's sources name as bits.X."""
    text = "".join(p.read_text() for p in sorted(HERE.rglob("*.py")) if p.name != "regs_gen.py")
    used = set(re.findall(r"\bbits\.(\w+)", text)) - {"X", "USART_CR1_UE"} | {"USART_CR1_UE"}
    unknown = used - set(names)
    if unknown:
        raise SystemExit(f"not in the fact file: {', '.join(sorted(unknown))}")
    # Clock gates and clock selections are looked up by the peripheral's name.
    return sorted(used | {n for n in names if re.fullmatch(r"RCC_\w+(ENR|RSTR)_\w+|RCC_DCKCFGR2_\w+SEL", n)})


def extract(facts: dict) -> dict:
    return {
        "bases": {k: v for k, v in facts["bases"].items() if BASES.fullmatch(k)},
        "irq": {k: v for k, v in facts["irq"].items() if IRQS.fullmatch(k)},
        "registers": {k: facts["registers"][k] for k in FAMILIES},
        "masks": {k: facts["masks"][k] for k in used_masks(list(facts["masks"]))},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = HERE.parents[1].parent / "shared" / "facts" / "stm32f769.json"
    parser.add_argument("facts", nargs="?", type=Path, default=default)
    table = extract(json.loads(parser.parse_args().facts.read_text()))
    (HERE / "regs.json").write_text(json.dumps(table, indent=0) + "\n")


if __name__ == "__main__":
    main()
