// The bench program that tools/bench/m7run.py loads: no start-up beyond a stack, no library but what the compiler
// needs. m7run places a blob and an input in memory and calls one of these functions.
#include "frontend/frontend.h"
#include "net/model.h"
#include "net/stream.h"

// The C library's memory functions in the plain way that any C library has: words where both sides are aligned.
// A firmware brings its own; these keep the counts independent of it.
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((((uintptr_t)d | (uintptr_t)s) & 3) == 0) {
        for (; n >= 16; n -= 16, d += 16, s += 16) {
            const uint32_t *w = (const uint32_t *)(const void *)s;
            uint32_t a = w[0], b = w[1], c = w[2], e = w[3];
            uint32_t *v = (uint32_t *)(void *)d;
            v[0] = a, v[1] = b, v[2] = c, v[3] = e;
        }
    }
    while (n-- > 0) {
        *d++ = *s++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d <= s) {
        return memcpy(to, from, n);
    }
    while (n-- > 0) {
        d[n] = s[n];
    }
    return to;
}

void *memset(void *to, int value, size_t n) {
    uint8_t *d = to;
    while (n-- > 0) {
        *d++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *p = a, *q = b;
    for (; n-- > 0; p++, q++) {
        if (*p != *q) {
            return *p - *q;
        }
    }
    return 0;
}

size_t strlen(const char *s) {
    size_t n = 0;
    while (s[n] != 0) {
        n++;
    }
    return n;
}

static kws_model_t model;

int bench_open(const void *blob, uint32_t length) {
    kws_error_t err = {KWS_OK, 0, ""};
    return kws_model_open(&model, blob, length, &err);
}

uint32_t bench_input_offset(void) {
    return kws_model_input(&model)->arena_offset;
}

uint32_t bench_output_offset(void) {
    return kws_model_output(&model)->arena_offset;
}

void bench_run(void *arena) {
    kws_model_run(&model, arena);
}

void bench_op(uint32_t i, void *arena) {
    kws_model_run_op(&model, i, arena);
}

void bench_frame(const int16_t *pcm, void *scratch, int8_t *out) {
    kws_frontend_frame(&model.frontend, pcm, scratch, out);
}

void entry(void) {
}
