// The bench program that tools/bench/m7run.py loads: no start-up, no library but memory.c. m7run places a blob and an
// input in memory and calls one of these functions.
#include "frontend/frontend.h"
#include "net/model.h"
#include "net/stream.h"

static kws_model_t model;
static kws_stream_t *stream;

int bench_open(const void *blob, uint32_t length) {
    kws_error_t err = {KWS_OK, 0, ""};
    return kws_model_open(&model, blob, length, &err);
}

void bench_begin(uint32_t kind, void *arena, uint32_t run) {
    kws_program_begin(&model.programs[kind], arena, run);
}

void bench_run(uint32_t kind, void *arena, uint32_t run) {
    kws_program_run(&model.programs[kind], arena, run);
}

void bench_op(uint32_t kind, uint32_t i, void *arena, uint32_t run) {
    kws_program_run_op(&model.programs[kind], i, arena, run);
}

void bench_frame(const int16_t *pcm, void *scratch, int8_t *out) {
    kws_frontend_frame(&model.frontend, pcm, scratch, out);
}

uint32_t bench_stream_init(void *memory, uint32_t rows, uint32_t mode) {
    stream = kws_stream_init(memory, &model, rows, (kws_stream_mode_t)mode);
    return stream->state_bytes;
}

int bench_stream_feed(const void *pcm, uint32_t samples) {
    return kws_stream_feed(stream, pcm, samples);
}
