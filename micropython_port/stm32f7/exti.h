// Interrupts on pins: sixteen lines, one for every pin number; a line serves one port at a time.
#ifndef EXTI_H
#define EXTI_H

#include <stdbool.h>
#include <stdint.h>

enum { EXTI_RISING = 1, EXTI_FALLING = 2 };

// Called in the interrupt, its line's flag already cleared.
typedef void (*exti_handler_t)(unsigned line);

// Routes line `line` (0..15) to port `port` (0 = A .. 10 = K) and calls `handler` on the edges in `edges`
// (EXTI_RISING | EXTI_FALLING).  An edge seen before the call is forgotten.
void exti_enable(unsigned line, unsigned port, unsigned edges, exti_handler_t handler);
void exti_disable(unsigned line);

#endif
