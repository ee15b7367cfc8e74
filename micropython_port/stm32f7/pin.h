// machine.Pin's object and the pin functions that MicroPython's drivers (SoftI2C, SoftSPI, ...) call.
#ifndef PIN_H
#define PIN_H

#include "py/obj.h"

#include "port.h"

typedef struct {
    mp_obj_base_t base;
    uint8_t port; // 0 = A .. 10 = K
    uint8_t index; // 0 .. 15
} machine_pin_obj_t;

// Every pin of the package: ports A .. J have 16 pins, K has 8.
#define PIN_COUNT 168
extern const machine_pin_obj_t machine_pin_table[PIN_COUNT];
#define PIN_AT(port_letter, index) (&machine_pin_table[((port_letter) - 'A') * 16 + (index)])

// Pin.board, whose attributes are the board's names, and Pin.cpu (Pin.cpu.J13).
extern const mp_obj_type_t pin_board_type;
extern const mp_obj_base_t pin_cpu_obj;

// The pin that a Pin, a string ("PJ13", "LED_RED") or a tuple (("J", 13)) names; ValueError when none.
const machine_pin_obj_t *machine_pin_find(mp_obj_t name);

// For a peripheral whose pins are fixed: `given`, its argument called `name`, must be None or `pin`, else ValueError.
void machine_pin_check(mp_obj_t given, const machine_pin_obj_t *pin, const char *name);

// MicroPython's pin interface; its drivers print a pin with MP_HAL_PIN_FMT and mp_hal_pin_name(pin).
#define mp_hal_pin_obj_t const machine_pin_obj_t *
#define mp_hal_get_pin_obj(object) machine_pin_find(object)
#define MP_HAL_PIN_FMT "P%c%u"
#define mp_hal_pin_name(pin) ('A' + (pin)->port), (unsigned)(pin)->index

static inline void mp_hal_pin_input(mp_hal_pin_obj_t pin) {
    gpio_config(pin->port, pin->index, GPIO_INPUT, false, GPIO_PULL_NONE, GPIO_SPEED_LOW, 0);
}

static inline void mp_hal_pin_output(mp_hal_pin_obj_t pin) {
    gpio_config(pin->port, pin->index, GPIO_OUTPUT, false, GPIO_PULL_NONE, GPIO_SPEED_HIGH, 0);
}

static inline void mp_hal_pin_open_drain(mp_hal_pin_obj_t pin) {
    gpio_config(pin->port, pin->index, GPIO_OUTPUT, true, GPIO_PULL_UP, GPIO_SPEED_HIGH, 0);
}

static inline int mp_hal_pin_read(mp_hal_pin_obj_t pin) {
    return (gpio_port(pin->port)->IDR >> pin->index) & 1;
}

static inline int mp_hal_pin_read_output(mp_hal_pin_obj_t pin) {
    return (gpio_port(pin->port)->ODR >> pin->index) & 1;
}

static inline void mp_hal_pin_high(mp_hal_pin_obj_t pin) {
    gpio_port(pin->port)->BSRR = 1U << pin->index;
}

static inline void mp_hal_pin_low(mp_hal_pin_obj_t pin) {
    gpio_port(pin->port)->BSRR = 1U << (pin->index + 16);
}

static inline void mp_hal_pin_write(mp_hal_pin_obj_t pin, int value) {
    gpio_port(pin->port)->BSRR = 1U << (pin->index + (value ? 0 : 16));
}

static inline void mp_hal_pin_od_low(mp_hal_pin_obj_t pin) {
    mp_hal_pin_low(pin);
}

static inline void mp_hal_pin_od_high(mp_hal_pin_obj_t pin) {
    mp_hal_pin_high(pin);
}

#endif
