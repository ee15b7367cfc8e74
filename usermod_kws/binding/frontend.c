// kws.Frontend
#include <string.h>

#include "py/runtime.h"

#include "binding/binding.h"

// Scratch, samples, raw and int8 features share one allocation.
typedef struct {
    mp_obj_base_t base;
    kws_model_obj_t *model;
    void *memory;
    int16_t *pcm;
    mp_obj_t raw, out; // memoryviews
} frontend_obj_t;

static mp_obj_t frontend_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    frontend_obj_t *self = mp_obj_malloc(frontend_obj_t, type);
    self->model = kws_get_streamable(args[0]);
    const kws_frontend_t *fe = &self->model->model.frontend;
    size_t pcm_at = (kws_frontend_scratch_bytes(fe) + 1) / 2 * 2;
    size_t raw_at = pcm_at + fe->window_len * sizeof(int16_t), out_at = raw_at + fe->n_out * sizeof(int16_t);
    uint8_t *memory = m_new0(uint8_t, out_at + fe->n_out);
    self->memory = memory;
    self->pcm = (int16_t *)(void *)(memory + pcm_at);
    self->raw = kws_view_of('h', fe->n_out, memory, memory + raw_at);
    self->out = kws_view_of('b', fe->n_out, memory, memory + out_at);
    return MP_OBJ_FROM_PTR(self);
}

// frame(pcm[, out]) and raw(pcm[, out]): `own` is the object's result buffer, of `item` bytes an item.
static mp_obj_t frontend_run(size_t n_args, const mp_obj_t *args, mp_obj_t own, size_t item) {
    frontend_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    const kws_frontend_t *fe = &self->model->model.frontend;
    size_t n;
    const void *pcm = kws_get_pcm(args[1], &n);
    if (n != fe->window_len) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: a frame is %u samples, not %u"), fe->window_len, (unsigned)n);
    }
    mp_obj_t result = n_args > 2 ? args[2] : own;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(result, &buffer, n_args > 2 ? MP_BUFFER_WRITE : MP_BUFFER_READ);
    if (buffer.len != fe->n_out * item) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: out must be %u bytes, not %u"), (unsigned)(fe->n_out * item),
            (unsigned)buffer.len);
    }
    if ((uintptr_t)buffer.buf % item != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: out must start at a multiple of %u bytes"), (unsigned)item);
    }
    memcpy(self->pcm, pcm, n * sizeof(int16_t));
    if (item == 2) {
        kws_frontend_raw(fe, self->pcm, self->memory, buffer.buf);
    } else {
        kws_frontend_frame(fe, self->pcm, self->memory, buffer.buf);
    }
    return result;
}

static mp_obj_t frontend_frame(size_t n_args, const mp_obj_t *args) {
    return frontend_run(n_args, args, ((frontend_obj_t *)MP_OBJ_TO_PTR(args[0]))->out, 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(frontend_frame_obj, 2, 3, frontend_frame);

static mp_obj_t frontend_raw(size_t n_args, const mp_obj_t *args) {
    return frontend_run(n_args, args, ((frontend_obj_t *)MP_OBJ_TO_PTR(args[0]))->raw, 2);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(frontend_raw_obj, 2, 3, frontend_raw);

static const mp_rom_map_elem_t frontend_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_frame), MP_ROM_PTR(&frontend_frame_obj)},
    {MP_ROM_QSTR(MP_QSTR_raw), MP_ROM_PTR(&frontend_raw_obj)},
};
static MP_DEFINE_CONST_DICT(frontend_locals, frontend_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kws_frontend_type, MP_QSTR_Frontend, MP_TYPE_FLAG_NONE,
    make_new, frontend_make_new, locals_dict, &frontend_locals);
