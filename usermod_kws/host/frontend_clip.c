// Host only: whole recordings in one call, for training and tests. Not part of the firmware.
#include <stdlib.h>

#include "frontend/stages.h"

size_t kws_frontend_sizeof(void) {
    return sizeof(kws_frontend_t);
}

// Every whole frame of pcm [n] into raw [frames][n_out] or, when raw is NULL, features [frames][n_out].
// Returns the number of frames, 1 + (n - window_len) / hop_len, or 0 when pcm is shorter than a window.
size_t kws_frontend_clip(const kws_frontend_t *fe, const int16_t *pcm, size_t n, int16_t *raw, int8_t *features) {
    if (n < fe->window_len) {
        return 0;
    }
    const size_t frames = 1 + (n - fe->window_len) / fe->hop_len;
    void *const scratch = malloc(kws_frontend_scratch_bytes(fe));
    if (scratch == NULL) {
        abort();
    }
    for (size_t i = 0; i < frames; i++, pcm += fe->hop_len) {
        if (raw != NULL) {
            kws_frontend_raw(fe, pcm, scratch, raw + i * fe->n_out);
        } else {
            kws_frontend_frame(fe, pcm, scratch, features + i * fe->n_out);
        }
    }
    free(scratch);
    return frames;
}

// What ctypes wants to know without mirroring the struct: window_len, hop_len, n_out, raw_frac_bits.
void kws_frontend_describe(const kws_frontend_t *fe, uint32_t sizes[4]) {
    sizes[0] = fe->window_len;
    sizes[1] = fe->hop_len;
    sizes[2] = fe->n_out;
    sizes[3] = fe->raw_frac_bits;
}
