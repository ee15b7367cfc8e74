"""What a firmware must not do, and that the simulator says where it did."""

from __future__ import annotations

import pytest

from tools.vboard import ClockTreeError, NotModelled, UnclockedAccess, UnmappedAccess


@pytest.mark.parametrize(
    ("statement", "error", "name"),
    [
        ("W(0x40020C18) = 1;", UnclockedAccess, r"GPIOD->BSRR"),
        ("(void)R(USART1, USART, ISR);", UnclockedAccess, r"USART1->ISR"),
        ("W(0x50050000) = 1;", UnmappedAccess, r"0x50050000"),
        ("W(0x40023C40) = 1;", UnmappedAccess, r"FLASH\+0x40"),
        ("R(FLASH_R, FLASH, CR) = 1;", NotModelled, r"FLASH->CR"),
        ("W(0xE000EF54) = 1;", NotModelled, r"0xe000ef54"),
    ],
)
def test_forbidden_accesses_stop_the_run_with_name_and_line(bare, statement, error, name):
    """Silently ignored accesses are bugs that appear on the real board only."""
    b = bare("int x;\nint main(void) {\n x = 1;\n " + statement + "\n return 0; }")
    with pytest.raises(error, match=name) as caught:
        b.finish()
    assert "test.c:4" in str(caught.value)
    assert "<main>" in str(caught.value) or "<reset_handler>" in str(caught.value)


CLOCKS = """
    static void clocks(uint32_t m, uint32_t n, uint32_t latency, int overdrive, uint32_t ppre1) {
        R(RCC, RCC, APB1ENR) |= RCC_APB1ENR_PWREN;
        R(RCC, RCC, CR) |= RCC_CR_HSEON;
        while (!(R(RCC, RCC, CR) & RCC_CR_HSERDY)) {}
        R(RCC, RCC, PLLCFGR) = m | n << 6 | 9 << 24 | 2 << 28 | RCC_PLLCFGR_PLLSRC_HSE;
        R(RCC, RCC, CR) |= RCC_CR_PLLON;
        if (overdrive) {
            R(PWR, PWR, CR1) |= PWR_CR1_ODEN;
            while (!(R(PWR, PWR, CSR1) & PWR_CSR1_ODRDY)) {}
            R(PWR, PWR, CR1) |= PWR_CR1_ODSWEN;
            while (!(R(PWR, PWR, CSR1) & PWR_CSR1_ODSWRDY)) {}
        }
        R(FLASH_R, FLASH, ACR) = latency;
        while (!(R(RCC, RCC, CR) & RCC_CR_PLLRDY)) {}
        R(RCC, RCC, CFGR) = ppre1 << 10 | 4 << 13 | 2;
        while ((R(RCC, RCC, CFGR) & RCC_CFGR_SWS) != 8) {}
    }
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("25, 432, 6, 1, 5", "wait states"),
        ("25, 432, 7, 0, 5", "over-drive"),
        ("25, 432, 7, 1, 4", "APB1"),
        ("50, 432, 7, 1, 5", "input"),
        ("20, 432, 7, 1, 5", "VCO"),
        ("25, 40, 7, 1, 5", "N=40"),
    ],
)
def test_a_wrong_clock_tree_is_an_error(bare, arguments, message):
    """An overclocked bus works on some boards and on some days."""
    b = bare(CLOCKS + f"int main(void) {{ clocks({arguments}); return 0; }}")
    with pytest.raises(ClockTreeError, match=message):
        b.finish()


def test_the_right_clock_tree_runs_at_216_mhz(bare):
    """All figures in milliseconds rest on this clock."""
    b = bare(CLOCKS + "int main(void) { clocks(25, 432, 7, 1, 5); return 0; }")
    b.finish()
    assert b.rcc.hclk_hz() == 216_000_000
    assert (b.rcc.pclk_hz(1), b.rcc.pclk_hz(2)) == (54_000_000, 108_000_000)
    assert b.rcc.timer_hz(1) == 108_000_000
