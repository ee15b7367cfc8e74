"""The smaller peripherals: timers, pins, I2C, watchdog, random numbers, CRC, calendar, identity."""

from __future__ import annotations

import zlib

import pytest


def test_timer_interrupts_come_in_its_period(bare):
    """A timer of 1 kHz must not be one of 500 Hz: prescaler, auto-reload and clock all count."""
    b = bare("""
        volatile uint32_t count;
        void irq_TIM6_DAC(void) { R(TIM6, TIM, SR) = 0; count++; }
        int main(void) {
            R(RCC, RCC, APB1ENR) |= RCC_APB1ENR_TIM6EN;
            R(TIM6, TIM, PSC) = 15; R(TIM6, TIM, ARR) = 999; R(TIM6, TIM, EGR) = 1; R(TIM6, TIM, SR) = 0;
            R(TIM6, TIM, DIER) = 1; W(0xE000E104) = 1 << (54 - 32); R(TIM6, TIM, CR1) = 1;
            while (count < 20) __asm volatile("wfi");
            return 0;
        }
    """)
    b.finish()
    assert b.now_s == pytest.approx(0.020, rel=0.001)


def test_a_pin_from_outside_interrupts(bare):
    """The button: an edge on PA0 reaches EXTI0 once, and only the edge that was asked for."""
    b = bare("""
        volatile uint32_t count, level;
        void irq_EXTI0(void) { R(EXTI, EXTI, PR) = 1; count++; level = R(GPIOA, GPIO, IDR) & 1; }
        int main(void) {
            R(RCC, RCC, AHB1ENR) |= RCC_AHB1ENR_GPIOAEN | RCC_AHB1ENR_GPIOJEN;
            R(RCC, RCC, APB2ENR) |= RCC_APB2ENR_SYSCFGEN;
            R(EXTI, EXTI, RTSR) = 1; R(EXTI, EXTI, IMR) = 1; W(0xE000E100) = 1 << 6;
            R(GPIOJ, GPIO, MODER) = 1 << 26; R(GPIOJ, GPIO, BSRR) = 1 << 13;
            while (count < 2) __asm volatile("wfi");
            R(GPIOJ, GPIO, BSRR) = 1 << 29;
            return 0;
        }
    """)
    b.run(0.001)
    assert b.pin("PJ13") == 1
    for level in (1, 0, 1):
        b.set_pin("PA0", level)
        b.run(0.001)
    assert (b.var("count"), b.var("level"), b.pin("PJ13")) == (2, 1, 0)


class Memory:
    """A device with 256 registers; the first byte written is the address."""

    def __init__(self) -> None:
        self.cells, self.at = bytearray(range(256)), 0

    def write(self, data: bytes) -> None:
        if data:
            self.at = data[0]
            self.cells[self.at : self.at + len(data) - 1] = data[1:]

    def read(self, n: int) -> bytes:
        self.at += n
        return bytes(self.cells[self.at - n : self.at])


def test_i2c_talks_to_a_device_and_hears_when_there_is_none(bare):
    """Drivers look at NACK and STOP flags; an absent sensor must look absent."""
    b = bare("""
        #define I(name) R(I2C1, I2C, name)
        volatile uint32_t nack, got[2];
        static uint32_t wait(uint32_t flags) { for (;;) { uint32_t s = I(ISR); if (s & flags) return s; } }
        int main(void) {
            R(RCC, RCC, APB1ENR) |= RCC_APB1ENR_I2C1EN; R(RCC, RCC, AHB1ENR) |= RCC_AHB1ENR_GPIOBEN;
            R(GPIOB, GPIO, OTYPER) = 3 << 8; W(GPIOB_BASE + 0x24) = 0x44; R(GPIOB, GPIO, MODER) = 0xA << 16 | 0x280;
            I(TIMINGR) = 0x00303D5B; I(CR1) = 1;
            I(CR2) = 0x51 << 1 | 1 << 16 | 1 << 13 | 1 << 25;
            nack = wait(I2C_ISR_NACKF | I2C_ISR_TXIS) & I2C_ISR_NACKF;
            wait(I2C_ISR_STOPF); I(ICR) = I2C_ICR_STOPCF | I2C_ICR_NACKCF;
            I(CR2) = 0x50 << 1 | 1 << 16 | 1 << 13;
            wait(I2C_ISR_TXIS); I(TXDR) = 0x42; wait(I2C_ISR_TC);
            I(CR2) = 0x50 << 1 | I2C_CR2_RD_WRN | 2 << 16 | 1 << 13 | 1 << 25;
            for (int i = 0; i < 2; i++) { wait(I2C_ISR_RXNE); got[i] = I(RXDR); }
            wait(I2C_ISR_STOPF);
            return 0;
        }
    """)
    b.i2c1.attach(0x50, Memory())
    b.finish()
    assert b.var("nack")
    assert (b.var("got"), b.var("got", 1)) == (0x42, 0x43)


def test_the_watchdog_resets_and_says_so(bare):
    """A hung program must come back, with the reason in RCC->CSR."""
    b = bare("""
        volatile uint32_t csr __attribute__((section(".noinit")));
        int main(void) {
            csr = R(RCC, RCC, CSR);
            if (csr & RCC_CSR_IWDGRSTF) return 0;
            R(IWDG, IWDG, KR) = 0xCCCC; R(IWDG, IWDG, KR) = 0x5555; R(IWDG, IWDG, PR) = 0; R(IWDG, IWDG, RLR) = 799;
            while (R(IWDG, IWDG, SR)) {}
            R(IWDG, IWDG, KR) = 0xAAAA;
            for (;;) {}
        }
    """)
    b.finish()
    assert b.resets == 2
    assert b.now_s == pytest.approx(0.1, rel=0.05)


def test_crc_unit_agrees_with_zlib(bare):
    """The usual CRC-32: reversed bytes in, reversed word out."""
    b = bare("""
        volatile uint32_t crc;
        int main(void) {
            R(RCC, RCC, AHB1ENR) |= RCC_AHB1ENR_CRCEN;
            R(CRC, CRC, CR) = 1 | 1 << 5 | 1 << 7;
            const char *text = "123456789";
            while (*text) *(volatile uint8_t *)&R(CRC, CRC, DR) = *text++;
            crc = ~R(CRC, CRC, DR);
            return 0;
        }
    """)
    b.finish()
    assert b.var("crc") == zlib.crc32(b"123456789")


def test_the_chip_says_who_it_is(bare):
    """machine.unique_id and flash size come from these words."""
    b = bare("""
        volatile uint32_t id, flash_kb, uid;
        int main(void) { id = W(0xE0042000) & 0xFFF; flash_kb = *(volatile uint16_t *)0x1FF0F442; uid = W(0x1FF0F420); return 0; }
    """)
    b.finish()
    assert (b.var("id"), b.var("flash_kb")) == (0x451, 2048)
    assert b.var("uid") not in (0, 0xFFFFFFFF)


def test_the_calendar_runs_from_the_low_speed_oscillator(bare):
    """Set, leave initialisation mode, wait a second, read."""
    b = bare("""
        volatile uint32_t tr, dr, second;
        void systick(void) { second = 1; }
        int main(void) {
            R(RCC, RCC, APB1ENR) |= RCC_APB1ENR_PWREN | RCC_APB1ENR_RTCEN;
            R(PWR, PWR, CR1) |= PWR_CR1_DBP;
            R(RCC, RCC, CSR) |= RCC_CSR_LSION; while (!(R(RCC, RCC, CSR) & RCC_CSR_LSIRDY)) {}
            R(RCC, RCC, BDCR) = 2 << 8 | RCC_BDCR_RTCEN;
            R(RTC, RTC, WPR) = 0xCA; R(RTC, RTC, WPR) = 0x53;
            R(RTC, RTC, ISR) = 0x80; while (!(R(RTC, RTC, ISR) & 0x40)) {}
            R(RTC, RTC, PRER) = 127 << 16 | 249;
            R(RTC, RTC, TR) = 0x235959; R(RTC, RTC, DR) = 0x240228 | 3 << 13;
            R(RTC, RTC, ISR) = 0;
            W(0xE000E014) = 15999999; W(0xE000E018) = 0; W(0xE000E010) = 7;
            while (!second) __asm volatile("wfi");
            tr = R(RTC, RTC, TR); dr = R(RTC, RTC, DR);
            return 0;
        }
    """)
    b.finish(3)
    assert b.var("tr") == 0
    assert b.var("dr") == 0x240229 | 4 << 13  # a leap day, a Thursday


def test_random_numbers_need_their_clock_and_repeat_with_the_seed(bare):
    """A run must be repeatable, and another seed another run."""
    source = """
        volatile uint32_t word;
        int main(void) {
            R(RCC, RCC, CR) |= RCC_CR_HSEON; while (!(R(RCC, RCC, CR) & RCC_CR_HSERDY)) {}
            R(RCC, RCC, PLLCFGR) = 25 | 432 << 6 | 9 << 24 | 2 << 28 | RCC_PLLCFGR_PLLSRC_HSE;
            R(RCC, RCC, CR) |= RCC_CR_PLLON; while (!(R(RCC, RCC, CR) & RCC_CR_PLLRDY)) {}
            R(RCC, RCC, AHB2ENR) |= RCC_AHB2ENR_RNGEN; R(RNG, RNG, CR) = RNG_CR_RNGEN;
            while (!(R(RNG, RNG, SR) & RNG_SR_DRDY)) {}
            word = R(RNG, RNG, DR);
            return 0;
        }
    """
    words = []
    for seed in (1, 1, 2):
        b = bare(source, seed=seed)
        b.finish()
        words.append(b.var("word"))
    assert words[0] == words[1] != words[2]
