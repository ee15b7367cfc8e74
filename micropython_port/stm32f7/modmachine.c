// Included by extmod/modmachine.c: the machine module's functions, and the classes that it lists besides its own.

#include "fault.h"
#include "port.h"
#include "repl_uart.h"
#include "reset.h"

extern const mp_obj_type_t machine_pdm_pcm_type;

#define ENTRY_RESET_CAUSE(name) {MP_ROM_QSTR(MP_QSTR_##name), MP_ROM_INT(name)},

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    {MP_ROM_QSTR(MP_QSTR_Pin), MP_ROM_PTR(&machine_pin_type)}, \
    {MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type)}, \
    {MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type)}, \
    {MP_ROM_QSTR(MP_QSTR_PDM_PCM), MP_ROM_PTR(&machine_pdm_pcm_type)}, \
    ENTRY_RESET_CAUSE(PWRON_RESET) \
    ENTRY_RESET_CAUSE(HARD_RESET) \
    ENTRY_RESET_CAUSE(WDT_RESET) \
    ENTRY_RESET_CAUSE(DEEPSLEEP_RESET) \
    ENTRY_RESET_CAUSE(SOFT_RESET) \
    ENTRY_RESET_CAUSE(FAULT_RESET)

static void mp_machine_idle(void) {
    mp_event_wait_indefinite();
}

static mp_obj_t mp_machine_unique_id(void) {
    return mp_obj_new_bytes((const byte *)UID_BASE, 12);
}

static mp_obj_t mp_machine_get_freq(void) {
    return MP_OBJ_NEW_SMALL_INT(SYSCLK_HZ);
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    if (mp_obj_get_int(args[0]) != (mp_int_t)SYSCLK_HZ) {
        mp_raise_ValueError(MP_ERROR_TEXT("freq is fixed at 216000000"));
    }
}

NORETURN static void mp_machine_reset(void) {
    repl_uart_flush();
    NVIC_SystemReset();
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause();
}

static bool irq_pending(void) {
    uint32_t pending = 0;
    for (size_t i = 0; i <= MDIOS_IRQn / 32; ++i) { // the device's last interrupt
        pending |= NVIC->ISPR[i] & NVIC->ISER[i];
    }
    return pending != 0;
}

// Sleeps until the time is over, or without a time until any interrupt but the tick.  Clocks go on, and so does audio.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    mp_int_t ms = n_args ? mp_obj_get_int(args[0]) : -1;
    repl_uart_flush();
    mp_uint_t start = mp_hal_ticks_ms();
    bool over = false;
    while (!over) {
        uint32_t irq_state = irq_save();
        __WFI();
        over = ms < 0 && irq_pending();
        irq_restore(irq_state);
        over = over || (ms >= 0 && mp_hal_ticks_ms() - start > (mp_uint_t)ms);
    }
}

NORETURN static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    mp_raise_NotImplementedError(MP_ERROR_TEXT("deepsleep: use lightsleep"));
}

NORETURN void mp_machine_bootloader(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    repl_uart_flush();
    reset_to_bootloader();
}
