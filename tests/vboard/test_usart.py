"""The serial port: timing, flags, a wrong baud rate, noise."""

from __future__ import annotations

import pytest

from tools.vboard.regs import bits

INIT = """
    static void init(uint32_t brr) {
        R(RCC, RCC, APB2ENR) |= RCC_APB2ENR_USART1EN;
        R(USART1, USART, BRR) = brr;
        R(USART1, USART, CR1) = USART_CR1_UE | USART_CR1_RE | USART_CR1_TE;
    }
    static void put(uint32_t c) { while (!(R(USART1, USART, ISR) & USART_ISR_TXE)) {} R(USART1, USART, TDR) = c; }
    static uint32_t get(void) { while (!(R(USART1, USART, ISR) & USART_ISR_RXNE)) {} return R(USART1, USART, RDR); }
"""


def test_bytes_take_their_time_on_the_line(bare):
    """Throughput measured here would be wrong: ten bytes at 115200 baud are 868 us."""
    b = bare(INIT + """
        int main(void) {
            init(139);
            for (int i = 0; i < 10; i++) put('0' + i);
            while (!(R(USART1, USART, ISR) & USART_ISR_TC)) {}
            return 0;
        }
    """)
    b.finish()
    assert b.read() == b"0123456789"
    assert b.now_s == pytest.approx(10 * 10 * 139 / 16e6, rel=0.01)


def test_typed_bytes_arrive_and_an_unread_one_overruns(bare):
    """A byte lost in the firmware's interrupt handling must be seen as lost, not repaired by the simulator."""
    b = bare(INIT + """
        volatile uint32_t first, second, isr, after;
        int main(void) {
            init(139); first = get(); second = get();
            W(0xE000E014) = 15999; W(0xE000E018) = 0; W(0xE000E010) = 5;
            while (!(W(0xE000E010) & 0x10000)) {}
            isr = R(USART1, USART, ISR); R(USART1, USART, ICR) = USART_ICR_ORECF; after = R(USART1, USART, ISR);
            return 0;
        }
    """)
    b.write(b"abcdef")
    b.finish()
    assert (b.var("first"), b.var("second")) == (ord("a"), ord("b"))
    assert b.var("isr") & bits.USART_ISR_ORE
    assert not b.var("after") & bits.USART_ISR_ORE


def test_a_wrong_divider_garbles_both_directions(bare):
    """A BRR for another clock would look fine in a simulator without baud rates and print rubbish on the board."""
    b = bare(INIT + "volatile uint32_t c, isr; int main(void) { init(150); put('U'); c = get(); isr = R(USART1, USART, ISR); return 0; }")
    b.write(b"U")
    b.finish()
    b.run(0.001)
    assert b.read() != b"U"
    assert b.var("c") != ord("U")
    assert b.var("isr") & 2


def test_interrupts_and_injected_noise(bare):
    """The noise flag must reach the firmware, and each byte exactly once."""
    b = bare(INIT + """
        volatile uint32_t got, noisy;
        void irq_USART1(void) {
            uint32_t isr = R(USART1, USART, ISR);
            if (isr & USART_ISR_RXNE) { (void)R(USART1, USART, RDR); got++; }
            if (isr & USART_ISR_NE) { noisy++; R(USART1, USART, ICR) = USART_ICR_NCF; }
        }
        int main(void) {
            init(139); R(USART1, USART, CR1) |= USART_CR1_RXNEIE; W(0xE000E104) = 1 << (37 - 32);
            while (got < 200) __asm volatile("wfi");
            return 0;
        }
    """)
    b.inject("uart_noise", probability=0.25)
    b.write(bytes(200))
    b.finish()
    assert 20 < b.var("noisy") < 80
