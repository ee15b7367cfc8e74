// The hardware layer for MicroPython, as py/mphal.h expects it.
#ifndef MPHALPORT_H
#define MPHALPORT_H

#include "port.h"
#include "shared/runtime/interrupt_char.h"

#define MICROPY_BEGIN_ATOMIC_SECTION() irq_save()
#define MICROPY_END_ATOMIC_SECTION(state) irq_restore(state)

#define MICROPY_INTERNAL_WFE(timeout_ms) port_wait_for_event() // the 1 ms tick is the longest sleep

#define mp_hal_quiet_timing_enter() irq_save()
#define mp_hal_quiet_timing_exit(state) irq_restore(state)
#define mp_hal_delay_us_fast(us) mp_hal_delay_us(us)

static inline uint32_t mp_hal_ticks_cpu(void) {
    return DWT->CYCCNT;
}
#define mp_hal_ticks_cpu mp_hal_ticks_cpu

void systick_init(void);

// mp_hal_pin_obj_t and the functions of the C-level pin interface.
#include "pin.h"

#endif
