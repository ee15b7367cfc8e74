// machine.PDM_PCM: the board's microphones as a stream of int16 samples, used like machine.I2S in receive mode.
//
// The DMA interrupt fills a ring (pdm_ring.c); readinto empties it in one of three ways:
// - blocking, from the start: returns when the buffer is full;
// - non-blocking, after irq(handler): returns at once, the interrupt fills the buffer and schedules handler(mic);
// - asyncio, after the stream was polled: returns what there is.
// Nothing allocates after the constructor.  PDM_PCM.md is the user's manual.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "dfsdm.h"
#include "pdm_ring.h"
#include "port.h"

typedef enum { MONO = 1, STEREO = 2 } format_t; // the value is the number of channels
typedef enum { BLOCKING, NON_BLOCKING, ASYNCIO } io_mode_t;

// No block arrives for this long: the microphones' clock or the DMA has stopped.
#define SILENCE_TIMEOUT_MS 500
#define MIN_RING_BLOCKS 2

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

const mp_obj_type_t machine_pdm_pcm_type;

// The one that runs; there is one set of microphones.
MP_REGISTER_ROOT_POINTER(struct _machine_pdm_pcm_obj_t *machine_pdm_pcm);

static uint32_t frame_bytes(const machine_pdm_pcm_obj_t *self) {
    return self->ring.channels * sizeof(int16_t);
}

// ---- in the interrupt ----------------------------------------------------------------------------------------------

static void continue_copy(machine_pdm_pcm_obj_t *self) {
    uint32_t got = pdm_ring_get(&self->ring, self->app_bytes, self->app_frames);
    self->app_bytes += got * frame_bytes(self);
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

static void on_block(const int32_t *const words[], uint32_t count, uint32_t lost) {
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

// ---- construction --------------------------------------------------------------------------------------------------

static void stop(machine_pdm_pcm_obj_t *self) {
    if (self == NULL || self != MP_STATE_PORT(machine_pdm_pcm)) {
        return;
    }
    dfsdm_stop(); // DMA first: nothing writes into the ring from here on
    MP_STATE_PORT(machine_pdm_pcm) = NULL;
    self->ring.channels = 0;
    self->ring.samples = NULL;
    self->copying = false;
    self->callback_due = false;
    self->callback = mp_const_none;
    self->app_object = mp_const_none;
}

void machine_pdm_pcm_deinit_all(void) {
    stop(MP_STATE_PORT(machine_pdm_pcm));
}

static machine_pdm_pcm_obj_t *running(mp_obj_t self_in) {
    machine_pdm_pcm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->ring.channels == 0) {
        mp_raise_OSError(MP_ENODEV); // after deinit, or another PDM_PCM has taken the microphones over
    }
    return self;
}

static void parse_mics(mp_obj_t mics_in, unsigned count, uint8_t mics[]) {
    size_t given = 1;
    mp_obj_t *items = &mics_in;
    if (mics_in == mp_const_none) {
        for (unsigned i = 0; i < count; ++i) {
            mics[i] = (uint8_t)i;
        }
        return;
    }
    if (!mp_obj_is_int(mics_in)) {
        mp_obj_get_array(mics_in, &given, &items);
    }
    bool valid = given == count;
    for (unsigned i = 0; valid && i < count; ++i) {
        mp_int_t mic = mp_obj_get_int(items[i]);
        valid = mic >= 0 && mic < DFSDM_BOARD_MICS && (i == 0 || mic != mics[0]);
        mics[i] = (uint8_t)mic;
    }
    if (!valid) {
        mp_raise_ValueError(MP_ERROR_TEXT("mics must be one for MONO, two different for STEREO, of "
            "0 (top left), 1 (top right), 2 (bottom left), 3 (bottom right)"));
    }
}

static int32_t gain_q40(const dfsdm_rate_t *rate, mp_float_t gain_db) {
    if (!(gain_db >= -60 && gain_db <= 40)) {
        mp_raise_ValueError(MP_ERROR_TEXT("gain_db must be -60..40"));
    }
    return pdm_gain_q40(dfsdm_full_scale(rate), gain_db);
}

// The power of two that puts the DC filter's corner nearest to 10 Hz: rate / (2 pi 2^shift) is 7.5 .. 10 Hz.
static uint32_t dc_shift_for(uint32_t rate_hz) {
    uint32_t shift = 7;
    while ((rate_hz >> shift) > 64) {
        ++shift;
    }
    return shift;
}

static void pdm_pcm_init_helper(machine_pdm_pcm_obj_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_rate, ARG_format, ARG_mics, ARG_gain_db, ARG_dc_removal, ARG_ibuf };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_rate, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 16000 } },
        { MP_QSTR_format, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = MONO } },
        { MP_QSTR_mics, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_gain_db, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(0) } },
        { MP_QSTR_dc_removal, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = true } },
        { MP_QSTR_ibuf, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 8192 } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);

    // Check everything before anything changes.
    const dfsdm_rate_t *rate = dfsdm_find_rate((uint32_t)vals[ARG_rate].u_int);
    if (rate == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("rate must be 8000, 16000, 32000 or 48000"));
    }
    mp_int_t channels = vals[ARG_format].u_int;
    if (channels != MONO && channels != STEREO) {
        mp_raise_ValueError(MP_ERROR_TEXT("format must be PDM_PCM.MONO or PDM_PCM.STEREO"));
    }
    uint8_t mics[DFSDM_MAX_MICS] = { 0 };
    parse_mics(vals[ARG_mics].u_obj, channels, mics);
    mp_float_t gain_db = mp_obj_get_float(vals[ARG_gain_db].u_obj);
    int32_t gain = gain_q40(rate, gain_db);
    mp_int_t ibuf = vals[ARG_ibuf].u_int;
    mp_int_t least = MIN_RING_BLOCKS * (rate->rate_hz / DFSDM_BLOCKS_PER_S) * channels * sizeof(int16_t);
    if (ibuf < least) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("ibuf must be at least %d bytes (20 ms)"), (int)least);
    }

    machine_pdm_pcm_deinit_all();
    uint32_t capacity = ibuf / (channels * sizeof(int16_t));
    int16_t *samples = m_new(int16_t, capacity * channels);
    self->rate = rate;
    self->gain_db = gain_db;
    self->ibuf = ibuf;
    memcpy(self->mics, mics, sizeof(mics));
    self->dc_removal = vals[ARG_dc_removal].u_bool;
    self->frames_missed = 0;
    self->io_mode = BLOCKING;
    self->callback = mp_const_none;
    self->app_object = mp_const_none;
    pdm_ring_init(&self->ring, samples, capacity, channels, gain, self->dc_removal ? dc_shift_for(rate->rate_hz) : 0);
    MP_STATE_PORT(machine_pdm_pcm) = self;
    dfsdm_start(rate, mics, channels, on_block);
}

static mp_obj_t pdm_pcm_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, true);
    if (mp_obj_get_int(args[0]) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("id must be 0"));
    }
    machine_pdm_pcm_obj_t *self = m_new0(machine_pdm_pcm_obj_t, 1);
    self->base.type = type;
    mp_map_t kwargs;
    mp_map_init_fixed_table(&kwargs, n_kw, args + n_args);
    pdm_pcm_init_helper(self, 0, args, &kwargs);
    return MP_OBJ_FROM_PTR(self);
}

static void pdm_pcm_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_pdm_pcm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->ring.channels == 0) {
        mp_print_str(print, "PDM_PCM(0) stopped");
        return;
    }
    mp_printf(print, "PDM_PCM(0, rate=%u, format=PDM_PCM.%s, mics=(%u,", (unsigned)self->rate->rate_hz,
        self->ring.channels == MONO ? "MONO" : "STEREO", self->mics[0]);
    if (self->ring.channels == STEREO) {
        mp_printf(print, " %u", self->mics[1]);
    }
    mp_print_str(print, "), gain_db=");
    mp_obj_print_helper(print, mp_obj_new_float(self->gain_db), PRINT_REPR);
    mp_printf(print, ", dc_removal=%s, ibuf=%u)", self->dc_removal ? "True" : "False", (unsigned)self->ibuf);
}

// ---- reading -------------------------------------------------------------------------------------------------------

static mp_uint_t start_copy(machine_pdm_pcm_obj_t *self, void *buffer, mp_uint_t size, int *errcode) {
    if (self->copying) {
        *errcode = MP_EBUSY;
        return MP_STREAM_ERROR;
    }
    uint32_t irq_state = irq_save();
    self->app_bytes = buffer;
    self->app_frames = size / frame_bytes(self);
    self->copying = true;
    continue_copy(self); // there may be enough already
    if (self->callback_due) {
        schedule_callback(self);
    }
    irq_restore(irq_state);
    return size;
}

static mp_uint_t wait_for_frames(machine_pdm_pcm_obj_t *self, uint8_t *bytes, mp_uint_t size, int *errcode) {
    uint32_t frames = size / frame_bytes(self);
    mp_uint_t last_progress = mp_hal_ticks_ms();
    while (frames > 0) {
        uint32_t got = pdm_ring_get(&self->ring, bytes, frames);
        bytes += got * frame_bytes(self);
        frames -= got;
        if (got > 0) {
            last_progress = mp_hal_ticks_ms();
        } else if (mp_hal_ticks_ms() - last_progress > SILENCE_TIMEOUT_MS) {
            *errcode = MP_ETIMEDOUT;
            return MP_STREAM_ERROR;
        } else {
            mp_event_wait_indefinite();
            running(MP_OBJ_FROM_PTR(self)); // a callback may have stopped it
        }
    }
    return size;
}

static mp_uint_t pdm_pcm_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    machine_pdm_pcm_obj_t *self = running(self_in);
    if (size % frame_bytes(self) != 0 || (self->io_mode == NON_BLOCKING && self->app_object == mp_const_none)) {
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
    uint32_t got = pdm_ring_get(&self->ring, buffer, size / frame_bytes(self));
    if (got == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return got * frame_bytes(self);
}

static mp_uint_t pdm_pcm_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_pdm_pcm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_CLOSE) {
        stop(self);
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

static const mp_stream_p_t pdm_pcm_stream = { .read = pdm_pcm_read, .ioctl = pdm_pcm_ioctl, .is_text = false };

// readinto(buffer) -> bytes; whole frames only.
static mp_obj_t pdm_pcm_readinto(size_t n_args, const mp_obj_t *args) {
    machine_pdm_pcm_obj_t *self = running(args[0]);
    if (!self->copying) {
        self->app_object = args[1];
    }
    return mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_stream_readinto_obj), n_args, 0, args);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pdm_pcm_readinto_obj, 2, 3, pdm_pcm_readinto);

// irq(handler): from here on readinto does not block; irq(None): it blocks again, and a copy under way is given up.
static mp_obj_t pdm_pcm_irq(mp_obj_t self_in, mp_obj_t handler) {
    machine_pdm_pcm_obj_t *self = running(self_in);
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
static MP_DEFINE_CONST_FUN_OBJ_2(pdm_pcm_irq_obj, pdm_pcm_irq);

// ---- the rest ------------------------------------------------------------------------------------------------------

static mp_obj_t pdm_pcm_init(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    pdm_pcm_init_helper(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kwargs);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pdm_pcm_init_obj, 1, pdm_pcm_init);

static mp_obj_t pdm_pcm_deinit(mp_obj_t self_in) {
    stop(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(pdm_pcm_deinit_obj, pdm_pcm_deinit);

// overruns() -> frames lost since the constructor: the ring was full, the interrupt too late, or the hardware failed.
static mp_obj_t pdm_pcm_overruns(mp_obj_t self_in) {
    const machine_pdm_pcm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(self->ring.frames_lost + self->frames_missed);
}
static MP_DEFINE_CONST_FUN_OBJ_1(pdm_pcm_overruns_obj, pdm_pcm_overruns);

// any() -> bytes that can be read at once.
static mp_obj_t pdm_pcm_any(mp_obj_t self_in) {
    const machine_pdm_pcm_obj_t *self = running(self_in);
    return mp_obj_new_int_from_uint(pdm_ring_available(&self->ring) * frame_bytes(self));
}
static MP_DEFINE_CONST_FUN_OBJ_1(pdm_pcm_any_obj, pdm_pcm_any);

// gain_db() -> float; gain_db(value) changes it from the next block on.
static mp_obj_t pdm_pcm_gain_db(size_t n_args, const mp_obj_t *args) {
    machine_pdm_pcm_obj_t *self = running(args[0]);
    if (n_args == 1) {
        return mp_obj_new_float(self->gain_db);
    }
    mp_float_t gain_db = mp_obj_get_float(args[1]);
    self->ring.gain_q40 = gain_q40(self->rate, gain_db);
    self->gain_db = gain_db;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pdm_pcm_gain_db_obj, 1, 2, pdm_pcm_gain_db);

static const mp_rom_map_elem_t pdm_pcm_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&pdm_pcm_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&pdm_pcm_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&pdm_pcm_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&pdm_pcm_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_any), MP_ROM_PTR(&pdm_pcm_any_obj) },
    { MP_ROM_QSTR(MP_QSTR_overruns), MP_ROM_PTR(&pdm_pcm_overruns_obj) },
    { MP_ROM_QSTR(MP_QSTR_gain_db), MP_ROM_PTR(&pdm_pcm_gain_db_obj) },
    { MP_ROM_QSTR(MP_QSTR_MONO), MP_ROM_INT(MONO) },
    { MP_ROM_QSTR(MP_QSTR_STEREO), MP_ROM_INT(STEREO) },
};
static MP_DEFINE_CONST_DICT(pdm_pcm_locals_dict, pdm_pcm_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pdm_pcm_type,
    MP_QSTR_PDM_PCM,
    MP_TYPE_FLAG_ITER_IS_STREAM,
    make_new, pdm_pcm_make_new,
    print, pdm_pcm_print,
    protocol, &pdm_pcm_stream,
    locals_dict, &pdm_pcm_locals_dict
    );
