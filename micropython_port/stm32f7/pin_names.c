// Names of pins: the table of all of them, the board's names (Pin.board) and look-up by name or place.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "board_pins.h"
#include "pin.h"

#define PINS_OF_PORT(p) PIN(p, 0), PIN(p, 1), PIN(p, 2), PIN(p, 3), PIN(p, 4), PIN(p, 5), PIN(p, 6), PIN(p, 7)
#define MORE_PINS_OF_PORT(p) PIN(p, 8), PIN(p, 9), PIN(p, 10), PIN(p, 11), PIN(p, 12), PIN(p, 13), PIN(p, 14), PIN(p, 15)
#define PIN(p, i) { { &machine_pin_type }, p, i }
const machine_pin_obj_t machine_pin_table[PIN_COUNT] = {
    PINS_OF_PORT(0), MORE_PINS_OF_PORT(0), PINS_OF_PORT(1), MORE_PINS_OF_PORT(1),
    PINS_OF_PORT(2), MORE_PINS_OF_PORT(2), PINS_OF_PORT(3), MORE_PINS_OF_PORT(3),
    PINS_OF_PORT(4), MORE_PINS_OF_PORT(4), PINS_OF_PORT(5), MORE_PINS_OF_PORT(5),
    PINS_OF_PORT(6), MORE_PINS_OF_PORT(6), PINS_OF_PORT(7), MORE_PINS_OF_PORT(7),
    PINS_OF_PORT(8), MORE_PINS_OF_PORT(8), PINS_OF_PORT(9), MORE_PINS_OF_PORT(9),
    PINS_OF_PORT(10),
};

#define BOARD_ENTRY(name, port, index) { MP_ROM_QSTR(MP_QSTR_##name), MP_ROM_PTR(PIN_AT(port, index)) },
static const mp_rom_map_elem_t pin_board_table[] = {
    BOARD_PINS(BOARD_ENTRY)
};
static MP_DEFINE_CONST_DICT(pin_board_dict, pin_board_table);

MP_DEFINE_CONST_OBJ_TYPE(pin_board_type, MP_QSTR_board, MP_TYPE_FLAG_NONE, locals_dict, &pin_board_dict);

// "J13" -> PJ13, or NULL.
static const machine_pin_obj_t *find_by_place(const char *text, size_t length) {
    if (length < 2 || length > 3) {
        return NULL;
    }
    unsigned index = 0;
    for (size_t i = 1; i < length; ++i) {
        if (text[i] < '0' || text[i] > '9' || (i == 1 && length == 3 && text[i] == '0')) {
            return NULL;
        }
        index = 10 * index + (unsigned)(text[i] - '0');
    }
    unsigned place = (unsigned)(text[0] - 'A') * 16 + index;
    return text[0] >= 'A' && index < 16 && place < PIN_COUNT ? &machine_pin_table[place] : NULL;
}

static const machine_pin_obj_t *find_by_name(const char *text, size_t length) {
    qstr name = qstr_find_strn(text, length);
    if (name != MP_QSTRnull) {
        mp_map_elem_t *found = mp_map_lookup((mp_map_t *)&pin_board_dict.map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
        if (found != NULL) {
            return MP_OBJ_TO_PTR(found->value);
        }
    }
    return length > 1 && text[0] == 'P' ? find_by_place(text + 1, length - 1) : NULL;
}

const machine_pin_obj_t *machine_pin_find(mp_obj_t name) {
    if (mp_obj_is_type(name, &machine_pin_type)) {
        return MP_OBJ_TO_PTR(name);
    }
    const machine_pin_obj_t *pin = NULL;
    if (mp_obj_is_str(name)) {
        size_t length;
        const char *text = mp_obj_str_get_data(name, &length);
        pin = find_by_name(text, length);
    } else if (mp_obj_is_type(name, &mp_type_tuple)) {
        mp_obj_t *items;
        mp_obj_get_array_fixed_n(name, 2, &items);
        size_t length;
        const char *port = mp_obj_str_get_data(items[0], &length);
        mp_int_t index = mp_obj_get_int(items[1]);
        if (length == 1 && port[0] >= 'A' && port[0] <= 'K' && index >= 0 && index < (port[0] == 'K' ? 8 : 16)) {
            pin = PIN_AT(port[0], index);
        }
    }
    if (pin == NULL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no pin \"%s\": use e.g. \"PJ13\", (\"J\", 13) or a name of Pin.board"),
            mp_obj_is_str(name) ? mp_obj_str_get_str(name) : mp_obj_get_type_str(name));
    }
    return pin;
}

void machine_pin_check(mp_obj_t given, const machine_pin_obj_t *pin, const char *name) {
    if (given != mp_const_none && machine_pin_find(given) != pin) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s must be " MP_HAL_PIN_FMT), name, mp_hal_pin_name(pin));
    }
}

static void pin_cpu_attr(mp_obj_t self_in, qstr attribute, mp_obj_t *dest) {
    (void)self_in;
    if (dest[0] == MP_OBJ_NULL) {
        size_t length;
        const char *text = (const char *)qstr_data(attribute, &length);
        const machine_pin_obj_t *pin = find_by_place(text, length);
        dest[0] = pin == NULL ? MP_OBJ_NULL : MP_OBJ_FROM_PTR(pin);
    }
}

static MP_DEFINE_CONST_OBJ_TYPE(pin_cpu_type, MP_QSTR_cpu, MP_TYPE_FLAG_NONE, attr, pin_cpu_attr);
const mp_obj_base_t pin_cpu_obj = { &pin_cpu_type };
