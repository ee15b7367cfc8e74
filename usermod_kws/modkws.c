// The `kws` module: Python objects around the core. The only file here that knows MicroPython; kws.pyi is its manual.
#include <string.h>

#include "py/binary.h"
#include "py/builtin.h"
#include "py/objarray.h"
#include "py/objstr.h"
#include "py/objtuple.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "kernels/kernels.h"
#include "net/model.h"
#include "net/stream.h"

#define BLOB_ALIGN 4
#define DEFAULT_ROWS 16

typedef struct {
    mp_obj_base_t base;
    mp_obj_t source; // what the blob lies in when it is used in place; keeps it alive
    void *copy;      // or the blob's copy on the heap
    mp_obj_t labels;
    kws_model_t model;
} model_obj_t;

// Scratch, samples, raw and int8 features share one allocation.
typedef struct {
    mp_obj_base_t base;
    model_obj_t *model;
    void *memory;
    int16_t *pcm;
    mp_obj_t raw, out; // memoryviews
} frontend_obj_t;

typedef struct {
    mp_obj_base_t base;
    model_obj_t *model;
    kws_stream_t *stream; // at the start of its allocation
    mp_obj_t scores;
    volatile bool feeding;
} stream_obj_t;

static const mp_obj_type_t model_type, frontend_type, stream_type;

// ---- Helpers ----

// A read-only view of n items of `typecode` at `at`, which lies within the allocation that starts at `head`. The
// collector sees `head`, so the view alone keeps the memory.
static mp_obj_t view_of(char typecode, size_t n, void *head, const void *at) {
    size_t item = typecode == 'h' ? 2 : 1;
    mp_obj_array_t *view = MP_OBJ_TO_PTR(mp_obj_new_memoryview(typecode, n, head));
    view->free = ((const uint8_t *)at - (uint8_t *)head) / item;
    return MP_OBJ_FROM_PTR(view);
}

// int16 samples: array('h'), or bytes, bytearray or memoryview of even length. Sets the number of samples.
static const void *get_pcm(mp_obj_t obj, size_t *n) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(obj, &buffer, MP_BUFFER_READ);
    int type = buffer.typecode;
    if (type != 'h' && type != 'B' && type != 'b' && type != BYTEARRAY_TYPECODE) {
        mp_raise_TypeError(MP_ERROR_TEXT("kws: pcm must be array('h') or bytes"));
    }
    if (buffer.len % sizeof(int16_t) != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: pcm of %u bytes is not int16"), (unsigned)buffer.len);
    }
    *n = buffer.len / sizeof(int16_t);
    return buffer.buf;
}

static model_obj_t *get_model(mp_obj_t obj) {
    if (!mp_obj_is_type(obj, &model_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("kws: a kws.Model is needed"));
    }
    return MP_OBJ_TO_PTR(obj);
}

static model_obj_t *get_streamable(mp_obj_t obj) {
    model_obj_t *self = get_model(obj);
    if (!self->model.has_frontend) {
        mp_raise_ValueError(MP_ERROR_TEXT("kws: the model has no front end"));
    }
    return self;
}

// ---- Model ----

static uint32_t read_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static NORETURN void raise_bad_blob(const kws_error_t *err, const uint8_t *blob, size_t length) {
    const char *text = kws_strerror(err->code);
    unsigned where = err->where;
    uint32_t found = where + 4 <= length ? read_u32(blob + where) : 0;
    switch (err->code) {
        case KWS_E_CRC:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: bad CRC at byte %u: stored 0x%08x, computed 0x%08x"),
                where, (unsigned)found, (unsigned)kws_crc32(blob + 12, length - 12));
        case KWS_E_VERSION:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: format version %u at byte %u; this build reads %u"),
                (unsigned)found, where, KWS_VERSION);
        case KWS_E_LENGTH:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: wrong length at byte %u: %s (found %u; blob of %u bytes)"),
                where, err->what, (unsigned)found, (unsigned)length);
        default:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: %s at byte %u: %s (found 0x%08x)"),
                text, where, err->what, (unsigned)found);
    }
}

// Reads a whole file into the heap; returns it and sets its length. The file is left open.
static void *read_file(mp_obj_t file, size_t *length) {
    int error = 0;
    mp_off_t size = mp_stream_seek(file, 0, MP_SEEK_END, &error);
    if (size != (mp_off_t)-1 && mp_stream_seek(file, 0, MP_SEEK_SET, &error) == 0) {
        *length = (size_t)size;
        void *data = m_new_maybe(uint8_t, *length + 1);
        if (data == NULL) {
            *length = (size_t)size;
            return NULL;
        }
        if (mp_stream_read_exactly(file, data, *length, &error) == *length && error == 0) {
            return data;
        }
        m_del(uint8_t, data, *length + 1);
    }
    mp_stream_close(file);
    mp_raise_OSError(error != 0 ? error : MP_EIO);
}

// Finds the blob: in place in a read-only buffer or a memory-mapped file, else in a copy. What can be written to is
// copied because the checks hold only for what does not change, and unaligned data because the core needs words.
static const void *locate(model_obj_t *self, mp_obj_t source, size_t *length) {
    int from_path = mp_obj_is_str(source);
    if (from_path) {
        mp_obj_t args[2] = {source, MP_OBJ_NEW_QSTR(MP_QSTR_rb)};
        source = mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_builtin_open_obj), 2, 0, args);
    }
    mp_buffer_info_t buffer;
    if (from_path && !mp_get_buffer(source, &buffer, MP_BUFFER_READ)) {
        self->copy = read_file(source, length);
        mp_stream_close(source);
        if (self->copy == NULL) {
            m_malloc_fail(*length);
        }
        return self->copy;
    }
    mp_get_buffer_raise(source, &buffer, MP_BUFFER_READ);
    mp_buffer_info_t writable;
    *length = buffer.len;
    if ((uintptr_t)buffer.buf % BLOB_ALIGN == 0 && !mp_get_buffer(source, &writable, MP_BUFFER_WRITE)) {
        self->source = source;
        return buffer.buf;
    }
    self->copy = m_new(uint8_t, buffer.len + 1);
    memcpy(self->copy, buffer.buf, buffer.len);
    return self->copy;
}

static mp_obj_t model_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    model_obj_t *self = mp_obj_malloc(model_obj_t, type);
    self->source = mp_const_none;
    self->copy = NULL;
    self->labels = mp_const_empty_tuple;
    size_t length;
    const void *blob = locate(self, args[0], &length);
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
    model_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kws_model_t *m = &self->model;
    if (dest[0] != MP_OBJ_NULL) {
        return; // read-only
    }
    uint32_t frames = kws_model_input(m)->h, hop = m->has_frontend ? m->frontend.hop_len : 0;
    uint32_t frame = m->has_frontend ? m->frontend.window_len : 0;
    switch (attr) {
        case MP_QSTR_labels: dest[0] = self->labels; break;
        case MP_QSTR_input_shape: dest[0] = tensor_shape(kws_model_input(m)); break;
        case MP_QSTR_input_scale: dest[0] = tensor_scale(kws_model_input(m)); break;
        case MP_QSTR_input_zero_point: dest[0] = mp_obj_new_int(kws_model_input(m)->zero_point); break;
        case MP_QSTR_classes: dest[0] = mp_obj_new_int_from_uint(kws_model_classes(m)); break;
        case MP_QSTR_scale: dest[0] = tensor_scale(kws_model_output(m)); break;
        case MP_QSTR_zero_point: dest[0] = mp_obj_new_int(kws_model_output(m)->zero_point); break;
        case MP_QSTR_arena_bytes: dest[0] = mp_obj_new_int_from_uint(m->arena_bytes); break;
        case MP_QSTR_meta: dest[0] = parse_json(m->meta, m->meta_bytes); break;
        case MP_QSTR_decision_hop_frames: dest[0] = mp_obj_new_int_from_uint(m->decision_hop_frames); break;
        case MP_QSTR_sample_rate: dest[0] = mp_obj_new_int_from_uint(m->has_frontend ? m->frontend.sample_rate_hz : 0); break;
        case MP_QSTR_hop_samples: dest[0] = mp_obj_new_int_from_uint(hop); break;
        case MP_QSTR_frame_samples: dest[0] = mp_obj_new_int_from_uint(frame); break;
        case MP_QSTR_window_samples: dest[0] = mp_obj_new_int_from_uint((frames - 1) * hop + frame); break;
        case MP_QSTR_zero_copy: dest[0] = mp_obj_new_bool(self->copy == NULL); break;
        default: dest[1] = MP_OBJ_SENTINEL; break; // look in the locals
    }
}

static mp_obj_t model_run(mp_obj_t self_in, mp_obj_t features_in) {
    model_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const kws_model_t *m = &self->model;
    mp_buffer_info_t features;
    mp_get_buffer_raise(features_in, &features, MP_BUFFER_READ);
    size_t need = kws_shape_bytes(kws_tensor_shape(kws_model_input(m)));
    if (features.len != need) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: features of %u bytes, the model takes %u"),
            (unsigned)features.len, (unsigned)need);
    }
    size_t classes = kws_model_classes(m);
    int8_t *scores = m_new(int8_t, classes);
    uint8_t *arena = m_new(uint8_t, m->arena_bytes);
    memcpy(arena + kws_model_input(m)->arena_offset, features.buf, need);
    kws_model_run(m, arena);
    memcpy(scores, arena + kws_model_output(m)->arena_offset, classes);
    m_del(uint8_t, arena, m->arena_bytes);
    return mp_obj_new_memoryview('b', classes, scores);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_run_obj, model_run);

static const mp_rom_map_elem_t model_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_run), MP_ROM_PTR(&model_run_obj)},
};
static MP_DEFINE_CONST_DICT(model_locals, model_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(model_type, MP_QSTR_Model, MP_TYPE_FLAG_NONE,
    make_new, model_make_new, attr, model_attr, locals_dict, &model_locals);

// ---- Frontend ----

static mp_obj_t frontend_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    frontend_obj_t *self = mp_obj_malloc(frontend_obj_t, type);
    self->model = get_streamable(args[0]);
    const kws_frontend_t *fe = &self->model->model.frontend;
    size_t pcm_at = (kws_frontend_scratch_bytes(fe) + 1) / 2 * 2;
    size_t raw_at = pcm_at + fe->window_len * sizeof(int16_t), out_at = raw_at + fe->n_out * sizeof(int16_t);
    uint8_t *memory = m_new0(uint8_t, out_at + fe->n_out);
    self->memory = memory;
    self->pcm = (int16_t *)(void *)(memory + pcm_at);
    self->raw = view_of('h', fe->n_out, memory, memory + raw_at);
    self->out = view_of('b', fe->n_out, memory, memory + out_at);
    return MP_OBJ_FROM_PTR(self);
}

// frame(pcm[, out]) and raw(pcm[, out]): `own` is the object's result buffer, of `item` bytes an item.
static mp_obj_t frontend_run(size_t n_args, const mp_obj_t *args, mp_obj_t own, size_t item) {
    frontend_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    const kws_frontend_t *fe = &self->model->model.frontend;
    size_t n;
    const void *pcm = get_pcm(args[1], &n);
    if (n != fe->window_len) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: a frame is %u samples, not %u"), fe->window_len, (unsigned)n);
    }
    mp_obj_t result = n_args > 2 ? args[2] : own;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(result, &buffer, n_args > 2 ? MP_BUFFER_WRITE : MP_BUFFER_READ);
    if (buffer.len != fe->n_out * item || (uintptr_t)buffer.buf % item != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: out must be %u aligned bytes, not %u"),
            (unsigned)(fe->n_out * item), (unsigned)buffer.len);
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

static MP_DEFINE_CONST_OBJ_TYPE(frontend_type, MP_QSTR_Frontend, MP_TYPE_FLAG_NONE,
    make_new, frontend_make_new, locals_dict, &frontend_locals);

// ---- Stream ----

static mp_obj_t stream_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_model, ARG_rows };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_model, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_rows, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_ROWS}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    model_obj_t *model = get_streamable(args[ARG_model].u_obj);
    mp_int_t rows = args[ARG_rows].u_int;
    size_t bytes = rows > 0 ? kws_stream_bytes(&model->model, (uint32_t)rows) : 0;
    if (bytes == 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: rows out of range: %d"), (int)rows);
    }
    stream_obj_t *self = mp_obj_malloc(stream_obj_t, type);
    self->model = model;
    self->feeding = false;
    self->stream = kws_stream_init(m_new(uint8_t, bytes), &model->model, (uint32_t)rows);
    self->scores = view_of('b', (size_t)rows * kws_model_classes(&model->model), self->stream, self->stream->scores);
    return MP_OBJ_FROM_PTR(self);
}

static void stream_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    stream_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return; // read-only
    }
    switch (attr) {
        case MP_QSTR_scores: dest[0] = self->scores; break;
        case MP_QSTR_model: dest[0] = MP_OBJ_FROM_PTR(self->model); break;
        case MP_QSTR_rows: dest[0] = MP_OBJ_NEW_SMALL_INT(self->stream->max_rows); break;
        case MP_QSTR_max_samples: dest[0] = mp_obj_new_int_from_uint(self->stream->max_samples); break;
        case MP_QSTR_frames: dest[0] = mp_obj_new_int_from_uint(self->stream->frames & 0x3fffffff); break;
        default: dest[1] = MP_OBJ_SENTINEL; break; // look in the locals
    }
}

// A scheduled callback comes between two feeds, but a hard interrupt handler may come in the middle of one, and would
// move the stream's buffers under it.
static void raise_if_feeding(const stream_obj_t *self) {
    if (self->feeding) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("kws: a feed of this stream is under way"));
    }
}

static mp_obj_t stream_feed(mp_obj_t self_in, mp_obj_t pcm_in) {
    stream_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t n;
    const void *pcm = get_pcm(pcm_in, &n);
    raise_if_feeding(self);
    self->feeding = true;
    int rows = kws_stream_feed(self->stream, pcm, n);
    self->feeding = false;
    if (rows < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: %u samples are more than max_samples, %u"), (unsigned)n,
            (unsigned)self->stream->max_samples);
    }
    return MP_OBJ_NEW_SMALL_INT(rows);
}
static MP_DEFINE_CONST_FUN_OBJ_2(stream_feed_obj, stream_feed);

static mp_obj_t stream_reset(mp_obj_t self_in) {
    stream_obj_t *self = MP_OBJ_TO_PTR(self_in);
    raise_if_feeding(self);
    kws_stream_reset(self->stream);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(stream_reset_obj, stream_reset);

static const mp_rom_map_elem_t stream_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&stream_feed_obj)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&stream_reset_obj)},
};
static MP_DEFINE_CONST_DICT(stream_locals, stream_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(stream_type, MP_QSTR_Stream, MP_TYPE_FLAG_NONE,
    make_new, stream_make_new, attr, stream_attr, locals_dict, &stream_locals);

// ---- Module ----

// kws.kernels is known only to the linker, so it cannot stand in the constant table below.
void kws_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
void kws_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    (void)self_in;
    if (attr == MP_QSTR_kernels && dest[0] == MP_OBJ_NULL) {
        dest[0] = mp_obj_new_str(kws_kernels.name, strlen(kws_kernels.name));
    }
}

static const mp_rom_map_elem_t module_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_kws)},
    {MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&model_type)},
    {MP_ROM_QSTR(MP_QSTR_Frontend), MP_ROM_PTR(&frontend_type)},
    {MP_ROM_QSTR(MP_QSTR_Stream), MP_ROM_PTR(&stream_type)},
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t kws_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR_kws, kws_module);
MP_REGISTER_MODULE_DELEGATION(kws_module, kws_module_attr);
