// Reset causes and the ROM bootloader.

#include "reset.h"

#include "fault.h"
#include "port.h"

#define ASK_BOOTLOADER 0xB0071D1EU
#define ROM_BOOTLOADER 0x1FF00000U // its vector table, RM0410 "system memory boot"

static NO_INIT uint32_t request;
static int cause;

void reset_init(void) {
    uint32_t flags = RCC->CSR;
    bool standby = PWR->CSR1 & PWR_CSR1_SBF;
    RCC->CSR |= RCC_CSR_RMVF;
    PWR->CR1 |= PWR_CR1_CSBF;
    bool faulted = fault_take_mark();
    if (flags & RCC_CSR_PORRSTF) {
        cause = PWRON_RESET;
    } else if (standby) {
        cause = DEEPSLEEP_RESET;
    } else if (faulted) {
        cause = FAULT_RESET;
    } else if (flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) {
        cause = WDT_RESET;
    } else if (flags & (RCC_CSR_SFTRSTF | RCC_CSR_PINRSTF)) {
        cause = HARD_RESET; // machine.reset(), the reset button or the debugger
    } else {
        cause = PWRON_RESET; // a brown-out
    }
}

int reset_cause(void) {
    return cause;
}

void reset_note_soft(void) {
    cause = SOFT_RESET;
}

void reset_to_bootloader(void) {
    request = ASK_BOOTLOADER;
    __DSB();
    NVIC_SystemReset();
}

void reset_enter_bootloader_if_asked(void) {
    if (request != ASK_BOOTLOADER) {
        return;
    }
    request = 0;
    // The chip is as after power-on: no clocks, no caches, no MPU.
    SCB->VTOR = ROM_BOOTLOADER;
    const uint32_t *vectors = (const uint32_t *)ROM_BOOTLOADER;
    uint32_t stack = vectors[0], entry = vectors[1];
    __asm volatile ("msr msp, %0\nbx %1" : : "r" (stack), "r" (entry));
    __builtin_unreachable();
}
