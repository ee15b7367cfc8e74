// Where a model's blob comes from: a file, or a buffer.
#include <string.h>

#include "py/builtin.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "binding/binding.h"

#define BLOB_ALIGN 4

// open(path, "rb"), but an OSError names the file.
static mp_obj_t open_file(mp_obj_t path) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t args[2] = {path, MP_OBJ_NEW_QSTR(MP_QSTR_rb)};
        mp_obj_t file = mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_builtin_open_obj), 2, 0, args);
        nlr_pop();
        return file;
    }
    mp_obj_t error = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (mp_obj_exception_match(error, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_obj_t number = mp_obj_exception_get_value(error);
        if (mp_obj_is_small_int(number)) {
            mp_raise_OSError_with_filename(MP_OBJ_SMALL_INT_VALUE(number), mp_obj_str_get_str(path));
        }
    }
    nlr_jump(nlr.ret_val);
}

// The whole file, copied to the heap. The file is closed.
static void *read_file(mp_obj_t file, mp_obj_t path, size_t *length) {
    int error = 0;
    mp_off_t size = mp_stream_seek(file, 0, MP_SEEK_END, &error);
    if (size != (mp_off_t)-1 && (uint64_t)size > KWS_MAX_BYTES) {
        error = MP_EFBIG; // or a directory on Linux, which says that it has the largest size there is
    } else if (size != (mp_off_t)-1 && mp_stream_seek(file, 0, MP_SEEK_SET, &error) == 0) {
        *length = (size_t)size;
        uint8_t *data = m_new_maybe(uint8_t, *length + 1);
        if (data == NULL) {
            mp_stream_close(file);
            m_malloc_fail(*length);
        }
        if (mp_stream_read_exactly(file, data, *length, &error) == *length && error == 0) {
            mp_stream_close(file);
            return data;
        }
        m_del(uint8_t, data, *length + 1);
    }
    mp_stream_close(file);
    mp_raise_OSError_with_filename(error != 0 ? error : MP_EIO, mp_obj_str_get_str(path));
}

// In place in a read-only buffer or a memory-mapped file, else in a copy. What can change is copied because the checks
// hold only for what does not: what can be written to, and this module's own views of scores and features, which are
// read-only but of type 'b' or 'h', where bytes and files have 'B'. Unaligned data is copied because the core needs words.
const void *kws_locate_blob(kws_model_obj_t *self, mp_obj_t source, size_t *length) {
    mp_buffer_info_t buffer, writable;
    if (mp_obj_is_str(source)) {
        mp_obj_t path = source;
        source = open_file(path);
        if (!mp_get_buffer(source, &buffer, MP_BUFFER_READ)) {
            self->copy = read_file(source, path, length);
            return self->copy;
        }
    }
    mp_get_buffer_raise(source, &buffer, MP_BUFFER_READ);
    *length = buffer.len;
    bool changes = buffer.typecode != 'B' || mp_get_buffer(source, &writable, MP_BUFFER_WRITE);
    if ((uintptr_t)buffer.buf % BLOB_ALIGN == 0 && !changes) {
        self->source = source;
        return buffer.buf;
    }
    self->copy = m_new(uint8_t, buffer.len + 1);
    memcpy(self->copy, buffer.buf, buffer.len);
    return self->copy;
}
