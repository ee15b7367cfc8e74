// kws.Model
#include <string.h>

#include "py/objtuple.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "binding/binding.h"
#include "net/crc32.h"

static uint32_t read_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static NORETURN void raise_bad_blob(const kws_error_t *err, const uint8_t *blob, size_t length) {
    const char *text = kws_strerror(err->code);
    unsigned where = err->where;
    uint32_t found = where + 4 <= length ? read_u32(blob + where) : 0;
    switch (err->code) {
        case KWS_E_CRC:
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("kws: bad CRC at byte %u: stored 0x%08x, computed 0x%08x"), where, (unsigned)found,
                (unsigned)kws_crc32(blob + 12, length - 12));
        case KWS_E_VERSION:
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("kws: format version %u at byte %u; this build reads %u"), (unsigned)found, where,
                KWS_VERSION);
        case KWS_E_LENGTH:
            mp_raise_msg_varg(&mp_type_ValueError,
                MP_ERROR_TEXT("kws: wrong length at byte %u: %s (found %u; blob of %u bytes)"), where, err->what,
                (unsigned)found, (unsigned)length);
        default:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: %s at byte %u: %s (found 0x%08x)"),
                text, where, err->what, (unsigned)found);
    }
}

static mp_obj_t model_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    kws_model_obj_t *self = mp_obj_malloc(kws_model_obj_t, type);
    self->source = mp_const_none;
    self->copy = NULL;
    self->labels = mp_const_empty_tuple;
    size_t length;
    const void *blob = kws_locate_blob(self, args[0], &length);
    kws_error_t err = {KWS_OK, 0, ""};
    if (kws_model_open(&self->model, blob, length, &err) != KWS_OK) {
        nlr_buf_t nlr;
        if (nlr_push(&nlr) == 0) {
            raise_bad_blob(&err, blob, length);
        }
        if (self->copy != NULL) {
            m_del(uint8_t, self->copy, length + 1);
            self->copy = NULL;
        }
        nlr_jump(nlr.ret_val);
    }
    mp_obj_tuple_t *labels = MP_OBJ_TO_PTR(mp_obj_new_tuple(self->model.n_labels, NULL));
    for (size_t i = 0; i < labels->len; i++) {
        const char *label = kws_model_label(&self->model, i);
        labels->items[i] = mp_obj_new_str(label, strlen(label));
    }
    self->labels = MP_OBJ_FROM_PTR(labels);
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t tensor_shape(const kws_tensor_t *t) {
    mp_obj_t items[3] = {MP_OBJ_NEW_SMALL_INT(t->h), MP_OBJ_NEW_SMALL_INT(t->w), MP_OBJ_NEW_SMALL_INT(t->c)};
    return mp_obj_new_tuple(3, items);
}

static mp_obj_t tensor_scale(const kws_tensor_t *t) {
    float scale;
    memcpy(&scale, &t->scale_bits, sizeof(scale));
    return mp_obj_new_float((mp_float_t)scale);
}

static mp_obj_t parse_json(const char *text, size_t length) {
    mp_obj_t json = mp_import_name(MP_QSTR_json, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    return mp_call_function_1(mp_load_attr(json, MP_QSTR_loads), mp_obj_new_str(text, length));
}

static void model_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    kws_model_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kws_model_t *m = &self->model;
    if (dest[0] != MP_OBJ_NULL) {
        return; // read-only
    }
    const kws_program_t *window = kws_model_program(m, KWS_PROGRAM_WINDOW);
    uint32_t frames = kws_model_input(m)->h, hop = m->has_frontend ? m->frontend.hop_len : 0;
    uint32_t frame = m->has_frontend ? m->frontend.window_len : 0;
    uint32_t rate = m->has_frontend ? m->frontend.sample_rate_hz : 0;
    switch (attr) {
        case MP_QSTR_labels: dest[0] = self->labels; break;
        case MP_QSTR_input_shape: dest[0] = tensor_shape(kws_model_input(m)); break;
        case MP_QSTR_input_scale: dest[0] = tensor_scale(kws_model_input(m)); break;
        case MP_QSTR_input_zero_point: dest[0] = mp_obj_new_int(kws_model_input(m)->zero_point); break;
        case MP_QSTR_classes: dest[0] = mp_obj_new_int_from_uint(kws_model_classes(m)); break;
        case MP_QSTR_scale: dest[0] = tensor_scale(kws_model_output(m)); break;
        case MP_QSTR_zero_point: dest[0] = mp_obj_new_int(kws_model_output(m)->zero_point); break;
        case MP_QSTR_arena_bytes: dest[0] = mp_obj_new_int_from_uint(window->arena_bytes); break;
        case MP_QSTR_streaming: dest[0] = mp_obj_new_bool(kws_model_program(m, KWS_PROGRAM_STEP) != NULL); break;
        case MP_QSTR_meta: dest[0] = parse_json(m->meta, m->meta_bytes); break;
        case MP_QSTR_decision_hop_frames: dest[0] = mp_obj_new_int_from_uint(m->decision_hop_frames); break;
        case MP_QSTR_sample_rate: dest[0] = mp_obj_new_int_from_uint(rate); break;
        case MP_QSTR_hop_samples: dest[0] = mp_obj_new_int_from_uint(hop); break;
        case MP_QSTR_frame_samples: dest[0] = mp_obj_new_int_from_uint(frame); break;
        case MP_QSTR_window_samples: dest[0] = mp_obj_new_int_from_uint((frames - 1) * hop + frame); break;
        case MP_QSTR_zero_copy: dest[0] = mp_obj_new_bool(self->copy == NULL); break;
        default: dest[1] = MP_OBJ_SENTINEL; break; // look in the locals
    }
}

static mp_obj_t model_run(mp_obj_t self_in, mp_obj_t features_in) {
    kws_model_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kws_program_t *p = kws_model_program(&self->model, KWS_PROGRAM_WINDOW);
    mp_buffer_info_t features;
    mp_get_buffer_raise(features_in, &features, MP_BUFFER_READ);
    size_t need = kws_tensor_bytes(p->input), classes = kws_tensor_bytes(p->output);
    if (features.len != need) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: features of %u bytes, the model takes %u"),
            (unsigned)features.len, (unsigned)need);
    }
    int8_t *scores = m_new(int8_t, classes);
    uint8_t *arena = m_new0(uint8_t, p->arena_bytes); // zeros, so that no blob can read what was on the heap
    kws_program_begin(p, arena, 0);
    memcpy(arena + p->input->offset, features.buf, need);
    kws_program_run(p, arena, 0);
    memcpy(scores, arena + p->output->offset, classes);
    m_del(uint8_t, arena, p->arena_bytes);
    return mp_obj_new_memoryview('b', classes, scores);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_run_obj, model_run);

static const mp_rom_map_elem_t model_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_run), MP_ROM_PTR(&model_run_obj)},
};
static MP_DEFINE_CONST_DICT(model_locals, model_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kws_model_type, MP_QSTR_Model, MP_TYPE_FLAG_NONE,
    make_new, model_make_new, attr, model_attr, locals_dict, &model_locals);
