// machine.PDM_PCM's data: the interrupt fills the ring and the buffer of a background read, readinto and poll empty it.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "pdm_pcm.h"
#include "port.h"

// No block arrives for this long: the microphones' clock or the DMA has stopped.
#define SILENCE_TIMEOUT_MS 500

// ---- in the interrupt ----------------------------------------------------------------------------------------------

static void continue_copy(machine_pdm_pcm_obj_t *self) {
    uint32_t got = pdm_ring_get(&self->ring, self->app_bytes, self->app_frames);
    self->app_bytes += got * pdm_pcm_frame_bytes(self);
    self->app_frames -= got;
    if (self->app_frames == 0) {
        self->copying = false;
        self->callback_due = true;
    }
}

// A full scheduler queue refuses; the next block tries again.
static void schedule_callback(machine_pdm_pcm_obj_t *self) {
    self->callback_due = !mp_sched_schedule(self->callback, MP_OBJ_FROM_PTR(self));
}

void pdm_pcm_on_block(const int32_t *const words[], uint32_t count, uint32_t lost) {
    machine_pdm_pcm_obj_t *self = MP_STATE_PORT(machine_pdm_pcm);
    self->frames_missed += lost;
    pdm_ring_put(&self->ring, words, count);
    if (self->copying) {
        continue_copy(self);
    }
    if (self->callback_due) {
        schedule_callback(self);
    }
}

// ---- reading -------------------------------------------------------------------------------------------------------

static mp_uint_t start_copy(machine_pdm_pcm_obj_t *self, void *buffer, mp_uint_t size, int *errcode) {
    if (self->copying) {
        *errcode = MP_EBUSY;
        return MP_STREAM_ERROR;
    }
    uint32_t irq_state = irq_save_from(IRQ_PRI_DMA); // a long copy must not cost the REPL a byte
    self->app_bytes = buffer;
    self->app_frames = size / pdm_pcm_frame_bytes(self);
    self->copying = true;
    continue_copy(self); // there may be enough already
    if (self->callback_due) {
        schedule_callback(self);
    }
    irq_restore_from(irq_state);
    return size;
}

static mp_uint_t wait_for_frames(machine_pdm_pcm_obj_t *self, uint8_t *bytes, mp_uint_t size, int *errcode) {
    mp_uint_t last_progress = mp_hal_ticks_ms();
    // Counted in bytes, and in the frames of now: a callback may run init() and change the number of channels.
    mp_uint_t left = size;
    while (left >= pdm_pcm_frame_bytes(self)) {
        uint32_t got = pdm_ring_get(&self->ring, bytes, left / pdm_pcm_frame_bytes(self));
        bytes += got * pdm_pcm_frame_bytes(self);
        left -= got * pdm_pcm_frame_bytes(self);
        if (got > 0) {
            last_progress = mp_hal_ticks_ms();
        } else if (mp_hal_ticks_ms() - last_progress > SILENCE_TIMEOUT_MS) {
            *errcode = MP_ETIMEDOUT;
            return MP_STREAM_ERROR;
        } else {
            mp_event_wait_indefinite();
            pdm_pcm_running(MP_OBJ_FROM_PTR(self)); // a callback may have stopped it
        }
    }
    return size - left;
}

static mp_uint_t pdm_pcm_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    machine_pdm_pcm_obj_t *self = pdm_pcm_running(self_in);
    if (size % pdm_pcm_frame_bytes(self) != 0 || (self->io_mode == NON_BLOCKING && self->app_object == mp_const_none)) {
        *errcode = MP_EINVAL; // half a frame, or read() without a buffer that outlives it
        return MP_STREAM_ERROR;
    }
    if (size == 0) {
        return 0;
    }
    if (self->io_mode == NON_BLOCKING) {
        return start_copy(self, buffer, size, errcode);
    }
    if (self->io_mode == BLOCKING) {
        return wait_for_frames(self, buffer, size, errcode);
    }
    uint32_t got = pdm_ring_get(&self->ring, buffer, size / pdm_pcm_frame_bytes(self));
    if (got == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return got * pdm_pcm_frame_bytes(self);
}

static mp_uint_t pdm_pcm_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_pdm_pcm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_CLOSE) {
        pdm_pcm_stop(self);
        return 0;
    }
    if (request != MP_STREAM_POLL) {
        *errcode = MP_EINVAL;
        return MP_STREAM_ERROR;
    }
    self->io_mode = ASYNCIO; // who polls wants what there is, as with machine.I2S
    if (self->ring.channels == 0) {
        return MP_STREAM_POLL_NVAL;
    }
    return pdm_ring_available(&self->ring) > 0 ? arg & MP_STREAM_POLL_RD : 0;
}

const mp_stream_p_t pdm_pcm_stream = { .read = pdm_pcm_read, .ioctl = pdm_pcm_ioctl, .is_text = false };

// readinto(buffer) -> bytes; whole frames only.
static mp_obj_t pdm_pcm_readinto(size_t n_args, const mp_obj_t *args) {
    machine_pdm_pcm_obj_t *self = pdm_pcm_running(args[0]);
    if (!self->copying) {
        self->app_object = args[1];
    }
    return mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_stream_readinto_obj), n_args, 0, args);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pdm_pcm_readinto_obj, 2, 3, pdm_pcm_readinto);

// irq(handler): from here on readinto does not block; irq(None): it blocks again, and a copy under way is given up.
static mp_obj_t pdm_pcm_irq(mp_obj_t self_in, mp_obj_t handler) {
    machine_pdm_pcm_obj_t *self = pdm_pcm_running(self_in);
    if (handler != mp_const_none && !mp_obj_is_callable(handler)) {
        mp_raise_ValueError(MP_ERROR_TEXT("handler must be callable or None"));
    }
    uint32_t irq_state = irq_save();
    self->callback = handler;
    self->io_mode = handler == mp_const_none ? BLOCKING : NON_BLOCKING;
    if (handler == mp_const_none) {
        self->copying = false;
        self->callback_due = false;
        self->app_object = mp_const_none;
    }
    irq_restore(irq_state);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(pdm_pcm_irq_obj, pdm_pcm_irq);
