// machine.RTC and the clock behind time.time(): the 1 ms tick plus what RTC().datetime() set.
//
// It starts at 2000-01-01 after a hardware reset and goes on over a soft reset.  The chip's calendar, which can go on
// over a hardware reset and, with a battery, over a loss of power, is not used.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "shared/timeutils/timeutils.h"

#include "port.h"

#define NS_PER_S 1000000000U
#define NS_PER_MS 1000000U
#define FIRST_YEAR 2000
#define LAST_YEAR 2099

uint64_t mp_hal_time_ns(void);

// Nanoseconds from 2000-01-01 to the start of the tick.
static uint64_t epoch_ns;
// The tick's 32 bits last 49 days; each look at the clock counts the turns.
static uint32_t last_ms;
static uint64_t turns_ms;

static uint64_t since_reset_ns(void) {
    uint32_t irq_state = irq_save();
    uint32_t now_ms = mp_hal_ticks_ms();
    uint32_t now_us = mp_hal_ticks_us();
    if (now_ms < last_ms) {
        turns_ms += UINT64_C(1) << 32;
    }
    last_ms = now_ms;
    uint64_t whole_ms = turns_ms + now_ms;
    irq_restore(irq_state);
    // Microseconds run with the milliseconds but wrap earlier: their difference is what counts.
    uint32_t rest_us = now_us - (uint32_t)(whole_ms * 1000U);
    return whole_ms * NS_PER_MS + (uint64_t)rest_us * 1000U;
}

uint64_t mp_hal_time_ns(void) {
    return epoch_ns + since_reset_ns();
}

void machine_rtc_init(void) {
    epoch_ns = 0;
}

void machine_rtc_deinit_all(void) {
    // The clock goes on over a soft reset.
}

static const mp_obj_base_t rtc_singleton = { &machine_rtc_type };

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    if (n_args == 1 && mp_obj_get_int(args[0]) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("id must be 0"));
    }
    return MP_OBJ_FROM_PTR(&rtc_singleton);
}

static mp_obj_t get_datetime(void) {
    uint64_t now_ns = mp_hal_time_ns();
    timeutils_struct_time_t tm;
    timeutils_seconds_since_2000_to_struct_time(now_ns / NS_PER_S, &tm);
    mp_obj_t items[8] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mon),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_hour),
        MP_OBJ_NEW_SMALL_INT(tm.tm_min),
        MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(now_ns % NS_PER_S / 1000U),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

static void set_datetime(mp_obj_t datetime) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(datetime, 8, &items);
    mp_int_t v[8];
    for (size_t i = 0; i < MP_ARRAY_SIZE(v); ++i) {
        v[i] = i == 3 ? 0 : mp_obj_get_int(items[i]); // the weekday follows from the date
    }
    const mp_int_t year = v[0], month = v[1], day = v[2], hour = v[4], minute = v[5], second = v[6], us = v[7];
    bool valid = year >= FIRST_YEAR && year <= LAST_YEAR && month >= 1 && month <= 12 && day >= 1
        && hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59
        && us >= 0 && us <= 999999;
    if (!valid || day > (mp_int_t)timeutils_days_in_month(year, month)) {
        mp_raise_ValueError(MP_ERROR_TEXT("datetime must be (2000..2099, month, day, weekday, hour, minute, second, us)"));
    }
    uint64_t seconds = timeutils_seconds_since_2000(year, month, day, hour, minute, second);
    // May wrap below zero; the sum with the tick is right again.
    epoch_ns = seconds * NS_PER_S + (uint64_t)us * 1000U - since_reset_ns();
}

// datetime() -> (year, month, day, weekday 0 = Monday, hour, minute, second, microseconds); datetime(tuple) sets it.
static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return get_datetime();
    }
    set_datetime(args[1]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static const mp_rom_map_elem_t rtc_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(rtc_locals_dict, rtc_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, rtc_make_new,
    locals_dict, &rtc_locals_dict
    );
