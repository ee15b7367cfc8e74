// machine.Timer: any number of software timers on the 1 ms tick.
//
// The tick pends PendSV when the earliest timer is due; PendSV, at the priority of what may run Python, calls or
// schedules the callbacks.  Active timers are a list that hangs off a root pointer, so that they are not collected.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "shared/runtime/mpirq.h"

#include "machine_timer.h"
#include "port.h"

typedef enum { ONE_SHOT = 0, PERIODIC = 1 } timer_mode_t;

#define MAX_PERIOD_MS 0x3FFFFFFF

typedef struct _machine_timer_obj_t {
    mp_obj_base_t base;
    struct _machine_timer_obj_t *next;
    mp_irq_obj_t irq; // handler and ishard
    uint32_t expiry_ms;
    uint32_t period_ms;
    timer_mode_t mode;
    bool active;
} machine_timer_obj_t;

MP_REGISTER_ROOT_POINTER(struct _machine_timer_obj_t *machine_timers);

static volatile uint32_t next_expiry_ms;
static volatile bool any_active;

static bool reached(uint32_t now_ms, uint32_t expiry_ms) {
    return (int32_t)(now_ms - expiry_ms) >= 0;
}

// ---- the list; interrupts are off ----------------------------------------------------------------------------------

static void find_next_expiry(void) {
    any_active = false;
    for (machine_timer_obj_t *timer = MP_STATE_PORT(machine_timers); timer != NULL; timer = timer->next) {
        if (!any_active || reached(next_expiry_ms, timer->expiry_ms)) {
            next_expiry_ms = timer->expiry_ms;
            any_active = true;
        }
    }
}

static void unlink_timer(machine_timer_obj_t *self) {
    for (machine_timer_obj_t **link = &MP_STATE_PORT(machine_timers); *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            break;
        }
    }
    self->next = NULL;
    self->active = false;
}

static void start(machine_timer_obj_t *self) {
    uint32_t irq_state = irq_save();
    self->expiry_ms = mp_hal_ticks_ms() + self->period_ms;
    self->next = MP_STATE_PORT(machine_timers);
    MP_STATE_PORT(machine_timers) = self;
    self->active = true;
    find_next_expiry();
    irq_restore(irq_state);
}

static void stop(machine_timer_obj_t *self) {
    uint32_t irq_state = irq_save();
    unlink_timer(self);
    find_next_expiry();
    irq_restore(irq_state);
}

// The first timer that is due, moved on to its next turn; NULL when there is none.
static machine_timer_obj_t *take_due(uint32_t now_ms) {
    machine_timer_obj_t *timer = MP_STATE_PORT(machine_timers);
    while (timer != NULL && !reached(now_ms, timer->expiry_ms)) {
        timer = timer->next;
    }
    if (timer != NULL && timer->mode == ONE_SHOT) {
        unlink_timer(timer);
    } else if (timer != NULL) {
        do {
            timer->expiry_ms += timer->period_ms; // turns that were missed altogether are not made up for
        } while (reached(now_ms, timer->expiry_ms));
    }
    return timer;
}

// ---- interrupts ----------------------------------------------------------------------------------------------------

void machine_timer_tick(uint32_t now_ms) {
    if (any_active && reached(now_ms, next_expiry_ms)) {
        SCB->ICSR = SCB_ICSR_PENDSVSET_Msk;
    }
}

void PendSV_Handler(void) {
    uint32_t now_ms = mp_hal_ticks_ms();
    for (;;) {
        uint32_t irq_state = irq_save();
        machine_timer_obj_t *timer = take_due(now_ms);
        find_next_expiry();
        irq_restore(irq_state);
        if (timer == NULL) {
            return;
        }
        mp_irq_handler(&timer->irq);
    }
}

void machine_timer_init(void) {
    NVIC_SetPriority(PendSV_IRQn, IRQ_PRI_PYTHON);
}

void machine_timer_deinit_all(void) {
    uint32_t irq_state = irq_save();
    MP_STATE_PORT(machine_timers) = NULL;
    any_active = false;
    irq_restore(irq_state);
}

// ---- the class -----------------------------------------------------------------------------------------------------

// Called by mp_irq_handler when a hard callback raised: a timer that fails every time must not flood the REPL.
static mp_uint_t timer_irq_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    if (trigger == 0) {
        stop(MP_OBJ_TO_PTR(self_in));
    }
    return 0;
}

static mp_uint_t timer_irq_info(mp_obj_t self_in, mp_uint_t info_type) {
    (void)self_in;
    (void)info_type;
    return 0;
}

static const mp_irq_methods_t timer_irq_methods = { .trigger = timer_irq_trigger, .info = timer_irq_info };

static uint32_t period_from(mp_obj_t period, mp_obj_t freq) {
    if (freq != mp_const_none) {
        mp_float_t freq_hz = mp_obj_get_float(freq);
        if (!(freq_hz >= MICROPY_FLOAT_CONST(0.001) && freq_hz <= 1000)) {
            mp_raise_ValueError(MP_ERROR_TEXT("freq must be 0.001..1000 Hz"));
        }
        return (uint32_t)(1000 / freq_hz + MICROPY_FLOAT_CONST(0.5));
    }
    mp_int_t period_ms = mp_obj_get_int(period);
    if (period_ms < 1 || period_ms > MAX_PERIOD_MS) {
        mp_raise_ValueError(MP_ERROR_TEXT("period must be 1..1073741823 ms"));
    }
    return period_ms;
}

// Timer.init(*, mode=PERIODIC, period=1000, freq=None, callback=None, hard=False); freq in Hz wins over period in ms.
// Without a callback the timer is set up but does not run.
static mp_obj_t timer_init_helper(machine_timer_obj_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_mode, ARG_period, ARG_freq, ARG_callback, ARG_hard };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = PERIODIC } },
        { MP_QSTR_period, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(1000) } },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_callback, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_hard, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);
    if (vals[ARG_mode].u_int != ONE_SHOT && vals[ARG_mode].u_int != PERIODIC) {
        mp_raise_ValueError(MP_ERROR_TEXT("mode must be Timer.ONE_SHOT or Timer.PERIODIC"));
    }
    mp_obj_t callback = vals[ARG_callback].u_obj;
    if (callback != mp_const_none && !mp_obj_is_callable(callback)) {
        mp_raise_ValueError(MP_ERROR_TEXT("callback must be callable or None"));
    }
    uint32_t period_ms = period_from(vals[ARG_period].u_obj, vals[ARG_freq].u_obj);

    stop(self);
    self->mode = vals[ARG_mode].u_int;
    self->period_ms = period_ms;
    mp_irq_init(&self->irq, &timer_irq_methods, MP_OBJ_FROM_PTR(self));
    self->irq.handler = callback;
    self->irq.ishard = vals[ARG_hard].u_bool;
    if (callback != mp_const_none) {
        start(self);
    }
    return mp_const_none;
}

// Timer(id=-1, ...): the only id is -1, a software timer.
static mp_obj_t timer_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, true);
    if (n_args == 1 && mp_obj_get_int(args[0]) != -1) {
        mp_raise_ValueError(MP_ERROR_TEXT("id must be -1: timers are software timers"));
    }
    machine_timer_obj_t *self = m_new0(machine_timer_obj_t, 1);
    self->base.type = type;
    mp_map_t kwargs;
    mp_map_init_fixed_table(&kwargs, n_kw, args + n_args);
    timer_init_helper(self, 0, args, &kwargs);
    return MP_OBJ_FROM_PTR(self);
}

static void timer_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "Timer(-1, mode=Timer.%s, period=%u)%s", self->mode == ONE_SHOT ? "ONE_SHOT" : "PERIODIC",
        (unsigned)self->period_ms, self->active ? "" : " stopped");
}

static mp_obj_t timer_init(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return timer_init_helper(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kwargs);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(timer_init_obj, 1, timer_init);

static mp_obj_t timer_deinit(mp_obj_t self_in) {
    stop(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_deinit_obj, timer_deinit);

static const mp_rom_map_elem_t timer_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&timer_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(PERIODIC) },
};
static MP_DEFINE_CONST_DICT(timer_locals_dict, timer_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_timer_type,
    MP_QSTR_Timer,
    MP_TYPE_FLAG_NONE,
    make_new, timer_make_new,
    print, timer_print,
    locals_dict, &timer_locals_dict
    );
