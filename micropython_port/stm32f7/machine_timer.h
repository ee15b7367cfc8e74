// What the port calls of machine.Timer.
#ifndef MACHINE_TIMER_H
#define MACHINE_TIMER_H

#include <stdint.h>

// Once after a hardware reset.
void machine_timer_init(void);
// From the 1 ms tick's interrupt, with the tick's new value.
void machine_timer_tick(uint32_t now_ms);
// Calls the timers that are due.
void PendSV_Handler(void);

#endif
