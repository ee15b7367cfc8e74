// The hardware layer that MicroPython's core asks for: standard input and output, random numbers.

#include "py/mphal.h"

#include "port.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "repl_uart.h"

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        int c = repl_uart_get();
        if (c >= 0) {
            return c;
        }
        mp_event_wait_indefinite(); // runs scheduled callbacks, so that an application goes on behind the prompt
    }
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t len) {
    repl_uart_put(text, len);
    return len;
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = 0;
    if ((flags & MP_STREAM_POLL_RD) && repl_uart_readable()) {
        ready |= MP_STREAM_POLL_RD;
    }
    if ((flags & MP_STREAM_POLL_WR) && repl_uart_writable()) {
        ready |= MP_STREAM_POLL_WR;
    }
    return ready;
}

uint32_t rng_get(void) {
    if (!(RCC->AHB2ENR & RCC_AHB2ENR_RNGEN)) {
        RCC->AHB2ENR |= RCC_AHB2ENR_RNGEN;
        (void)RCC->AHB2ENR;
        RNG->CR = RNG_CR_RNGEN;
    }
    uint32_t start = DWT->CYCCNT;
    while (!(RNG->SR & RNG_SR_DRDY)) {
        if (RNG->SR & RNG_SR_SEIS) {
            // A seed error: the manual's way out.
            RNG->SR = 0;
            RNG->CR = 0;
            RNG->CR = RNG_CR_RNGEN;
        }
        if (DWT->CYCCNT - start > 1000U * CYCLES_PER_US) {
            return DWT->CYCCNT * 2654435761U; // the generator is broken: better than nothing
        }
    }
    return RNG->DR;
}
