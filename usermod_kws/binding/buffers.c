#include "py/binary.h"
#include "py/objarray.h"
#include "py/runtime.h"

#include "binding/binding.h"

mp_obj_t kws_view_of(char typecode, size_t n, void *head, const void *at) {
    size_t item = typecode == 'h' ? 2 : 1;
    mp_obj_array_t *view = MP_OBJ_TO_PTR(mp_obj_new_memoryview(typecode, n, head));
    view->free = ((const uint8_t *)at - (uint8_t *)head) / item;
    return MP_OBJ_FROM_PTR(view);
}

const void *kws_get_pcm(mp_obj_t obj, size_t *n) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(obj, &buffer, MP_BUFFER_READ);
    int type = mp_obj_is_str(obj) ? 0 : buffer.typecode; // a str is a buffer, too
    if (type != 'h' && type != 'B' && type != 'b' && type != BYTEARRAY_TYPECODE) {
        mp_raise_TypeError(MP_ERROR_TEXT("kws: pcm must be array('h') or bytes"));
    }
    if (buffer.len % sizeof(int16_t) != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: pcm of %u bytes is not int16"), (unsigned)buffer.len);
    }
    *n = buffer.len / sizeof(int16_t);
    return buffer.buf;
}

kws_model_obj_t *kws_get_streamable(mp_obj_t obj) {
    if (!mp_obj_is_type(obj, &kws_model_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("kws: a kws.Model is needed"));
    }
    kws_model_obj_t *self = MP_OBJ_TO_PTR(obj);
    if (!self->model.has_frontend) {
        mp_raise_ValueError(MP_ERROR_TEXT("kws: the model has no front end"));
    }
    return self;
}
