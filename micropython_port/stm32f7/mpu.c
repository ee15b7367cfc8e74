// Memory protection: what may be read, written, executed and cached.

#include "port.h"

// Access permissions of a region, for privileged code (there is no other).
enum { AP_NONE = 0, AP_READ_WRITE = 1, AP_READ_ONLY = 5 };

// Memory types: the TEX, C and B bits in place.
#define TYPE_CACHED (MPU_RASR_C_Msk | MPU_RASR_B_Msk | (1U << MPU_RASR_TEX_Pos)) // write back, read and write allocate
#define TYPE_CACHED_THROUGH (MPU_RASR_C_Msk) // write through, for flash
#define TYPE_NOT_CACHED (1U << MPU_RASR_TEX_Pos)
#define TYPE_STRONGLY_ORDERED 0U

// One region of 2^size_bits bytes; a higher region number wins where two overlap.
static void set_region(uint32_t number, uint32_t base, uint32_t size_bits, uint32_t access, uint32_t type, bool execute,
    uint32_t disabled_eighths) {
    MPU->RNR = number;
    MPU->RBAR = base;
    MPU->RASR = (execute ? 0U : MPU_RASR_XN_Msk) | (access << MPU_RASR_AP_Pos) | type
        | (disabled_eighths << MPU_RASR_SRD_Pos) | ((size_bits - 1U) << MPU_RASR_SIZE_Pos) | MPU_RASR_ENABLE_Msk;
}

enum { REGION_NOWHERE, REGION_FLASH, REGION_ROMFS, REGION_SYSTEM, REGION_RAM, REGION_DMA };

extern uint8_t _romfs_start[];

static void set_romfs(uint32_t access, uint32_t type) {
    set_region(REGION_ROMFS, (uint32_t)(uintptr_t)_romfs_start, 20, access, type, false, 0);
}

void mpu_init(void) {
    __DMB();
    // The whole address space is forbidden, which catches null pointers (the ITCM at 0 is not used) and keeps the core
    // from reading ahead into the external memories at 0x60000000 and 0x90000000: on this family a speculative read
    // of an unconfigured one hangs the bus.  Left to the default map are the eighths of the peripherals
    // (0x40000000), of the QUADSPI's registers (0xA0000000) and of the core's own (0xE0000000).
    set_region(REGION_NOWHERE, 0x00000000U, 32, AP_NONE, TYPE_STRONGLY_ORDERED, false,
        (1U << 2) | (1U << 5) | (1U << 7));
    set_region(REGION_FLASH, 0x08000000U, 21, AP_READ_ONLY, TYPE_CACHED_THROUGH, true, 0);
    set_romfs(AP_READ_ONLY, TYPE_CACHED_THROUGH);
    // The chip's identity and the ROM bootloader.
    set_region(REGION_SYSTEM, 0x1FF00000U, 17, AP_READ_ONLY, TYPE_NOT_CACHED, true, 0);
    // Executable, because the native emitters place their code on the heap.
    set_region(REGION_RAM, 0x20000000U, 19, AP_READ_WRITE, TYPE_CACHED, true, 0);
    set_region(REGION_DMA, 0x2007C000U, 14, AP_READ_WRITE, TYPE_NOT_CACHED, false, 0);
    MPU->CTRL = MPU_CTRL_PRIVDEFENA_Msk | MPU_CTRL_ENABLE_Msk;
    SCB->SHCSR |= SCB_SHCSR_MEMFAULTENA_Msk | SCB_SHCSR_BUSFAULTENA_Msk | SCB_SHCSR_USGFAULTENA_Msk;
    __DSB();
    __ISB();
}

void mpu_romfs_writable(bool writable) {
    // Writing goes past the cache and in order; what the cache holds is dropped by the caller afterwards.
    uint32_t irq_state = irq_save();
    set_romfs(writable ? AP_READ_WRITE : AP_READ_ONLY, writable ? TYPE_STRONGLY_ORDERED : TYPE_CACHED_THROUGH);
    __DSB();
    __ISB();
    irq_restore(irq_state);
}

void mpu_off(void) {
    MPU->CTRL = 0;
    __DSB();
    __ISB();
}
