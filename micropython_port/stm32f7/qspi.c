// Macronix MX25L51245G (512 Mbit) on the QUADSPI.
//
// Only commands that carry four address bytes are used, so that the chip needs no mode that an unexpected reset could
// leave it in.  Commands, dummy cycles and times are those of its data sheet.

#include "qspi.h"

#include <string.h>

#include "board.h"
#include "port.h"
#include "py/mperrno.h"
#include "py/mphal.h"

enum {
    CMD_WRITE_STATUS = 0x01,
    CMD_READ_STATUS = 0x05,
    CMD_WRITE_ENABLE = 0x06,
    CMD_PROGRAM = 0x12,
    CMD_ERASE_4K = 0x21,
    CMD_READ_QUAD = 0x6C, // address on one line, data on four
    CMD_READ_ID = 0x9F,
};
#define READ_QUAD_DUMMY_CYCLES 8U

#define CHIP_ID 0x1A20C2U // Macronix, 512 Mbit, as read least significant byte first
#define STATUS_BUSY 0x01U
#define STATUS_QUAD_ENABLE 0x40U // non-volatile

// 216 MHz / 4: below every command's limit at the chip's default drive strength.
#define PRESCALER 4U

#define COMMAND_TIMEOUT_MS 10U
#define PROGRAM_TIMEOUT_MS 20U // page: 3 ms at most; status register: 15 ms
#define ERASE_TIMEOUT_MS 800U // 400 ms at most

// Fields of CCR.
#define LINES_1 1U
#define LINES_4 3U
#define WRITE 0U
#define READ 1U
#define CCR(mode, command) (((mode) << QUADSPI_CCR_FMODE_Pos) | (LINES_1 << QUADSPI_CCR_IMODE_Pos) | (command))
#define CCR_ADDRESS ((LINES_1 << QUADSPI_CCR_ADMODE_Pos) | QUADSPI_CCR_ADSIZE)
#define CCR_DATA(lines) ((lines) << QUADSPI_CCR_DMODE_Pos)

#define BYTE_DR (*(volatile uint8_t *)&QUADSPI->DR)

static bool expired(uint32_t start_ms, uint32_t patience_ms) {
    return mp_hal_ticks_ms() - start_ms > patience_ms;
}

// Runs one command; `len` bytes go to or come from `data`.  A command with an address starts when AR is written.
// COMMAND_TIMEOUT_MS is the patience for each step, not for all of a long read.
static int transfer(uint32_t ccr, uint32_t address, void *data, size_t len) {
    uint8_t *bytes = data;
    uint32_t start = mp_hal_ticks_ms();
    while (QUADSPI->SR & QUADSPI_SR_BUSY) {
        if (expired(start, COMMAND_TIMEOUT_MS)) {
            return -MP_EIO;
        }
    }
    QUADSPI->FCR = QUADSPI_FCR_CTCF | QUADSPI_FCR_CTEF;
    if (len) {
        QUADSPI->DLR = len - 1;
    }
    QUADSPI->CCR = ccr;
    if (ccr & QUADSPI_CCR_ADMODE) {
        QUADSPI->AR = address;
    }
    bool reading = (ccr & QUADSPI_CCR_FMODE) != 0;
    while (len) {
        // Looked at before the chip is, so that an interrupt handler that takes its time between the two is no error.
        bool late = expired(start, COMMAND_TIMEOUT_MS);
        size_t len_before = len;
        uint32_t status = QUADSPI->SR;
        uint32_t level = (status & QUADSPI_SR_FLEVEL) >> QUADSPI_SR_FLEVEL_Pos;
        // The FIFO takes 32 bytes; whole words where possible.
        if (reading && level >= 4 && len >= 4) {
            uint32_t word = QUADSPI->DR;
            memcpy(bytes, &word, 4);
            bytes += 4;
            len -= 4;
        } else if (reading && level > 0 && len < 4) {
            *bytes++ = BYTE_DR;
            --len;
        } else if (!reading && level <= 28 && len >= 4) {
            uint32_t word;
            memcpy(&word, bytes, 4);
            QUADSPI->DR = word;
            bytes += 4;
            len -= 4;
        } else if (!reading && level <= 31 && len < 4) {
            BYTE_DR = *bytes++;
            --len;
        } else if (late) {
            QUADSPI->CR |= QUADSPI_CR_ABORT;
            return -MP_EIO;
        }
        if (len != len_before) {
            start = mp_hal_ticks_ms();
        }
    }
    start = mp_hal_ticks_ms();
    while (!(QUADSPI->SR & QUADSPI_SR_TCF)) {
        if (expired(start, COMMAND_TIMEOUT_MS)) {
            return -MP_EIO;
        }
    }
    QUADSPI->FCR = QUADSPI_FCR_CTCF;
    return 0;
}

static int read_status(uint8_t *status) {
    return transfer(CCR(READ, CMD_READ_STATUS) | CCR_DATA(LINES_1), 0, status, 1);
}

static int wait_ready(uint32_t patience_ms) {
    uint32_t start = mp_hal_ticks_ms();
    for (;;) {
        uint8_t status;
        int error = read_status(&status);
        if (error || !(status & STATUS_BUSY)) {
            return error;
        }
        if (expired(start, patience_ms)) {
            return -MP_ETIMEDOUT;
        }
    }
}

// A command that changes the chip: write enable, the command, wait for its end.
static int change(uint32_t ccr, uint32_t address, const void *data, size_t len, uint32_t patience_ms) {
    int error = transfer(CCR(WRITE, CMD_WRITE_ENABLE), 0, NULL, 0);
    if (!error) {
        error = transfer(ccr, address, (void *)data, len);
    }
    return error ? error : wait_ready(patience_ms);
}

int nor_init(void) {
    RCC->AHB3ENR |= RCC_AHB3ENR_QSPIEN;
    (void)RCC->AHB3ENR;
    const unsigned pins[6][3] = {
        {BOARD_QSPI_CLK}, {BOARD_QSPI_NCS}, {BOARD_QSPI_IO0}, {BOARD_QSPI_IO1}, {BOARD_QSPI_IO2}, {BOARD_QSPI_IO3},
    };
    for (size_t i = 0; i < 6; ++i) {
        gpio_config(pins[i][0], pins[i][1], GPIO_ALTERNATE, false, GPIO_PULL_UP, GPIO_SPEED_VERY_HIGH, pins[i][2]);
    }
    // 2^(FSIZE + 1) bytes; chip select high for at least 2 cycles (37 ns) between commands; sample half a cycle late.
    QUADSPI->DCR = ((uint32_t)(__builtin_ctz(BOARD_QSPI_BYTES) - 1) << QUADSPI_DCR_FSIZE_Pos)
        | (1U << QUADSPI_DCR_CSHT_Pos);
    QUADSPI->CR = ((PRESCALER - 1U) << QUADSPI_CR_PRESCALER_Pos) | QUADSPI_CR_SSHIFT | QUADSPI_CR_EN;

    // A write that a reset interrupted goes on in the chip.
    int error = wait_ready(ERASE_TIMEOUT_MS);
    uint32_t id = 0;
    if (!error) {
        error = transfer(CCR(READ, CMD_READ_ID) | CCR_DATA(LINES_1), 0, &id, 3);
    }
    if (error || id != CHIP_ID) {
        return -MP_ENODEV;
    }
    uint8_t status;
    error = read_status(&status);
    if (!error && !(status & STATUS_QUAD_ENABLE)) {
        status = STATUS_QUAD_ENABLE; // and no write protection
        error = change(CCR(WRITE, CMD_WRITE_STATUS) | CCR_DATA(LINES_1), 0, &status, 1, PROGRAM_TIMEOUT_MS);
    }
    return error;
}

int nor_read(uint32_t address, void *data, size_t len) {
    if (len == 0) {
        return 0;
    }
    return transfer(CCR(READ, CMD_READ_QUAD) | CCR_ADDRESS | CCR_DATA(LINES_4)
        | (READ_QUAD_DUMMY_CYCLES << QUADSPI_CCR_DCYC_Pos), address, data, len);
}

int nor_program(uint32_t address, const void *data, size_t len) {
    const uint8_t *bytes = data;
    while (len) {
        size_t room = NOR_PAGE_BYTES - address % NOR_PAGE_BYTES;
        size_t n = len < room ? len : room;
        int error = change(CCR(WRITE, CMD_PROGRAM) | CCR_ADDRESS | CCR_DATA(LINES_1), address, bytes, n,
            PROGRAM_TIMEOUT_MS);
        if (error) {
            return error;
        }
        address += n;
        bytes += n;
        len -= n;
    }
    return 0;
}

int nor_erase_sector(uint32_t address) {
    return change(CCR(WRITE, CMD_ERASE_4K) | CCR_ADDRESS, address, NULL, 0, ERASE_TIMEOUT_MS);
}
