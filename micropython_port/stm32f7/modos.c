// Included by extmod/modos.c: what the os module adds on this port.

#include "py/runtime.h"

uint32_t rng_get(void);

static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("count must not be negative"));
    }
    vstr_t bytes;
    vstr_init_len(&bytes, count);
    for (mp_int_t i = 0; i < count; ++i) {
        bytes.buf[i] = (char)rng_get();
    }
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
