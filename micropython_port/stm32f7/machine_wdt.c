// machine.WDT on the independent watchdog; included by extmod/machine_wdt.c.
//
// It runs from the low-speed internal oscillator (32 kHz nominal, 17 .. 47 kHz over the part's tolerance), so a timeout
// is about, not exactly, what was asked for.  Once started it cannot be stopped, not even by a soft reset.

#include "port.h"

#define KEY_FEED 0xAAAAU
#define KEY_UNLOCK 0x5555U
#define KEY_START 0xCCCCU

#define LSI_HZ 32000U
#define MAX_PRESCALER_CODE 6U // divides by 4 << code
#define MAX_RELOAD 0xFFFU
#define MAX_TIMEOUT_MS ((MAX_RELOAD + 1U) * (4U << MAX_PRESCALER_CODE) / (LSI_HZ / 1000U))

// The registers are in the watchdog's own clock domain: five of its cycles, with the prescaler at its largest.
#define UPDATE_TIMEOUT_US 50000U

struct _machine_wdt_obj_t {
    mp_obj_base_t base;
};

static const machine_wdt_obj_t wdt_singleton = { { &machine_wdt_type } };

static void set_timeout(uint32_t timeout_ms) {
    const uint32_t cycles = timeout_ms * (LSI_HZ / 1000U);
    uint32_t code = 0;
    while (cycles / (4U << code) > MAX_RELOAD + 1U) {
        ++code;
    }
    uint32_t reload = cycles / (4U << code);
    IWDG->KR = KEY_START; // starts the oscillator, which the updates below need
    IWDG->KR = KEY_UNLOCK;
    IWDG->PR = code;
    IWDG->RLR = reload == 0 ? 0 : (reload > MAX_RELOAD + 1U ? MAX_RELOAD : reload - 1U);
    for (uint32_t waited_us = 0; IWDG->SR != 0 && waited_us < UPDATE_TIMEOUT_US; waited_us += 10) {
        mp_hal_delay_us(10);
    }
    IWDG->KR = KEY_FEED;
}

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("id must be 0"));
    }
    if (timeout_ms < 1 || timeout_ms > (mp_int_t)MAX_TIMEOUT_MS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("timeout must be 1..%d ms"), (int)MAX_TIMEOUT_MS);
    }
    set_timeout(timeout_ms);
    return (machine_wdt_obj_t *)&wdt_singleton;
}

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    (void)self;
    IWDG->KR = KEY_FEED;
}
