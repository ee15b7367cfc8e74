// Vector table and the way from reset to main().

#include <string.h>

#include "port.h"
#include "reset.h"

extern uint32_t _data_start[], _data_end[], _data_load[];
extern uint32_t _bss_start[], _bss_end[];
extern uint32_t _dma_start[], _dma_end[];
extern uint32_t _stack_top[];

void mpu_init(void);
int main(void);
void Reset_Handler(void);

// Exceptions of the core; fault.c and systick.c define theirs.
void NMI_Handler(void);
void HardFault_Handler(void);
void MemManage_Handler(void);
void BusFault_Handler(void);
void UsageFault_Handler(void);
void SysTick_Handler(void);
void PendSV_Handler(void) __attribute__((weak, alias("Unexpected_Handler")));

// An interrupt that no driver has: reported like a fault.
__attribute__((naked, used)) static void Unexpected_Handler(void) {
    __asm volatile ("b HardFault_Handler");
}

// A driver takes an interrupt over by defining <name>_IRQHandler.
#define DECLARE(name) void name##_IRQHandler(void) __attribute__((weak, alias("Unexpected_Handler")));
FOR_EACH_IRQ(DECLARE)

typedef void (*vector_t)(void);

#define ENTRY(name) [16 + name##_IRQn] = name##_IRQHandler,
__attribute__((section(".vectors"), used)) const vector_t vectors[16 + 110] = {
    [0] = (vector_t)_stack_top,
    [1] = Reset_Handler,
    [2] = NMI_Handler,
    [3] = HardFault_Handler,
    [4] = MemManage_Handler,
    [5] = BusFault_Handler,
    [6] = UsageFault_Handler,
    [11] = Unexpected_Handler,
    [12] = Unexpected_Handler,
    [14] = PendSV_Handler,
    [15] = SysTick_Handler,
    FOR_EACH_IRQ(ENTRY)
};

static void clear(uint32_t *start, const uint32_t *end) {
    memset(start, 0, (size_t)((const char *)end - (const char *)start));
}

void Reset_Handler(void) {
    // The floating-point unit first: any C function may use its registers.
    SCB->CPACR |= 0xFU << 20;
    __DSB();
    __ISB();
    reset_enter_bootloader_if_asked();
    SCB->VTOR = (uint32_t)(uintptr_t)vectors;
    memcpy(_data_start, _data_load, (size_t)((char *)_data_end - (char *)_data_start));
    clear(_bss_start, _bss_end);
    clear(_dma_start, _dma_end);
    mpu_init();
    SCB_EnableICache();
    SCB_EnableDCache();
    clocks_init();
    main();
    NVIC_SystemReset();
}
