// Time: a 1 ms tick, the cycle counter, delays, and sleep.

#include "machine_timer.h"
#include "port.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "repl_uart.h"

static volatile uint32_t ticks_ms;

void systick_init(void) {
    CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
    DWT->LAR = 0xC5ACCE55U; // the Cortex-M7 locks its watchpoint unit at reset
    DWT->CYCCNT = 0;
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
    machine_timer_init();
    SysTick->LOAD = SYSCLK_HZ / 1000U - 1U;
    SysTick->VAL = 0;
    NVIC_SetPriority(SysTick_IRQn, IRQ_PRI_SYSTICK);
    SysTick->CTRL = SysTick_CTRL_CLKSOURCE_Msk | SysTick_CTRL_TICKINT_Msk | SysTick_CTRL_ENABLE_Msk;
}

void SysTick_Handler(void);
void SysTick_Handler(void) {
    ticks_ms = ticks_ms + 1;
    machine_timer_tick(ticks_ms);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return ticks_ms;
}

mp_uint_t mp_hal_ticks_us(void) {
    uint32_t irq_state = irq_save();
    uint32_t left = SysTick->VAL;
    uint32_t ms = ticks_ms;
    if (SCB->ICSR & SCB_ICSR_PENDSTSET_Msk) {
        // The counter went round but its handler has not run yet; read it again, now surely behind the turn.
        left = SysTick->VAL;
        ++ms;
    }
    irq_restore(irq_state);
    return ms * 1000U + (SysTick->LOAD - left) / CYCLES_PER_US;
}

void mp_hal_delay_us(mp_uint_t us) {
    // In turns, so that the 32-bit cycle counter may wrap.
    for (mp_uint_t turn; us; us -= turn) {
        turn = us < 1000000U ? us : 1000000U;
        uint32_t start = DWT->CYCCNT;
        while (DWT->CYCCNT - start < turn * CYCLES_PER_US) {
        }
    }
}

// Sleeps until an interrupt, unless something waits to be done: a scheduled callback or, where `for_input`, a typed byte.
static void sleep_if_idle(bool for_input) {
    uint32_t irq_state = irq_save();
    // What arrived before this line is seen here; what arrives after it ends the sleep, because a pending interrupt
    // wakes the core even while it is masked.
    if (irq_state == 0 && MP_STATE_VM(sched_state) != MP_SCHED_PENDING && !(for_input && repl_uart_readable())) {
        __WFI();
    }
    irq_restore(irq_state);
}

void port_wait_for_event(void) {
    sleep_if_idle(true);
}

void mp_hal_delay_ms(mp_uint_t ms) {
    if (irq_in_handler() || __get_PRIMASK()) {
        mp_hal_delay_us(ms * 1000U);
        return;
    }
    mp_uint_t start = mp_hal_ticks_us();
    mp_uint_t elapsed_ms = 0;
    // At least `ms` whole milliseconds; counted in whole ones because microseconds wrap after 71 minutes.
    while (elapsed_ms < ms) {
        mp_event_handle_nowait();
        sleep_if_idle(false); // bytes typed meanwhile stay in their ring and must not keep the core awake
        mp_uint_t whole = (mp_hal_ticks_us() - start) / 1000U;
        start += whole * 1000U;
        elapsed_ms += whole;
    }
    mp_event_handle_nowait();
}
