// machine.PDM_PCM: the board's microphones as a stream of int16 samples, used like machine.I2S in receive mode.
//
// The DMA interrupt fills a ring (pdm_ring.c); readinto (pdm_stream.c) empties it in one of three ways:
// - blocking, from the start: returns when the buffer is full;
// - non-blocking, after irq(handler): returns at once, the interrupt fills the buffer and schedules handler(mic);
// - asyncio, after the stream was polled: returns what there is.
// Nothing allocates after the constructor.  PDM_PCM.md is the user's manual.

#include "py/mperrno.h"
#include "py/runtime.h"

#include "pdm_pcm.h"
#include "port.h"

#define MIN_RING_BLOCKS 2

const mp_obj_type_t machine_pdm_pcm_type;

// The one that runs; there is one set of microphones.
MP_REGISTER_ROOT_POINTER(struct _machine_pdm_pcm_obj_t *machine_pdm_pcm);

// ---- construction --------------------------------------------------------------------------------------------------

void pdm_pcm_stop(machine_pdm_pcm_obj_t *self) {
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
    pdm_pcm_stop(MP_STATE_PORT(machine_pdm_pcm));
}

machine_pdm_pcm_obj_t *pdm_pcm_running(mp_obj_t self_in) {
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
    dfsdm_start(rate, mics, channels, pdm_pcm_on_block);
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

// ---- methods -------------------------------------------------------------------------------------------------------

static mp_obj_t pdm_pcm_init(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    pdm_pcm_init_helper(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kwargs);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pdm_pcm_init_obj, 1, pdm_pcm_init);

static mp_obj_t pdm_pcm_deinit(mp_obj_t self_in) {
    pdm_pcm_stop(MP_OBJ_TO_PTR(self_in));
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
    const machine_pdm_pcm_obj_t *self = pdm_pcm_running(self_in);
    return mp_obj_new_int_from_uint(pdm_ring_available(&self->ring) * pdm_pcm_frame_bytes(self));
}
static MP_DEFINE_CONST_FUN_OBJ_1(pdm_pcm_any_obj, pdm_pcm_any);

// gain_db() -> float; gain_db(value) changes it from the next block on.
static mp_obj_t pdm_pcm_gain_db(size_t n_args, const mp_obj_t *args) {
    machine_pdm_pcm_obj_t *self = pdm_pcm_running(args[0]);
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
