// What the files of the `kws` module share: its objects, and how they take and give buffers. Only this folder and
// modkws.c know MicroPython; kws.pyi is the module's manual.
#ifndef KWS_BINDING_H
#define KWS_BINDING_H

#include "py/obj.h"

#include "net/model.h"
#include "net/stream.h"

typedef struct {
    mp_obj_base_t base;
    mp_obj_t source; // what the blob lies in when it is used in place; keeps it alive
    void *copy;      // or the blob's copy on the heap
    mp_obj_t labels;
    kws_model_t model;
} kws_model_obj_t;

extern const mp_obj_type_t kws_model_type, kws_frontend_type, kws_stream_type;

// The model behind an argument that must be a kws.Model with a front end; raises TypeError or ValueError.
kws_model_obj_t *kws_get_streamable(mp_obj_t obj);

// int16 samples: array('h'), or bytes, bytearray or memoryview of even length. Sets the number of samples.
const void *kws_get_pcm(mp_obj_t obj, size_t *n);

// A read-only view of n items of `typecode` ('h' or 'b') at `at`, which lies within the allocation that starts at
// `head`. The collector sees `head`, so the view alone keeps the memory.
mp_obj_t kws_view_of(char typecode, size_t n, void *head, const void *at);

// The blob as a source names or holds it, of *length bytes; sets self's source or copy. Raises what kws.pyi says.
const void *kws_locate_blob(kws_model_obj_t *self, mp_obj_t source, size_t *length);

#endif
