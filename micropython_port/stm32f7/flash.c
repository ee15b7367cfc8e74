// Internal flash: erase and program, for the ROMFS partition only.

#include "flash.h"

#include <string.h>

#include "port.h"
#include "py/mperrno.h"

void mpu_romfs_writable(bool writable);
extern uint8_t _romfs_start[], _romfs_size[];

#define KEY1 0x45670123U // RM0410, "unlocking the Flash control register"
#define KEY2 0xCDEF89ABU
#define PSIZE_32 2U // 32 bits at a time, for 2.7 .. 3.6 V
#define SECTOR_AT_1MB 8U // number of the sector at flash offset 1 MiB

#define ERRORS (FLASH_SR_OPERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_PGPERR | FLASH_SR_ERSERR)

static bool inside(uint32_t address, size_t len) {
    uint32_t start = (uint32_t)(uintptr_t)_romfs_start, size = (uint32_t)(uintptr_t)_romfs_size;
    return address >= start && address - start <= size && len <= size - (address - start);
}

static int finish(void) {
    while (FLASH->SR & FLASH_SR_BSY) {
    }
    uint32_t status = FLASH->SR;
    FLASH->SR = status & (ERRORS | FLASH_SR_EOP); // cleared by writing ones
    return status & FLASH_SR_WRPERR ? -MP_EROFS : status & ERRORS ? -MP_EIO : 0;
}

static void open(void) {
    mpu_romfs_writable(true);
    if (FLASH->CR & FLASH_CR_LOCK) {
        FLASH->KEYR = KEY1;
        FLASH->KEYR = KEY2;
    }
    FLASH->SR = ERRORS | FLASH_SR_EOP;
}

static void close(uint32_t address, size_t len) {
    FLASH->CR = FLASH_CR_LOCK;
    // The ART accelerator holds lines of its own.
    FLASH->ACR &= ~FLASH_ACR_ARTEN;
    FLASH->ACR |= FLASH_ACR_ARTRST;
    FLASH->ACR &= ~FLASH_ACR_ARTRST;
    FLASH->ACR |= FLASH_ACR_ARTEN;
    mpu_romfs_writable(false);
    uint32_t line = address & ~31U;
    SCB_InvalidateDCache_by_Addr((uint32_t *)(uintptr_t)line, (int32_t)(address + len - line));
}

int flash_erase(uint32_t address, size_t len) {
    if (!inside(address, len)) {
        return -MP_EINVAL;
    }
    open();
    int error = 0;
    uint32_t start = (uint32_t)(uintptr_t)_romfs_start;
    for (uint32_t at = (address - start) / FLASH_SECTOR_BYTES; !error && at * FLASH_SECTOR_BYTES < address - start + len;
         ++at) {
        FLASH->CR = FLASH_CR_SER | ((SECTOR_AT_1MB + at) << FLASH_CR_SNB_Pos) | (PSIZE_32 << FLASH_CR_PSIZE_Pos);
        FLASH->CR |= FLASH_CR_STRT;
        __DSB();
        error = finish();
    }
    close(address & ~(FLASH_SECTOR_BYTES - 1U), (len + 2 * FLASH_SECTOR_BYTES - 1U) & ~(FLASH_SECTOR_BYTES - 1U));
    return error;
}

int flash_program(uint32_t address, const void *data, size_t len) {
    if (!inside(address, len) || address % FLASH_WRITE_BYTES || len % FLASH_WRITE_BYTES) {
        return -MP_EINVAL;
    }
    open();
    FLASH->CR = FLASH_CR_PG | (PSIZE_32 << FLASH_CR_PSIZE_Pos);
    int error = 0;
    for (size_t at = 0; at < len && !error; at += FLASH_WRITE_BYTES) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)data + at, sizeof(word));
        *(volatile uint32_t *)(uintptr_t)(address + at) = word;
        __DSB();
        error = finish();
    }
    close(address, len);
    return error;
}
