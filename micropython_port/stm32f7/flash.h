// The part of the internal flash that holds the read-only file system.
#ifndef FLASH_H
#define FLASH_H

#include <stddef.h>
#include <stdint.h>

#define FLASH_SECTOR_BYTES (256U * 1024U) // of sectors 5..11
#define FLASH_WRITE_BYTES 4U // least unit of flash_program

// Both return 0 or a negative MP_E... error number, and leave the data cache without stale lines.  The core stands
// still while a sector is erased (1 to 2 s), because the program is fetched from the same flash.

int flash_erase(uint32_t address, size_t len);
// `address` and `len` in whole units of FLASH_WRITE_BYTES, on erased flash.
int flash_program(uint32_t address, const void *data, size_t len);

#endif
