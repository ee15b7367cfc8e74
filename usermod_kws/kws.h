// Status codes of the Hark core, shared by every stage. The core never prints and never allocates: a function
// that can fail returns 0 or one of these negative codes, and the binding alone turns a code into an exception.
#ifndef KWS_H
#define KWS_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    KWS_OK = 0,
    KWS_E_MAGIC = -1,     // not a Hark blob
    KWS_E_VERSION = -2,   // a format version this reader does not know
    KWS_E_LENGTH = -3,    // shorter or longer than its header says
    KWS_E_CRC = -4,       // contents do not match the checksum
    KWS_E_OFFSET = -5,    // an offset or length leaves its container
    KWS_E_ALIGN = -6,     // an offset is not aligned as the format demands
    KWS_E_OP = -7,        // an operator this build does not have
    KWS_E_SHAPE = -8,     // shapes do not chain, or a dimension is out of range
    KWS_E_RANGE = -9,     // a parameter is outside its legal range
    KWS_E_ARENA = -10,    // the activation plan does not fit or overlaps
    KWS_E_ARG = -11,      // the caller's argument is wrong
} kws_status_t;

// What was wrong and where. `where` is a byte offset into the blob (or section) that was being read.
typedef struct {
    kws_status_t code;
    uint32_t where;
    const char *what; // static string naming the field
} kws_error_t;

// Fixed English text for a status code; never NULL.
const char *kws_strerror(kws_status_t code);

// Records an error where the caller wants one, and returns its code. `err` may be NULL.
static inline kws_status_t kws_fail(kws_error_t *err, kws_status_t code, uint32_t where, const char *what) {
    if (err != NULL) {
        err->code = code;
        err->where = where;
        err->what = what;
    }
    return code;
}

#endif
