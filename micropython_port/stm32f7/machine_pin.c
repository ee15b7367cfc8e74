// machine.Pin: every pin of the package by its name (Pin("PJ13")), its place (Pin(("J", 13))) or the board's name for
// it (Pin("LED_RED")); Pin.board and Pin.cpu hold the same objects as attributes.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "extmod/virtpin.h"
#include "shared/runtime/mpirq.h"

#include "exti.h"
#include "pin.h"

// Values of the constants that Python sees; OPEN_DRAIN and ALT_OPEN_DRAIN are the mode plus this bit.
#define MODE_OPEN_DRAIN_BIT 0x10
#define EXTI_LINES 16
#define NOT_GIVEN (-1)

typedef struct {
    mp_irq_obj_t base;
    uint32_t trigger;
    uint32_t flags; // what raised the last interrupt
} pin_irq_obj_t;

// One for each EXTI line that was ever used.
MP_REGISTER_ROOT_POINTER(void *machine_pin_irq[16]);

// Drivers configure a pin before they use it; a script may ask a pin that nobody has set up.
static const machine_pin_obj_t *clocked(mp_obj_t self_in) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!(RCC->AHB1ENR & (RCC_AHB1ENR_GPIOAEN << self->port))) {
        uint32_t irq_state = irq_save();
        RCC->AHB1ENR |= RCC_AHB1ENR_GPIOAEN << self->port;
        (void)RCC->AHB1ENR; // the clock needs two cycles
        irq_restore(irq_state);
    }
    return self;
}

static uint32_t field(volatile uint32_t *reg, unsigned width, unsigned index) {
    return (*reg >> (width * index)) & ((1U << width) - 1U);
}

static mp_int_t current_mode(const machine_pin_obj_t *self) {
    GPIO_TypeDef *gpio = gpio_port(self->port);
    mp_int_t mode = field(&gpio->MODER, 2, self->index);
    bool drives = mode == GPIO_OUTPUT || mode == GPIO_ALTERNATE;
    return mode | (drives && field(&gpio->OTYPER, 1, self->index) ? MODE_OPEN_DRAIN_BIT : 0);
}

static void configure(const machine_pin_obj_t *self, mp_int_t mode, mp_int_t pull, mp_int_t alternate) {
    mp_int_t function = mode & ~MODE_OPEN_DRAIN_BIT;
    bool open_drain = mode & MODE_OPEN_DRAIN_BIT;
    if (mode < 0 || function > GPIO_ANALOG || (open_drain && function != GPIO_OUTPUT && function != GPIO_ALTERNATE)) {
        mp_raise_ValueError(MP_ERROR_TEXT("mode is not one of Pin.IN, OUT, OPEN_DRAIN, ALT, ALT_OPEN_DRAIN, ANALOG"));
    }
    if (pull < GPIO_PULL_NONE || pull > GPIO_PULL_DOWN) {
        mp_raise_ValueError(MP_ERROR_TEXT("pull is not one of None, Pin.PULL_UP, Pin.PULL_DOWN"));
    }
    if (alternate < 0 || alternate > 15) {
        mp_raise_ValueError(MP_ERROR_TEXT("alt must be 0..15"));
    }
    gpio_config(self->port, self->index, function, open_drain, pull, GPIO_SPEED_HIGH, alternate);
}

static mp_int_t pull_from_object(mp_obj_t pull) {
    return pull == mp_const_none ? GPIO_PULL_NONE : mp_obj_get_int(pull);
}

// ---- construction --------------------------------------------------------------------------------------------------

// Pin.init(mode=None, pull=None, *, value=None, alt=None); what is None stays as it is, pull excepted.
static mp_obj_t pin_init_helper(const machine_pin_obj_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_mode, ARG_pull, ARG_value, ARG_alt };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_INT, { .u_int = NOT_GIVEN } },
        { MP_QSTR_pull, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_value, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_alt, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);
    clocked(MP_OBJ_FROM_PTR(self));
    if (vals[ARG_value].u_obj != mp_const_none) {
        // Before the mode, so that an output starts at its value.
        mp_hal_pin_write(self, mp_obj_is_true(vals[ARG_value].u_obj));
    }
    mp_int_t mode = vals[ARG_mode].u_int == NOT_GIVEN ? current_mode(self) : vals[ARG_mode].u_int;
    configure(self, mode, pull_from_object(vals[ARG_pull].u_obj), vals[ARG_alt].u_int);
    return mp_const_none;
}

mp_obj_t mp_pin_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    const machine_pin_obj_t *pin = machine_pin_find(args[0]);
    if (n_args > 1 || n_kw > 0) {
        mp_map_t kwargs;
        mp_map_init_fixed_table(&kwargs, n_kw, args + n_args);
        pin_init_helper(pin, n_args - 1, args + 1, &kwargs);
    }
    return MP_OBJ_FROM_PTR(pin);
}

static void pin_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_pin_obj_t *self = clocked(self_in);
    static const char *const names[] = { "IN", "OUT", "ALT", "ANALOG" };
    mp_int_t mode = current_mode(self);
    const char *name = names[mode & ~MODE_OPEN_DRAIN_BIT];
    if (mode & MODE_OPEN_DRAIN_BIT) {
        name = mode == (GPIO_OUTPUT | MODE_OPEN_DRAIN_BIT) ? "OPEN_DRAIN" : "ALT_OPEN_DRAIN";
    }
    mp_printf(print, "Pin(\"" MP_HAL_PIN_FMT "\", mode=Pin.%s)", mp_hal_pin_name(self), name);
}

// ---- methods -------------------------------------------------------------------------------------------------------

static mp_obj_t pin_init(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return pin_init_helper(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kwargs);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pin_init_obj, 1, pin_init);

// pin() -> 0 or 1; pin(value) sets it.
static mp_obj_t pin_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    const machine_pin_obj_t *self = clocked(self_in);
    if (n_args == 0) {
        return MP_OBJ_NEW_SMALL_INT(mp_hal_pin_read(self));
    }
    mp_hal_pin_write(self, mp_obj_is_true(args[0]));
    return mp_const_none;
}

static mp_obj_t pin_value(size_t n_args, const mp_obj_t *args) {
    return pin_call(args[0], n_args - 1, 0, args + 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pin_value_obj, 1, 2, pin_value);

static mp_obj_t pin_on(mp_obj_t self_in) {
    mp_hal_pin_high(clocked(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_on_obj, pin_on);

static mp_obj_t pin_off(mp_obj_t self_in) {
    mp_hal_pin_low(clocked(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_off_obj, pin_off);

static mp_obj_t pin_toggle(mp_obj_t self_in) {
    const machine_pin_obj_t *self = clocked(self_in);
    mp_hal_pin_write(self, !mp_hal_pin_read_output(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_toggle_obj, pin_toggle);

// pin.mode([mode]); setting it keeps the pull and the alternate function.
static mp_obj_t pin_mode(size_t n_args, const mp_obj_t *args) {
    const machine_pin_obj_t *self = clocked(args[0]);
    if (n_args == 1) {
        return MP_OBJ_NEW_SMALL_INT(current_mode(self));
    }
    GPIO_TypeDef *gpio = gpio_port(self->port);
    configure(self, mp_obj_get_int(args[1]), field(&gpio->PUPDR, 2, self->index),
        field(&gpio->AFR[self->index / 8], 4, self->index % 8));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pin_mode_obj, 1, 2, pin_mode);

// pin.pull([pull]).
static mp_obj_t pin_pull(size_t n_args, const mp_obj_t *args) {
    const machine_pin_obj_t *self = clocked(args[0]);
    GPIO_TypeDef *gpio = gpio_port(self->port);
    if (n_args == 1) {
        mp_int_t pull = field(&gpio->PUPDR, 2, self->index);
        return pull == GPIO_PULL_NONE ? mp_const_none : MP_OBJ_NEW_SMALL_INT(pull);
    }
    configure(self, current_mode(self), pull_from_object(args[1]),
        field(&gpio->AFR[self->index / 8], 4, self->index % 8));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pin_pull_obj, 1, 2, pin_pull);

// ---- interrupts ----------------------------------------------------------------------------------------------------

static void pin_irq_handler(unsigned line) {
    pin_irq_obj_t *irq = MP_STATE_PORT(machine_pin_irq)[line];
    irq->flags = irq->trigger;
    if (irq->trigger == (EXTI_RISING | EXTI_FALLING)) {
        // The hardware does not say which edge it was; the level after it does, unless the pin bounces.
        irq->flags = mp_hal_pin_read(MP_OBJ_TO_PTR(irq->base.parent)) ? EXTI_RISING : EXTI_FALLING;
    }
    mp_irq_handler(&irq->base);
}

static mp_uint_t pin_irq_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    const machine_pin_obj_t *self = clocked(self_in);
    pin_irq_obj_t *irq = MP_STATE_PORT(machine_pin_irq)[self->index];
    exti_disable(self->index);
    irq->flags = 0;
    irq->trigger = trigger;
    if (trigger != 0) {
        exti_enable(self->index, self->port, trigger, pin_irq_handler);
    }
    return 0;
}

static mp_uint_t pin_irq_info(mp_obj_t self_in, mp_uint_t info_type) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    pin_irq_obj_t *irq = MP_STATE_PORT(machine_pin_irq)[self->index];
    return info_type == MP_IRQ_INFO_FLAGS ? irq->flags : irq->trigger;
}

static const mp_irq_methods_t pin_irq_methods = { .trigger = pin_irq_trigger, .info = pin_irq_info };

// pin.irq(handler=None, trigger=Pin.IRQ_RISING | Pin.IRQ_FALLING, hard=False) -> irq object.
// Pins of the same number on different ports share a line: the last call has it.
static mp_obj_t pin_irq(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_handler, ARG_trigger, ARG_hard };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_handler, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_trigger, MP_ARG_INT, { .u_int = EXTI_RISING | EXTI_FALLING } },
        { MP_QSTR_hard, MP_ARG_BOOL, { .u_bool = false } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, args + 1, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);
    const machine_pin_obj_t *self = clocked(args[0]);
    mp_int_t trigger = vals[ARG_trigger].u_int;
    if (trigger < EXTI_RISING || trigger > (EXTI_RISING | EXTI_FALLING)) {
        mp_raise_ValueError(MP_ERROR_TEXT("trigger must be Pin.IRQ_RISING, Pin.IRQ_FALLING or both"));
    }

    pin_irq_obj_t *irq = MP_STATE_PORT(machine_pin_irq)[self->index];
    if (irq == NULL) {
        irq = m_new0(pin_irq_obj_t, 1);
        MP_STATE_PORT(machine_pin_irq)[self->index] = irq;
    }
    if (n_args > 1 || kwargs->used != 0) {
        exti_disable(self->index);
        mp_irq_init(&irq->base, &pin_irq_methods, args[0]);
        irq->base.handler = vals[ARG_handler].u_obj;
        irq->base.ishard = vals[ARG_hard].u_bool;
        pin_irq_trigger(args[0], irq->base.handler == mp_const_none ? 0 : trigger);
    } else if (irq->base.base.type == NULL) {
        mp_irq_init(&irq->base, &pin_irq_methods, args[0]);
    }
    return MP_OBJ_FROM_PTR(irq);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pin_irq_obj, 1, pin_irq);

void machine_pin_deinit_all(void) {
    for (unsigned line = 0; line < EXTI_LINES; ++line) {
        exti_disable(line);
        MP_STATE_PORT(machine_pin_irq)[line] = NULL;
    }
}

// What machine.Signal and drivers written against virtual pins use.
static mp_uint_t pin_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    (void)errcode;
    const machine_pin_obj_t *self = clocked(self_in);
    switch (request) {
        case MP_PIN_READ:
            return mp_hal_pin_read(self);
        case MP_PIN_WRITE:
            mp_hal_pin_write(self, arg);
            return 0;
        default:
            return -1;
    }
}

static const mp_pin_p_t pin_protocol = { .ioctl = pin_ioctl };

static const mp_rom_map_elem_t pin_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&pin_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&pin_value_obj) },
    { MP_ROM_QSTR(MP_QSTR_on), MP_ROM_PTR(&pin_on_obj) },
    { MP_ROM_QSTR(MP_QSTR_off), MP_ROM_PTR(&pin_off_obj) },
    { MP_ROM_QSTR(MP_QSTR_high), MP_ROM_PTR(&pin_on_obj) },
    { MP_ROM_QSTR(MP_QSTR_low), MP_ROM_PTR(&pin_off_obj) },
    { MP_ROM_QSTR(MP_QSTR_toggle), MP_ROM_PTR(&pin_toggle_obj) },
    { MP_ROM_QSTR(MP_QSTR_mode), MP_ROM_PTR(&pin_mode_obj) },
    { MP_ROM_QSTR(MP_QSTR_pull), MP_ROM_PTR(&pin_pull_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&pin_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_board), MP_ROM_PTR(&pin_board_type) },
    { MP_ROM_QSTR(MP_QSTR_cpu), MP_ROM_PTR(&pin_cpu_obj) },
    { MP_ROM_QSTR(MP_QSTR_IN), MP_ROM_INT(GPIO_INPUT) },
    { MP_ROM_QSTR(MP_QSTR_OUT), MP_ROM_INT(GPIO_OUTPUT) },
    { MP_ROM_QSTR(MP_QSTR_OPEN_DRAIN), MP_ROM_INT(GPIO_OUTPUT | MODE_OPEN_DRAIN_BIT) },
    { MP_ROM_QSTR(MP_QSTR_ALT), MP_ROM_INT(GPIO_ALTERNATE) },
    { MP_ROM_QSTR(MP_QSTR_ALT_OPEN_DRAIN), MP_ROM_INT(GPIO_ALTERNATE | MODE_OPEN_DRAIN_BIT) },
    { MP_ROM_QSTR(MP_QSTR_ANALOG), MP_ROM_INT(GPIO_ANALOG) },
    { MP_ROM_QSTR(MP_QSTR_PULL_UP), MP_ROM_INT(GPIO_PULL_UP) },
    { MP_ROM_QSTR(MP_QSTR_PULL_DOWN), MP_ROM_INT(GPIO_PULL_DOWN) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(EXTI_RISING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_FALLING), MP_ROM_INT(EXTI_FALLING) },
};
static MP_DEFINE_CONST_DICT(pin_locals_dict, pin_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pin_type,
    MP_QSTR_Pin,
    MP_TYPE_FLAG_NONE,
    make_new, mp_pin_make_new,
    print, pin_print,
    call, pin_call,
    protocol, &pin_protocol,
    locals_dict, &pin_locals_dict
    );
