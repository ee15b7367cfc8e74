// The NOR flash chip on the QUADSPI, in indirect mode: plain functions that block.
#ifndef QSPI_H
#define QSPI_H

#include <stddef.h>
#include <stdint.h>

#define NOR_SECTOR_BYTES 4096U // least erasable unit
#define NOR_PAGE_BYTES 256U // most that one program command writes

// All return 0 or a negative MP_E... error number.  Addresses are bytes from the chip's start.

// Finds the chip and prepares it; -MP_ENODEV when it does not answer as expected.
int nor_init(void);
int nor_read(uint32_t address, void *data, size_t len);
// Any length and alignment; can only clear bits.
int nor_program(uint32_t address, const void *data, size_t len);
// One sector, typically 30 ms, at most 400 ms; `address` anywhere in it.
int nor_erase_sector(uint32_t address);

#endif
