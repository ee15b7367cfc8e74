// machine.I2C: the I2C controllers as a bus master, 7-bit addresses, 10 kHz .. 1 MHz.
//
// A transfer polls; each byte has its timeout, so that a stuck bus ends as OSError(ETIMEDOUT) and not as a hang.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "pin.h"
#include "port.h"

#define DEFAULT_FREQ_HZ 400000
#define MIN_FREQ_HZ 10000
#define MAX_FREQ_HZ 1000000
#define DEFAULT_TIMEOUT_US 50000
#define MAX_CHUNK 255U // NBYTES has 8 bits

typedef struct {
    uint8_t id;
    I2C_TypeDef *i2c;
    uint32_t clock_bit; // in APB1ENR
    const machine_pin_obj_t *scl;
    const machine_pin_obj_t *sda;
    uint8_t scl_alternate;
    uint8_t sda_alternate;
} i2c_hardware_t;

typedef struct {
    mp_obj_base_t base;
    const i2c_hardware_t *hardware;
    uint32_t freq_hz;
    uint32_t timeout_us;
} machine_i2c_obj_t;

// 1: the Arduino header; 4: the audio codec and the display's touch panel.
static const i2c_hardware_t hardware[] = {
    { 1, I2C1, RCC_APB1ENR_I2C1EN, PIN_AT('B', 8), PIN_AT('B', 9), 4, 4 },
    { 4, I2C4, RCC_APB1ENR_I2C4EN, PIN_AT('D', 12), PIN_AT('B', 7), 4, 11 },
};

// ---- timing --------------------------------------------------------------------------------------------------------

static uint32_t ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

// Times in nanoseconds; the bounds are those of the I2C specification (UM10204, table 10) for the mode.
static uint32_t timing_for(uint32_t freq_hz) {
    const bool standard = freq_hz <= 100000;
    const bool fast = !standard && freq_hz <= 400000;
    const uint32_t rise_and_setup = standard ? 1250 : fast ? 400 : 170;
    const uint32_t fall_and_hold = standard || fast ? 300 : 120;
    const uint32_t clock_ns_q8 = (1000000000ULL << 8) / PCLK1_HZ;
    // The controller adds its synchronisation and filter delays to each period, at the least 4 clocks and 2 x 50 ns.
    uint32_t period = 1000000000U / freq_hz;
    const uint32_t overhead = ((4 * clock_ns_q8) >> 8) + 100;
    period -= overhead < period / 2 ? overhead : period / 2;
    const uint32_t low = standard ? period / 2 : period * 2 / 3; // fast modes want the low phase longer
    uint32_t prescaler = 1;
    while (prescaler < 16 && ((low << 8) / (clock_ns_q8 * prescaler) > 256
                              || ((rise_and_setup << 8) / (clock_ns_q8 * prescaler)) >= 16)) {
        ++prescaler;
    }
    const uint32_t tick_q8 = clock_ns_q8 * prescaler;
    const uint32_t scll = MAX(ceil_div(low << 8, tick_q8), 1U) - 1;
    const uint32_t sclh = MAX(ceil_div((period - low) << 8, tick_q8), 1U) - 1;
    const uint32_t scldel = MIN(MAX(ceil_div(rise_and_setup << 8, tick_q8), 1U) - 1, 15U);
    const uint32_t sdadel = MIN((fall_and_hold << 8) / tick_q8, 15U);
    return ((prescaler - 1) << I2C_TIMINGR_PRESC_Pos) | (scldel << I2C_TIMINGR_SCLDEL_Pos)
        | (sdadel << I2C_TIMINGR_SDADEL_Pos) | (MIN(sclh, 255U) << I2C_TIMINGR_SCLH_Pos) | MIN(scll, 255U);
}

// ---- transfer ------------------------------------------------------------------------------------------------------

// Gives the lines back and forgets what was under way.
static void reset_controller(I2C_TypeDef *i2c) {
    i2c->CR1 &= ~I2C_CR1_PE;
    (void)i2c->CR1; // three bus cycles must pass
    (void)i2c->CR1;
    i2c->CR1 |= I2C_CR1_PE;
}

// Waits for one of `flags`; NACKF and the bus errors end the wait too.  Returns 0 or a negative errno.
static int wait_for(const machine_i2c_obj_t *self, uint32_t flags) {
    I2C_TypeDef *i2c = self->hardware->i2c;
    const uint32_t start = mp_hal_ticks_us();
    for (;;) {
        const uint32_t status = i2c->ISR;
        if (status & (I2C_ISR_BERR | I2C_ISR_ARLO)) {
            i2c->ICR = I2C_ICR_BERRCF | I2C_ICR_ARLOCF;
            return -MP_EIO;
        }
        if (status & I2C_ISR_NACKF) {
            return -MP_ENODEV;
        }
        if (status & flags) {
            return 0;
        }
        if (mp_hal_ticks_us() - start > self->timeout_us) {
            return -MP_ETIMEDOUT;
        }
    }
}

// The controller sends a stop by itself after a NACK; waits for it and takes back a byte that was not sent.
static void finish_nack(const machine_i2c_obj_t *self) {
    I2C_TypeDef *i2c = self->hardware->i2c;
    i2c->ICR = I2C_ICR_NACKCF;
    if (wait_for(self, I2C_ISR_STOPF) != 0) {
        reset_controller(i2c);
    }
    i2c->ICR = I2C_ICR_STOPCF;
    i2c->ISR = I2C_ISR_TXE; // writing it empties the data register
}

static size_t total_length(size_t n, const mp_machine_i2c_buf_t *bufs) {
    size_t length = 0;
    for (size_t i = 0; i < n; ++i) {
        length += bufs[i].len;
    }
    return length;
}

static void begin(I2C_TypeDef *i2c, uint16_t address, size_t length, bool read) {
    const uint32_t chunk = MIN(length, MAX_CHUNK);
    i2c->CR2 = ((uint32_t)address << 1) | (read ? I2C_CR2_RD_WRN : 0) | (chunk << I2C_CR2_NBYTES_Pos)
        | (length > MAX_CHUNK ? I2C_CR2_RELOAD : 0) | I2C_CR2_START;
}

// `left` bytes remain after a full chunk.
static void reload(I2C_TypeDef *i2c, size_t left) {
    uint32_t cr2 = i2c->CR2 & ~(I2C_CR2_NBYTES | I2C_CR2_RELOAD);
    i2c->CR2 = cr2 | (MIN(left, MAX_CHUNK) << I2C_CR2_NBYTES_Pos) | (left > MAX_CHUNK ? I2C_CR2_RELOAD : 0);
}

// Returns the bytes that were acknowledged (0 for a read) or a negative errno.
static int move_bytes(machine_i2c_obj_t *self, size_t n, const mp_machine_i2c_buf_t *bufs, bool read) {
    I2C_TypeDef *i2c = self->hardware->i2c;
    const size_t length = total_length(n, bufs);
    size_t done = 0;
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < bufs[i].len; ++j) {
            if (done > 0 && done % MAX_CHUNK == 0) {
                int ret = wait_for(self, I2C_ISR_TCR);
                if (ret == -MP_ENODEV) {
                    return (int)done - 1;
                } else if (ret != 0) {
                    return ret;
                }
                reload(i2c, length - done);
            }
            int ret = wait_for(self, read ? I2C_ISR_RXNE : I2C_ISR_TXIS);
            if (ret == -MP_ENODEV && done > 0) {
                return (int)done - 1; // the byte before this one was refused
            } else if (ret != 0) {
                return ret;
            }
            if (read) {
                bufs[i].buf[j] = (uint8_t)i2c->RXDR;
            } else {
                i2c->TXDR = bufs[i].buf[j];
            }
            ++done;
        }
    }
    int ret = wait_for(self, I2C_ISR_TC);
    if (ret == -MP_ENODEV && done > 0) {
        return (int)done - 1;
    }
    return ret != 0 ? ret : read ? 0 : (int)done;
}

static int i2c_transfer(mp_obj_base_t *self_in, uint16_t address, size_t n, mp_machine_i2c_buf_t *bufs,
    unsigned int flags) {
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    I2C_TypeDef *i2c = self->hardware->i2c;
    const bool read = flags & MP_MACHINE_I2C_FLAG_READ;
    begin(i2c, address, total_length(n, bufs), read);
    int ret = move_bytes(self, n, bufs, read);
    if (i2c->ISR & I2C_ISR_NACKF) {
        finish_nack(self);
        return ret;
    }
    if (ret < 0) {
        reset_controller(i2c);
        return ret;
    }
    if (flags & MP_MACHINE_I2C_FLAG_STOP) {
        i2c->CR2 |= I2C_CR2_STOP;
        int stopped = wait_for(self, I2C_ISR_STOPF);
        i2c->ICR = I2C_ICR_STOPCF;
        if (stopped != 0) {
            reset_controller(i2c);
            return stopped;
        }
    }
    return ret;
}

// ---- the class -----------------------------------------------------------------------------------------------------

static void i2c_configure(const machine_i2c_obj_t *self) {
    const i2c_hardware_t *hw = self->hardware;
    RCC->APB1ENR |= hw->clock_bit;
    (void)RCC->APB1ENR; // the clock needs two cycles
    gpio_config(hw->scl->port, hw->scl->index, GPIO_ALTERNATE, true, GPIO_PULL_UP, GPIO_SPEED_HIGH, hw->scl_alternate);
    gpio_config(hw->sda->port, hw->sda->index, GPIO_ALTERNATE, true, GPIO_PULL_UP, GPIO_SPEED_HIGH, hw->sda_alternate);
    hw->i2c->CR1 = 0;
    hw->i2c->TIMINGR = timing_for(self->freq_hz);
    hw->i2c->CR1 = I2C_CR1_PE;
}

// I2C.init(*, scl=None, sda=None, freq=400000, timeout=50000); timeout in microseconds a byte.
static void i2c_init(mp_obj_base_t *self_in, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_scl, ARG_sda, ARG_freq, ARG_timeout };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_scl, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_sda, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_FREQ_HZ } },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_TIMEOUT_US } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    machine_pin_check(vals[ARG_scl].u_obj, self->hardware->scl, "scl");
    machine_pin_check(vals[ARG_sda].u_obj, self->hardware->sda, "sda");
    if (vals[ARG_freq].u_int < MIN_FREQ_HZ || vals[ARG_freq].u_int > MAX_FREQ_HZ) {
        mp_raise_ValueError(MP_ERROR_TEXT("freq must be 10000..1000000"));
    }
    self->freq_hz = vals[ARG_freq].u_int;
    self->timeout_us = vals[ARG_timeout].u_int;
    i2c_configure(self);
}

static mp_obj_t i2c_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    for (size_t i = 0; i < MP_ARRAY_SIZE(hardware); ++i) {
        if (hardware[i].id == id) {
            machine_i2c_obj_t *self = m_new0(machine_i2c_obj_t, 1);
            self->base.type = type;
            self->hardware = &hardware[i];
            mp_map_t kwargs;
            mp_map_init_fixed_table(&kwargs, n_kw, args + n_args);
            i2c_init(&self->base, 0, args, &kwargs);
            return MP_OBJ_FROM_PTR(self);
        }
    }
    mp_raise_ValueError(MP_ERROR_TEXT("id must be 1 or 4"));
}

static void i2c_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const machine_i2c_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "I2C(%u, scl=" MP_HAL_PIN_FMT ", sda=" MP_HAL_PIN_FMT ", freq=%u, timeout=%u)", self->hardware->id,
        mp_hal_pin_name(self->hardware->scl), mp_hal_pin_name(self->hardware->sda), (unsigned)self->freq_hz,
        (unsigned)self->timeout_us);
}

void machine_i2c_deinit_all(void) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(hardware); ++i) {
        if (RCC->APB1ENR & hardware[i].clock_bit) {
            hardware[i].i2c->CR1 = 0;
            RCC->APB1ENR &= ~hardware[i].clock_bit;
        }
    }
}

static const mp_machine_i2c_p_t i2c_protocol = { .init = i2c_init, .transfer = i2c_transfer };

MP_DEFINE_CONST_OBJ_TYPE(
    machine_i2c_type,
    MP_QSTR_I2C,
    MP_TYPE_FLAG_NONE,
    make_new, i2c_make_new,
    print, i2c_print,
    protocol, &i2c_protocol,
    locals_dict, &mp_machine_i2c_locals_dict
    );
