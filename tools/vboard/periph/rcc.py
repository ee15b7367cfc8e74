"""RCC: oscillators, PLL, bus prescalers, clock gates, reset causes. A wrong clock tree is an error."""

from __future__ import annotations

import re

from ..bus import Peripheral
from ..errors import ClockTreeError, NotModelled
from ..events import ticks
from ..nvic import NMI
from ..regs import TABLE, bits, field

HSI_HZ, LSI_HZ, LSE_HZ = 16_000_000, 32_000, 32_768
# Start-up times. The LSE's data sheet figure is about 2 s; a shorter one keeps runs short.
READY_AFTER = {"HSI": ticks(2e-6), "HSE": ticks(2e-3), "PLL": ticks(200e-6), "LSI": ticks(40e-6), "LSE": ticks(0.1)}
AHB_DIVIDER = {8: 2, 9: 4, 10: 8, 11: 16, 12: 64, 13: 128, 14: 256, 15: 512}
APB_DIVIDER = {4: 2, 5: 4, 6: 8, 7: 16}
SYSCLK_MAX, APB1_MAX, APB2_MAX = 216_000_000, 54_000_000, 108_000_000
HZ_PER_WAIT_STATE = 30_000_000  # at 2.7 to 3.6 V
# Highest HCLK by voltage scale (VOS 1, 2, 3), without and with over-drive.
SCALE_MAX = {1: (144_000_000, 144_000_000), 2: (168_000_000, 180_000_000), 3: (180_000_000, 216_000_000)}
RESET_FLAGS = {
    "power": bits.RCC_CSR_PORRSTF | bits.RCC_CSR_BORRSTF | bits.RCC_CSR_PINRSTF,
    "pin": bits.RCC_CSR_PINRSTF,
    "software": bits.RCC_CSR_SFTRSTF | bits.RCC_CSR_PINRSTF,
    "watchdog": bits.RCC_CSR_IWDGRSTF | bits.RCC_CSR_PINRSTF,
}
FLAG_MASK = RESET_FLAGS["power"] | RESET_FLAGS["software"] | RESET_FLAGS["watchdog"]
SOURCES = ("HSI", "HSE", "PLL")


def _gates() -> dict[str, tuple[str, int]]:
    """Peripheral name -> (enable register, mask), from the masks' names."""
    table = {}
    for name, mask in TABLE["masks"].items():
        m = re.fullmatch(r"RCC_(\w+ENR)_(\w+)EN", name)
        if m:
            table[m[2]] = (m[1], int(mask, 16))
    table["QUADSPI"] = table["QSPI"]
    return table


class Rcc(Peripheral):
    FAMILY = "RCC"
    ALWAYS_CLOCKED = True
    RESET = {"CR": 0x83, "PLLCFGR": 0x2400_3010, "CSR": 0x0E00_0000, "AHB1ENR": 0x0010_0000,
             "AHB1LPENR": 0x7EF7_B7FF, "AHB2LPENR": 0xF1, "AHB3LPENR": 3, "APB1LPENR": 0xFFFF_CBFF,
             "APB2LPENR": 0x04F7_7F33 | 0x3800_0000, "PLLI2SCFGR": 0x2400_3000, "PLLSAICFGR": 0x2400_3000}  # fmt: skip

    def __init__(self, board) -> None:
        self._gates = _gates()
        self.crystal_dead = False  # fault injection
        super().__init__(board, "RCC")

    def reset(self) -> None:
        # The backup domain (BDCR) and the reset flags live through a system reset.
        keep = {n: self.reg[n] for n in ("BDCR", "CSR")} if hasattr(self, "reg") and self.reg else {}
        super().reset()
        self.reg.update(keep)
        self.reg["CSR"] &= FLAG_MASK
        self.waiting: dict[str, list] = {}
        self.switching = None

    def note_reset(self, cause: str) -> None:
        if cause == "power":
            self.reg["CSR"] = 0
            self.reg["BDCR"] = 0
        self.reg["CSR"] |= RESET_FLAGS[cause]

    def is_clocked(self, name: str) -> bool:
        gate = self._gates.get(name)
        return gate is None or bool(self.reg[gate[0]] & gate[1])

    # ---- frequencies

    def pll_input_hz(self) -> int:
        source = self.hse_hz if self.reg["PLLCFGR"] & bits.RCC_PLLCFGR_PLLSRC_HSE else HSI_HZ
        return source // max(1, field(self.reg["PLLCFGR"], bits.RCC_PLLCFGR_PLLM))

    hse_hz = 25_000_000

    def vco_hz(self) -> int:
        return self.pll_input_hz() * field(self.reg["PLLCFGR"], bits.RCC_PLLCFGR_PLLN)

    def sysclk_hz(self) -> int:
        source = SOURCES[field(self.reg["CFGR"], bits.RCC_CFGR_SWS)]
        if source == "PLL":
            return self.vco_hz() // (2 * field(self.reg["PLLCFGR"], bits.RCC_PLLCFGR_PLLP) + 2)
        return HSI_HZ if source == "HSI" else self.hse_hz

    def hclk_hz(self) -> int:
        return self.sysclk_hz() // AHB_DIVIDER.get(field(self.reg["CFGR"], bits.RCC_CFGR_HPRE), 1)

    def pclk_hz(self, bus: int) -> int:
        mask = bits.RCC_CFGR_PPRE1 if bus == 1 else bits.RCC_CFGR_PPRE2
        return self.hclk_hz() // APB_DIVIDER.get(field(self.reg["CFGR"], mask), 1)

    def timer_hz(self, bus: int) -> int:
        divider = self.hclk_hz() // self.pclk_hz(bus)
        if self.reg["DCKCFGR1"] & bits.RCC_DCKCFGR1_TIMPRE:
            return self.hclk_hz() if divider <= 4 else 4 * self.pclk_hz(bus)
        return self.hclk_hz() if divider == 1 else 2 * self.pclk_hz(bus)

    def pll48_hz(self) -> int:
        if not self.reg["CR"] & bits.RCC_CR_PLLRDY:
            return 0
        return self.vco_hz() // max(1, field(self.reg["PLLCFGR"], bits.RCC_PLLCFGR_PLLQ))

    def _check_pll(self) -> None:
        reg = self.reg["PLLCFGR"]
        m, n = field(reg, bits.RCC_PLLCFGR_PLLM), field(reg, bits.RCC_PLLCFGR_PLLN)
        q = field(reg, bits.RCC_PLLCFGR_PLLQ)
        if m < 2 or not 50 <= n <= 432 or q < 2:
            raise ClockTreeError(f"RCC->PLLCFGR = {reg:#x}: M={m} N={n} Q={q} is outside 2..63, 50..432, 2..15")
        if not 950_000 <= self.pll_input_hz() <= 2_100_000:
            raise ClockTreeError(f"the PLL's input is {self.pll_input_hz()} Hz and must be 0.95 to 2.1 MHz")
        if not 100_000_000 <= self.vco_hz() <= 432_000_000:
            raise ClockTreeError(f"the PLL's VCO would run at {self.vco_hz()} Hz and must be 100 to 432 MHz")

    def check(self) -> None:
        """Raise when the running clocks are outside what the device allows."""
        sysclk, hclk = self.sysclk_hz(), self.hclk_hz()
        if sysclk > SYSCLK_MAX:
            raise ClockTreeError(f"SYSCLK would be {sysclk} Hz, above 216 MHz")
        for bus, limit in ((1, APB1_MAX), (2, APB2_MAX)):
            if self.pclk_hz(bus) > limit:
                raise ClockTreeError(f"APB{bus} would run at {self.pclk_hz(bus)} Hz, above {limit}")
        needed = -(-hclk // HZ_PER_WAIT_STATE) - 1
        latency = field(self._board.flash.reg["ACR"], bits.FLASH_ACR_LATENCY)
        if latency < needed:
            raise ClockTreeError(f"HCLK at {hclk} Hz needs {needed} flash wait states, FLASH->ACR has {latency}")
        vos, over_drive = self._board.pwr.scale()
        limit = SCALE_MAX[vos][over_drive]
        if hclk > limit:
            how = "with" if over_drive else "without"
            raise ClockTreeError(f"HCLK at {hclk} Hz; voltage scale {4 - vos} {how} over-drive allows {limit}")

    # ---- registers

    def _start(self, name: str, reg: str, on: int, ready: int, value: int) -> None:
        """Follow an enable bit: its ready bit comes after a delay and goes at once."""
        if value & on and not self.reg[reg] & on:
            if not (name == "HSE" and self.crystal_dead):
                when = self._board.now_ticks() + READY_AFTER[name[:3] if name not in READY_AFTER else name]
                self.waiting[name] = self._board.events.at(when, self._ready, (name, reg, ready))
        elif not value & on and self.reg[reg] & on:
            self._board.events.cancel(self.waiting.pop(name, None))
            self.reg[reg] &= ~ready

    def _ready(self, arg: tuple[str, str, int]) -> None:
        name, reg, ready = arg
        self.waiting.pop(name, None)
        self.reg[reg] |= ready

    def write_CR(self, value: int) -> None:
        source = SOURCES[field(self.reg["CFGR"], bits.RCC_CFGR_SWS)]
        on = {"HSI": bits.RCC_CR_HSION, "HSE": bits.RCC_CR_HSEON, "PLL": bits.RCC_CR_PLLON}
        if not value & on[source]:
            raise ClockTreeError(f"RCC->CR = {value:#x} switches off {source}, on which the core runs")
        if value & (bits.RCC_CR_PLLI2SON | bits.RCC_CR_PLLSAION):
            raise NotModelled("RCC->CR: PLLI2S and PLLSAI")
        if value & bits.RCC_CR_PLLON and not self.reg["CR"] & bits.RCC_CR_PLLON:
            needs = bits.RCC_CR_HSERDY if self.reg["PLLCFGR"] & bits.RCC_PLLCFGR_PLLSRC_HSE else bits.RCC_CR_HSIRDY
            if not self.reg["CR"] & needs:
                raise ClockTreeError("RCC->CR: the PLL is switched on before its source is ready")
            self._check_pll()
        self._start("HSI", "CR", bits.RCC_CR_HSION, bits.RCC_CR_HSIRDY, value)
        self._start("HSE", "CR", bits.RCC_CR_HSEON, bits.RCC_CR_HSERDY, value)
        self._start("PLL", "CR", bits.RCC_CR_PLLON, bits.RCC_CR_PLLRDY, value)
        ready = bits.RCC_CR_HSIRDY | bits.RCC_CR_HSERDY | bits.RCC_CR_PLLRDY
        self.reg["CR"] = value & ~ready | self.reg["CR"] & ready

    def write_PLLCFGR(self, value: int) -> None:
        if self.reg["CR"] & bits.RCC_CR_PLLON:
            raise ClockTreeError(f"RCC->PLLCFGR = {value:#x} while the PLL is on")
        self.reg["PLLCFGR"] = value

    def write_CFGR(self, value: int) -> None:
        wanted = field(value, bits.RCC_CFGR_SW)
        ready = {0: bits.RCC_CR_HSIRDY, 1: bits.RCC_CR_HSERDY, 2: bits.RCC_CR_PLLRDY}.get(wanted, 0)
        if not self.reg["CR"] & ready:
            raise ClockTreeError(f"RCC->CFGR = {value:#x} selects a clock that is not ready")
        self.reg["CFGR"] = value & ~bits.RCC_CFGR_SWS | wanted << 2
        self._changed()

    def _changed(self) -> None:
        self.check()
        self._board.clock_changed(self.hclk_hz())

    def write_CIR(self, value: int) -> None:
        if value & bits.RCC_CIR_CSSC:
            self.reg["CIR"] &= ~bits.RCC_CIR_CSSF
        if value & 0x7F00:
            raise NotModelled(f"RCC->CIR = {value:#x}: ready interrupts")

    def write_CSR(self, value: int) -> None:
        self._start("LSI", "CSR", bits.RCC_CSR_LSION, bits.RCC_CSR_LSIRDY, value)
        keep = self.reg["CSR"] & (FLAG_MASK | bits.RCC_CSR_LSIRDY)
        if value & bits.RCC_CSR_RMVF:
            keep &= ~FLAG_MASK
        self.reg["CSR"] = keep | value & bits.RCC_CSR_LSION

    def write_BDCR(self, value: int) -> None:
        if not self._board.pwr.backup_writable():
            return
        if value & bits.RCC_BDCR_BDRST:
            self.reg["BDCR"] = bits.RCC_BDCR_BDRST
            self._board.rtc.reset_domain()
            return
        self._start("LSE", "BDCR", bits.RCC_BDCR_LSEON, bits.RCC_BDCR_LSERDY, value)
        ready = bits.RCC_BDCR_LSERDY
        self.reg["BDCR"] = value & ~ready | self.reg["BDCR"] & ready

    def _write_reset(self, register: str, value: int) -> None:
        """A peripheral in reset has its reset values; the pulse's rising edge does it."""
        rising = value & ~self.reg[register]
        self.reg[register] = value
        if rising:
            for name, mask in TABLE["masks"].items():
                if name.startswith(f"RCC_{register}_") and int(mask, 16) & rising:
                    self._board.reset_peripheral(name.removeprefix(f"RCC_{register}_").removesuffix("RST"))

    def update_gates(self) -> None:
        """Tell every part whether its clock runs."""
        for part in self._board.parts.values():
            if isinstance(part, Peripheral):
                part.clocked = part.ALWAYS_CLOCKED or self.is_clocked(part.name)

    def _write_gate(self, register: str, value: int) -> None:
        self.reg[register] = value
        self.update_gates()

    def write_AHB1ENR(self, value: int) -> None:
        self._write_gate("AHB1ENR", value)

    def write_AHB2ENR(self, value: int) -> None:
        self._write_gate("AHB2ENR", value)

    def write_AHB3ENR(self, value: int) -> None:
        self._write_gate("AHB3ENR", value)

    def write_APB1ENR(self, value: int) -> None:
        self._write_gate("APB1ENR", value)

    def write_APB2ENR(self, value: int) -> None:
        self._write_gate("APB2ENR", value)

    def write_AHB1RSTR(self, value: int) -> None:
        self._write_reset("AHB1RSTR", value)

    def write_AHB2RSTR(self, value: int) -> None:
        self._write_reset("AHB2RSTR", value)

    def write_AHB3RSTR(self, value: int) -> None:
        self._write_reset("AHB3RSTR", value)

    def write_APB1RSTR(self, value: int) -> None:
        self._write_reset("APB1RSTR", value)

    def write_APB2RSTR(self, value: int) -> None:
        self._write_reset("APB2RSTR", value)

    # ---- fault injection

    def kill_crystal(self) -> None:
        """The crystal stops. With the clock security system on, the core falls to HSI and takes an NMI."""
        self.crystal_dead = True
        self._board.events.cancel(self.waiting.pop("HSE", None))
        was_ready = self.reg["CR"] & bits.RCC_CR_HSERDY
        self.reg["CR"] &= ~bits.RCC_CR_HSERDY
        source = SOURCES[field(self.reg["CFGR"], bits.RCC_CFGR_SWS)]
        from_hse = source == "HSE" or (source == "PLL" and self.reg["PLLCFGR"] & bits.RCC_PLLCFGR_PLLSRC_HSE)
        if was_ready and from_hse:
            if not self.reg["CR"] & bits.RCC_CR_CSSON:
                raise ClockTreeError("the crystal died with the clock security system off: the core has no clock")
            self.reg["CR"] &= ~(bits.RCC_CR_HSEON | bits.RCC_CR_PLLON | bits.RCC_CR_PLLRDY | bits.RCC_CR_CSSON)
            self.reg["CR"] |= bits.RCC_CR_HSION | bits.RCC_CR_HSIRDY
            self.reg["CFGR"] &= ~(bits.RCC_CFGR_SW | bits.RCC_CFGR_SWS)
            self.reg["CIR"] |= bits.RCC_CIR_CSSF
            self._changed()
            self._board.nvic.set_pending(NMI)

    def kill_crystal_event(self, _arg) -> None:
        self.kill_crystal()
