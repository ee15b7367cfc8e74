// machine.UART: serial ports besides the REPL's, with interrupt-driven rings both ways; included by
// extmod/machine_uart.c, which has the Python methods.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/ringbuf.h"

#include "pin.h"
#include "port.h"

typedef enum { PARITY_NONE, PARITY_EVEN, PARITY_ODD } parity_t;

#define DEFAULT_BAUDRATE 115200
#define DEFAULT_BUFFER 256
#define MAX_BUFFER 32766
// The receiver samples 16 times a bit.
#define MIN_DIVIDER 16U
#define MAX_DIVIDER 0xFFFFU
// The word length is in two bits that are far apart: M0 and M1.
#define WORD_9_BITS 0x00001000U
#define WORD_7_BITS 0x10000000U
_Static_assert((WORD_9_BITS | WORD_7_BITS) == USART_CR1_M, "M0 and M1");
#define TWO_STOP_BITS (2U << USART_CR2_STOP_Pos)

typedef struct {
    uint8_t id;
    USART_TypeDef *usart;
    IRQn_Type irq;
    volatile uint32_t *clock_enable;
    uint32_t clock_bit;
    uint32_t clock_hz;
    const machine_pin_obj_t *tx;
    const machine_pin_obj_t *rx;
    uint8_t alternate;
} uart_hardware_t;

static const uart_hardware_t hardware[] = {
    { 5, UART5, UART5_IRQn, &RCC->APB1ENR, RCC_APB1ENR_UART5EN, PCLK1_HZ, PIN_AT('C', 12), PIN_AT('D', 2), 8 },
    { 6, USART6, USART6_IRQn, &RCC->APB2ENR, RCC_APB2ENR_USART6EN, PCLK2_HZ, PIN_AT('C', 6), PIN_AT('C', 7), 8 },
};
#define UART_COUNT MP_ARRAY_SIZE(hardware)

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    const uart_hardware_t *hardware;
    uint32_t baudrate;
    uint32_t timeout_ms; // for the first byte
    uint32_t timeout_char_ms; // between two
    ringbuf_t rx;
    ringbuf_t tx;
    uint8_t bits;
    uint8_t stop;
    parity_t parity;
    bool running;
};

MP_REGISTER_ROOT_POINTER(struct _machine_uart_obj_t *machine_uarts[2]);

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

// ---- interrupts ----------------------------------------------------------------------------------------------------

static void uart_interrupt(unsigned index) {
    machine_uart_obj_t *self = MP_STATE_PORT(machine_uarts)[index];
    USART_TypeDef *usart = self->hardware->usart;
    uint32_t status = usart->ISR;
    // Noise, framing and overrun errors keep the interrupt raised until they are cleared.
    usart->ICR = status & (USART_ICR_ORECF | USART_ICR_NCF | USART_ICR_FECF | USART_ICR_PECF);
    if (status & USART_ISR_RXNE) {
        // With parity, the data register's top bit is the parity bit; a full ring drops the newest byte.
        ringbuf_put(&self->rx, usart->RDR & ((1U << self->bits) - 1U));
    }
    if ((status & USART_ISR_TXE) && (usart->CR1 & USART_CR1_TXEIE)) {
        int byte = ringbuf_get(&self->tx);
        if (byte >= 0) {
            usart->TDR = (uint32_t)byte;
        } else {
            usart->CR1 &= ~USART_CR1_TXEIE;
        }
    }
}

void UART5_IRQHandler(void) {
    uart_interrupt(0);
}

void USART6_IRQHandler(void) {
    uart_interrupt(1);
}

// ---- set-up --------------------------------------------------------------------------------------------------------

static void uart_stop(machine_uart_obj_t *self) {
    if (self->running) {
        NVIC_DisableIRQ(self->hardware->irq);
        self->hardware->usart->CR1 = 0;
        self->running = false;
    }
}

static uint32_t word_length(const machine_uart_obj_t *self) {
    // The hardware counts the parity bit as one of the word's bits.
    switch (self->bits + (self->parity != PARITY_NONE)) {
        case 9:
            return WORD_9_BITS;
        case 7:
            return WORD_7_BITS;
        default:
            return 0;
    }
}

static void uart_start(machine_uart_obj_t *self) {
    const uart_hardware_t *hw = self->hardware;
    USART_TypeDef *usart = hw->usart;
    *hw->clock_enable |= hw->clock_bit;
    (void)*hw->clock_enable; // the clock needs two cycles
    gpio_config(hw->tx->port, hw->tx->index, GPIO_ALTERNATE, false, GPIO_PULL_UP, GPIO_SPEED_HIGH, hw->alternate);
    gpio_config(hw->rx->port, hw->rx->index, GPIO_ALTERNATE, false, GPIO_PULL_UP, GPIO_SPEED_HIGH, hw->alternate);
    usart->CR1 = 0;
    usart->CR2 = self->stop == 2 ? TWO_STOP_BITS : 0;
    usart->CR3 = 0;
    usart->BRR = (hw->clock_hz + self->baudrate / 2) / self->baudrate;
    uint32_t parity = self->parity == PARITY_NONE ? 0 : USART_CR1_PCE | (self->parity == PARITY_ODD ? USART_CR1_PS : 0);
    usart->CR1 = word_length(self) | parity | USART_CR1_RXNEIE | USART_CR1_TE | USART_CR1_RE | USART_CR1_UE;
    self->running = true;
    irq_enable(hw->irq, IRQ_PRI_UART);
}

static void set_buffer(ringbuf_t *ring, mp_int_t size) {
    if (size < 1 || size > MAX_BUFFER) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("rxbuf and txbuf must be 1..%d"), MAX_BUFFER);
    }
    if (ring->buf == NULL || ring->size != size + 1) {
        ring->buf = m_new(uint8_t, size + 1); // the ring keeps one byte free
        ring->size = size + 1;
    }
    ring->iget = ring->iput = 0;
}

static parity_t parity_from(mp_obj_t parity) {
    if (parity == mp_const_none) {
        return PARITY_NONE;
    }
    mp_int_t odd = mp_obj_get_int(parity);
    if (odd != 0 && odd != 1) {
        mp_raise_ValueError(MP_ERROR_TEXT("parity must be None, 0 (even) or 1 (odd)"));
    }
    return odd ? PARITY_ODD : PARITY_EVEN;
}

// init(baudrate=115200, bits=8, parity=None, stop=1, *, tx, rx, timeout=0, timeout_char=0, rxbuf=256, txbuf=256)
static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    enum { ARG_baudrate, ARG_bits, ARG_parity, ARG_stop, ARG_tx, ARG_rx, ARG_timeout, ARG_timeout_char, ARG_rxbuf,
           ARG_txbuf };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, { .u_int = DEFAULT_BAUDRATE } },
        { MP_QSTR_bits, MP_ARG_INT, { .u_int = 8 } },
        { MP_QSTR_parity, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_stop, MP_ARG_INT, { .u_int = 1 } },
        { MP_QSTR_tx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_rx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_BUFFER } },
        { MP_QSTR_txbuf, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_BUFFER } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kwargs, MP_ARRAY_SIZE(allowed), allowed, vals);

    const uart_hardware_t *hw = self->hardware;
    mp_int_t baudrate = vals[ARG_baudrate].u_int;
    if (baudrate < (mp_int_t)(hw->clock_hz / MAX_DIVIDER) + 1 || baudrate > (mp_int_t)(hw->clock_hz / MIN_DIVIDER)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("baudrate must be %d..%d"),
            (int)(hw->clock_hz / MAX_DIVIDER) + 1, (int)(hw->clock_hz / MIN_DIVIDER));
    }
    mp_int_t bits = vals[ARG_bits].u_int;
    parity_t parity = parity_from(vals[ARG_parity].u_obj);
    if ((bits != 7 && bits != 8) || (vals[ARG_stop].u_int != 1 && vals[ARG_stop].u_int != 2)) {
        mp_raise_ValueError(MP_ERROR_TEXT("bits must be 7 or 8, stop 1 or 2"));
    }
    machine_pin_check(vals[ARG_tx].u_obj, hw->tx, "tx");
    machine_pin_check(vals[ARG_rx].u_obj, hw->rx, "rx");

    uart_stop(self);
    set_buffer(&self->rx, vals[ARG_rxbuf].u_int);
    set_buffer(&self->tx, vals[ARG_txbuf].u_int);
    self->baudrate = baudrate;
    self->bits = bits;
    self->parity = parity;
    self->stop = vals[ARG_stop].u_int;
    self->timeout_ms = vals[ARG_timeout].u_int;
    // No shorter than a character, or a read would give up between two bytes of a burst.
    uint32_t character_ms = 13000U / self->baudrate + 1;
    self->timeout_char_ms = MAX((uint32_t)vals[ARG_timeout_char].u_int, character_ms);
    uart_start(self);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    unsigned index = 0;
    while (index < UART_COUNT && hardware[index].id != id) {
        ++index;
    }
    if (index == UART_COUNT) {
        mp_raise_ValueError(MP_ERROR_TEXT("id must be 5 or 6 (1 is the REPL)"));
    }
    machine_uart_obj_t *self = MP_STATE_PORT(machine_uarts)[index];
    if (self == NULL) {
        self = m_new0(machine_uart_obj_t, 1);
        self->base.type = type;
        self->hardware = &hardware[index];
        MP_STATE_PORT(machine_uarts)[index] = self;
    }
    mp_map_t kwargs;
    mp_map_init_fixed_table(&kwargs, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kwargs);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    static const char *const parities[] = { "None", "0", "1" };
    const machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, bits=%u, parity=%s, stop=%u, tx=" MP_HAL_PIN_FMT ", rx=" MP_HAL_PIN_FMT
        ", timeout=%u, timeout_char=%u, rxbuf=%u, txbuf=%u)", self->hardware->id, (unsigned)self->baudrate, self->bits,
        parities[self->parity], self->stop, mp_hal_pin_name(self->hardware->tx), mp_hal_pin_name(self->hardware->rx),
        (unsigned)self->timeout_ms, (unsigned)self->timeout_char_ms, self->rx.size - 1, self->tx.size - 1);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    uart_stop(self);
}

void machine_uart_deinit_all(void) {
    for (unsigned i = 0; i < UART_COUNT; ++i) {
        if (MP_STATE_PORT(machine_uarts)[i] != NULL) {
            uart_stop(MP_STATE_PORT(machine_uarts)[i]);
            MP_STATE_PORT(machine_uarts)[i] = NULL;
        }
    }
}

// ---- the stream ----------------------------------------------------------------------------------------------------

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return ringbuf_avail(&self->rx);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return !self->running || (ringbuf_avail(&self->tx) == 0 && (self->hardware->usart->ISR & USART_ISR_TC));
}

static bool wait_until(mp_uint_t start_ms, uint32_t timeout_ms) {
    if (mp_hal_ticks_ms() - start_ms >= timeout_ms) {
        return false;
    }
    mp_event_wait_ms(1);
    return true;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *bytes = buffer;
    mp_uint_t done = 0;
    mp_uint_t start_ms = mp_hal_ticks_ms();
    uint32_t timeout_ms = self->timeout_ms;
    while (done < size) {
        int byte = ringbuf_get(&self->rx);
        if (byte >= 0) {
            bytes[done++] = (uint8_t)byte;
            start_ms = mp_hal_ticks_ms();
            timeout_ms = self->timeout_char_ms;
        } else if (!wait_until(start_ms, timeout_ms)) {
            break;
        }
    }
    if (done == 0 && size > 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return done;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!self->running) {
        *errcode = MP_ENODEV;
        return MP_STREAM_ERROR;
    }
    const uint8_t *bytes = buffer;
    for (mp_uint_t done = 0; done < size;) {
        if (ringbuf_put(&self->tx, bytes[done]) == 0) {
            ++done;
            uint32_t irq_state = irq_save();
            self->hardware->usart->CR1 |= USART_CR1_TXEIE;
            irq_restore(irq_state);
        } else {
            mp_event_wait_ms(1); // the ring drains at the line's speed
        }
    }
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = 0;
        ready |= ringbuf_avail(&self->rx) > 0 ? arg & MP_STREAM_POLL_RD : 0;
        ready |= ringbuf_free(&self->tx) > 0 ? arg & MP_STREAM_POLL_WR : 0;
        return ready;
    }
    if (request == MP_STREAM_FLUSH) {
        while (!mp_machine_uart_txdone(self)) {
            mp_event_handle_nowait(); // no sleep: the end of the last byte raises no interrupt
        }
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
