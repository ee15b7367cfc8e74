// kws.Stream
#include <string.h>

#include "py/objstr.h"
#include "py/runtime.h"

#include "binding/binding.h"

#define DEFAULT_ROWS 16

typedef struct {
    mp_obj_base_t base;
    kws_model_obj_t *model;
    kws_stream_t *stream; // at the start of its allocation
    mp_obj_t scores;
    nlr_buf_t *user; // the frame of the call that uses the stream, or NULL
} stream_obj_t;

static kws_stream_mode_t get_mode(mp_obj_t obj) {
    size_t length;
    const char *mode = mp_obj_str_get_data(obj, &length);
    if (length == 4 && memcmp(mode, "auto", 4) == 0) {
        return KWS_STREAM_AUTO;
    }
    if (length == 6 && memcmp(mode, "window", 6) == 0) {
        return KWS_STREAM_WINDOW;
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: mode is 'auto' or 'window', not '%s'"), mode);
}

static mp_obj_t stream_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_model, ARG_rows, ARG_mode };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_model, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_rows, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_ROWS}},
        {MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_auto)}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    kws_model_obj_t *model = kws_get_streamable(args[ARG_model].u_obj);
    mp_int_t rows = args[ARG_rows].u_int;
    kws_stream_mode_t mode = get_mode(args[ARG_mode].u_obj);
    size_t bytes = rows > 0 && rows <= (mp_int_t)KWS_MAX_BYTES ? kws_stream_bytes(&model->model, (uint32_t)rows, mode) : 0;
    if (bytes == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("kws: rows is not positive, or more than 16 MiB of scores"));
    }
    stream_obj_t *self = mp_obj_malloc(stream_obj_t, type);
    self->model = model;
    self->user = NULL;
    self->stream = kws_stream_init(m_new(uint8_t, bytes), &model->model, (uint32_t)rows, mode);
    self->scores = kws_view_of('b', (size_t)rows * kws_model_classes(&model->model), self->stream, self->stream->scores);
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
        case MP_QSTR_mode: dest[0] = MP_OBJ_NEW_QSTR(kws_stream_steps(self->stream) ? MP_QSTR_step : MP_QSTR_window); break;
        case MP_QSTR_state_bytes: dest[0] = mp_obj_new_int_from_uint(self->stream->state_bytes); break;
        case MP_QSTR_arena_bytes: dest[0] = mp_obj_new_int_from_uint(self->stream->program->arena_bytes); break;
        case MP_QSTR_max_samples: dest[0] = mp_obj_new_int_from_uint(self->stream->max_samples); break;
        case MP_QSTR_frames: dest[0] = mp_obj_new_int_from_uint(self->stream->frames & 0x3fffffff); break;
        default: dest[1] = MP_OBJ_SENTINEL; break; // look in the locals
    }
}

// Feeds n samples, or resets. A scheduled callback comes between two feeds, but a hard interrupt
// handler may come in the middle of one, and so may a thread on Linux: they would move the stream's buffers under it.
// A Ctrl-C on Linux jumps out of C code wherever that is; by the frame noted here the call can tell whether it had
// begun. A stream is of no use half fed, so it begins anew.
static int use_alone(stream_obj_t *self, bool feed, const void *pcm, size_t n) {
    nlr_buf_t nlr, *nobody = NULL;
    if (nlr_push(&nlr) != 0) {
        if (__atomic_load_n(&self->user, __ATOMIC_RELAXED) == &nlr) {
            kws_stream_reset(self->stream);
            __atomic_store_n(&self->user, NULL, __ATOMIC_RELEASE);
        }
        nlr_jump(nlr.ret_val);
    }
    if (!__atomic_compare_exchange_n(&self->user, &nobody, &nlr, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("kws: a feed of this stream is under way"));
    }
    int rows = 0;
    if (feed) {
        rows = kws_stream_feed(self->stream, pcm, n);
    } else {
        kws_stream_reset(self->stream);
    }
    __atomic_store_n(&self->user, NULL, __ATOMIC_RELEASE);
    nlr_pop();
    return rows;
}

static mp_obj_t stream_feed(mp_obj_t self_in, mp_obj_t pcm_in) {
    stream_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t n;
    const void *pcm = kws_get_pcm(pcm_in, &n);
    int rows = use_alone(self, true, pcm, n);
    if (rows < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kws: %u samples are more than max_samples, %u"), (unsigned)n,
            (unsigned)self->stream->max_samples);
    }
    return MP_OBJ_NEW_SMALL_INT(rows);
}
static MP_DEFINE_CONST_FUN_OBJ_2(stream_feed_obj, stream_feed);

static mp_obj_t stream_reset(mp_obj_t self_in) {
    stream_obj_t *self = MP_OBJ_TO_PTR(self_in);
    use_alone(self, false, NULL, 0);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(stream_reset_obj, stream_reset);

static const mp_rom_map_elem_t stream_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&stream_feed_obj)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&stream_reset_obj)},
};
static MP_DEFINE_CONST_DICT(stream_locals, stream_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kws_stream_type, MP_QSTR_Stream, MP_TYPE_FLAG_NONE,
    make_new, stream_make_new, attr, stream_attr, locals_dict, &stream_locals);
