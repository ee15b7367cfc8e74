"""Builds the peripherals of the STM32F769I-DISCO and hangs them on the bus."""

from __future__ import annotations

from .bus import Peripheral
from .periph.crc import Crc
from .periph.dfsdm import Dfsdm
from .periph.dma import Dma
from .periph.exti import Exti, Syscfg
from .periph.flash import Flash
from .periph.gpio import Gpio
from .periph.i2c import I2c
from .periph.ids import Dbgmcu
from .periph.iwdg import Iwdg
from .periph.nor import Nor
from .periph.pwr import Pwr
from .periph.quadspi import QuadSpi
from .periph.rcc import Rcc
from .periph.rng import Rng
from .periph.rtc import Rtc
from .periph.tim import Tim
from .periph.usart import Usart
from .regs import BASE

USARTS = ("USART1", "USART2", "USART3", "UART4", "UART5", "USART6", "UART7", "UART8")


def build(machine) -> None:
    """Each part becomes `machine.parts[name]` and an attribute of its lower-case name."""

    def add(part: Peripheral, base: int | None = None) -> None:
        machine.parts[part.name] = part
        setattr(machine, part.name.lower(), part)
        machine.bus.attach(BASE[part.name] if base is None else base, part)

    add(Rcc(machine))
    add(Pwr(machine, "PWR"))
    add(Flash(machine), BASE["FLASH_R"])
    add(Syscfg(machine, "SYSCFG"))
    add(Exti(machine, "EXTI"))
    for letter in "ABCDEFGHIJK":
        add(Gpio(machine, f"GPIO{letter}"))
    for name in USARTS:
        add(Usart(machine, name))
    add(Rng(machine, machine.seed))
    add(Dbgmcu(machine, "DBGMCU"))
    add(Iwdg(machine, "IWDG"))
    add(Crc(machine, "CRC"))
    machine.nor = machine.parts["NOR"] = Nor(machine)
    add(QuadSpi(machine, machine.nor), BASE["QSPI_R"])
    for name in ("DMA1", "DMA2"):
        add(Dma(machine, name))
    add(Dfsdm(machine, "DFSDM1"))
    for i in range(1, 15):
        add(Tim(machine, f"TIM{i}"))
    for i in range(1, 5):
        add(I2c(machine, f"I2C{i}"))
    add(Rtc(machine, "RTC"))
