// The `kws` module: Python objects around the core, one file a type in binding/. kws.pyi is its manual.
#include <string.h>

#include "py/runtime.h"

#include "binding/binding.h"

// kws.kernels is known only to the linker, so it cannot stand in the constant table below.
void kws_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
void kws_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    (void)self_in;
    if (attr == MP_QSTR_kernels && dest[0] == MP_OBJ_NULL) {
        dest[0] = mp_obj_new_str(kws_kernels()->name, strlen(kws_kernels()->name));
    }
}

static const mp_rom_map_elem_t module_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_kws)},
    {MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&kws_model_type)},
    {MP_ROM_QSTR(MP_QSTR_Frontend), MP_ROM_PTR(&kws_frontend_type)},
    {MP_ROM_QSTR(MP_QSTR_Stream), MP_ROM_PTR(&kws_stream_type)},
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t kws_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR_kws, kws_module);
MP_REGISTER_MODULE_DELEGATION(kws_module, kws_module_attr);
