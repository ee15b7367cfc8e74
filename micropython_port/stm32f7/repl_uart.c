// REPL on USART1: both directions through rings and one interrupt.

#include "board.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "port.h"
#include "repl_uart.h"
#include "shared/runtime/interrupt_char.h"

// mpremote sends at most 256 bytes ahead in raw-paste mode, but a person may paste a page.  Powers of two.
#define RX_SIZE 4096U
#define TX_SIZE 2048U

typedef struct {
    volatile uint32_t in, out; // free-running; `in` - `out` bytes are waiting
} ring_t;

static ring_t rx, tx;
static uint8_t rx_data[RX_SIZE], tx_data[TX_SIZE];
static volatile uint32_t lost;

void repl_uart_init(void) {
    RCC->APB2ENR |= RCC_APB2ENR_USART1EN;
    (void)RCC->APB2ENR;
    const unsigned pins[2][3] = {{BOARD_REPL_TX}, {BOARD_REPL_RX}};
    for (size_t i = 0; i < 2; ++i) {
        gpio_config(pins[i][0], pins[i][1], GPIO_ALTERNATE, false, GPIO_PULL_UP, GPIO_SPEED_LOW, pins[i][2]);
    }
    USART1->BRR = (PCLK2_HZ + BOARD_REPL_BAUD / 2) / BOARD_REPL_BAUD;
    USART1->CR1 = USART_CR1_UE | USART_CR1_RE | USART_CR1_TE | USART_CR1_RXNEIE;
    irq_enable(USART1_IRQn, IRQ_PRI_UART);
}

// Moves one byte to the transmitter if there is one and room for it.
static void feed_transmitter(void) {
    if (tx.out == tx.in) {
        USART1->CR1 &= ~USART_CR1_TXEIE;
    } else if (USART1->ISR & USART_ISR_TXE) {
        USART1->TDR = tx_data[tx.out % TX_SIZE];
        tx.out = tx.out + 1;
    }
}

void USART1_IRQHandler(void);
void USART1_IRQHandler(void) {
    uint32_t status = USART1->ISR;
    if (status & USART_ISR_RXNE) {
        int c = USART1->RDR & 0xFF;
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else if (rx.in - rx.out < RX_SIZE) {
            rx_data[rx.in % RX_SIZE] = (uint8_t)c;
            rx.in = rx.in + 1;
        } else {
            lost = lost + 1;
        }
    }
    if (status & (USART_ISR_ORE | USART_ISR_FE | USART_ISR_NE | USART_ISR_PE)) {
        lost = lost + ((status & USART_ISR_ORE) != 0);
        USART1->ICR = USART_ICR_ORECF | USART_ICR_FECF | USART_ICR_NCF | USART_ICR_PECF;
    }
    if (USART1->CR1 & USART_CR1_TXEIE) {
        feed_transmitter();
    }
}

int repl_uart_get(void) {
    if (rx.in == rx.out) {
        return -1;
    }
    int c = rx_data[rx.out % RX_SIZE];
    rx.out = rx.out + 1;
    return c;
}

bool repl_uart_readable(void) {
    return rx.in != rx.out;
}

bool repl_uart_writable(void) {
    return tx.in - tx.out < TX_SIZE;
}

uint32_t repl_uart_lost(void) {
    return lost;
}

// One byte into the ring; false when it is full.
static bool try_put(uint8_t byte) {
    if (!repl_uart_writable()) {
        return false;
    }
    tx_data[tx.in % TX_SIZE] = byte;
    tx.in = tx.in + 1;
    USART1->CR1 |= USART_CR1_TXEIE;
    return true;
}

void repl_uart_put(const char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        // Interrupts are off between the look at the ring and the sleep, which a pending interrupt ends all the same.
        uint32_t irq_state = irq_save();
        if (try_put((uint8_t)text[i])) {
            ++i;
        } else if (irq_state != 0 || irq_in_handler()) {
            feed_transmitter(); // the interrupt that empties the ring may not get its turn
        } else {
            __WFI();
        }
        irq_restore(irq_state);
    }
}

void repl_uart_flush(void) {
    for (;;) {
        uint32_t irq_state = irq_save();
        feed_transmitter();
        bool done = tx.in == tx.out && (USART1->ISR & USART_ISR_TC);
        irq_restore(irq_state);
        if (done) {
            return;
        }
    }
}

void repl_uart_put_now(const char *text) {
    if (!(USART1->CR1 & USART_CR1_UE)) {
        return; // the fault came before the port was set up
    }
    repl_uart_flush();
    for (; *text; ++text) {
        while (!(USART1->ISR & USART_ISR_TXE)) {
        }
        USART1->TDR = (uint8_t)*text;
    }
    while (!(USART1->ISR & USART_ISR_TC)) {
    }
}
