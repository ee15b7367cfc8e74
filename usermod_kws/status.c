#include "kws.h"

const char *kws_strerror(kws_status_t code) {
    switch (code) {
    case KWS_OK:
        return "no error";
    case KWS_E_MAGIC:
        return "not a Hark blob";
    case KWS_E_VERSION:
        return "unknown format version";
    case KWS_E_LENGTH:
        return "wrong length";
    case KWS_E_CRC:
        return "bad CRC";
    case KWS_E_OFFSET:
        return "offset outside its container";
    case KWS_E_ALIGN:
        return "misaligned";
    case KWS_E_OP:
        return "unknown op";
    case KWS_E_SHAPE:
        return "shapes do not chain";
    case KWS_E_RANGE:
        return "value out of range";
    case KWS_E_ARENA:
        return "bad arena plan";
    case KWS_E_ARG:
        return "bad argument";
    }
    return "unknown status";
}
