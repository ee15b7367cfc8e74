// Included by extmod/modtime.c: the clock that time.time() and time.localtime() show.

#include "py/obj.h"
#include "shared/timeutils/timeutils.h"

// Nanoseconds since 2000-01-01, the epoch of this port.
uint64_t mp_hal_time_ns(void);

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_2000_to_struct_time(mp_hal_time_ns() / 1000000000U, &tm);
    mp_obj_t tuple[8] = {
        mp_obj_new_int(tm.tm_year),
        mp_obj_new_int(tm.tm_mon),
        mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_hour),
        mp_obj_new_int(tm.tm_min),
        mp_obj_new_int(tm.tm_sec),
        mp_obj_new_int(tm.tm_wday),
        mp_obj_new_int(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, tuple);
}

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ull(mp_hal_time_ns() / 1000000000U);
}
