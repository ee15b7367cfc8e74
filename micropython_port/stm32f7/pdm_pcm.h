// machine.PDM_PCM's object: machine_pdm_pcm.c constructs it, pdm_stream.c fills and reads it.
#ifndef PDM_PCM_H
#define PDM_PCM_H

#include "py/obj.h"
#include "py/stream.h"

#include "dfsdm.h"
#include "pdm_ring.h"

typedef enum { MONO = 1, STEREO = 2 } format_t; // the value is the number of channels
typedef enum { BLOCKING, NON_BLOCKING, ASYNCIO } io_mode_t;

typedef struct _machine_pdm_pcm_obj_t {
    mp_obj_base_t base;
    // As constructed.
    const dfsdm_rate_t *rate;
    mp_float_t gain_db;
    uint32_t ibuf; // bytes
    uint8_t mics[DFSDM_MAX_MICS];
    bool dc_removal;
    // Running.
    pdm_ring_t ring; // channels 0: deinitialised
    volatile uint32_t frames_missed; // lost before they reached the ring
    io_mode_t io_mode;
    // The non-blocking read.
    mp_obj_t callback;
    mp_obj_t app_object; // keeps the buffer from being collected
    uint8_t *app_bytes;
    uint32_t app_frames; // still to copy
    volatile bool copying;
    volatile bool callback_due; // the copy is complete, the callback not scheduled yet
} machine_pdm_pcm_obj_t;

static inline uint32_t pdm_pcm_frame_bytes(const machine_pdm_pcm_obj_t *self) {
    return self->ring.channels * sizeof(int16_t);
}

// The object, or OSError(ENODEV) when it was deinitialised or another one has taken the microphones over.
machine_pdm_pcm_obj_t *pdm_pcm_running(mp_obj_t self_in);
// Stops the microphones; harmless when the object does not run.
void pdm_pcm_stop(machine_pdm_pcm_obj_t *self);

// The interrupt's handler for dfsdm_start; works on the object that runs.
void pdm_pcm_on_block(const int32_t *const words[], uint32_t count, uint32_t lost);

extern const mp_stream_p_t pdm_pcm_stream;
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(pdm_pcm_readinto_obj);
MP_DECLARE_CONST_FUN_OBJ_2(pdm_pcm_irq_obj);

#endif
