// The serial port that carries the REPL.
#ifndef REPL_UART_H
#define REPL_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void repl_uart_init(void);
// The next byte received, or -1.
int repl_uart_get(void);
bool repl_uart_readable(void);
bool repl_uart_writable(void);
// Blocks (asleep) only while the transmit ring is full.
void repl_uart_put(const char *text, size_t len);
// Waits until the last bit has left.
void repl_uart_flush(void);
// Polling, for fault handlers: first what the ring holds, then `text`.
void repl_uart_put_now(const char *text);
// Bytes lost because the receive ring was full or the receiver overran, since power-on.
uint32_t repl_uart_lost(void);

#endif
