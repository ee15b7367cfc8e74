// Faults: say where and why on the serial port, leave a mark, reset.

#include "board.h"
#include "fault.h"
#include "port.h"
#include "repl_uart.h"

#define MARK_FAULT 0xFA017ED0U

static NO_INIT uint32_t mark;

// What the core pushes at an exception's entry.
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} frame_t;

static void put_hex(const char *name, uint32_t value) {
    char digits[9];
    for (int i = 7; i >= 0; --i, value >>= 4) {
        digits[i] = "0123456789abcdef"[value & 15U];
    }
    digits[8] = '\0';
    repl_uart_put_now(name);
    repl_uart_put_now("=0x");
    repl_uart_put_now(digits);
}

static bool in_ram(const void *p) {
    return (uintptr_t)p >= 0x20000000U && (uintptr_t)p + sizeof(frame_t) <= 0x20080000U;
}

// `stack` points to the frame, unless the stack itself is what overflowed.
__attribute__((used, noreturn)) void fault_report(const frame_t *stack, uint32_t vector) {
    static const char *const names[] = {"HARD", "MEMORY", "BUS", "USAGE"};
    uint32_t cfsr = SCB->CFSR;
    __disable_irq();
    repl_uart_put_now("\r\nFAULT: ");
    repl_uart_put_now(vector >= 3 && vector <= 6 ? names[vector - 3] : "UNEXPECTED INTERRUPT");
    if (cfsr & (SCB_CFSR_MSTKERR_Msk | SCB_CFSR_STKERR_Msk)) {
        repl_uart_put_now(" (stack overflow)");
    } else if (in_ram(stack)) {
        put_hex(" PC", stack->pc);
        put_hex(" LR", stack->lr);
    }
    put_hex(" CFSR", cfsr);
    put_hex(" HFSR", SCB->HFSR);
    if (cfsr & SCB_CFSR_MMARVALID_Msk) {
        put_hex(" ADDRESS", SCB->MMFAR);
    } else if (cfsr & SCB_CFSR_BFARVALID_Msk) {
        put_hex(" ADDRESS", SCB->BFAR);
    }
    if (vector < 3 || vector > 6) {
        put_hex(" VECTOR", vector);
    }
    repl_uart_put_now("\r\n");
    mark = MARK_FAULT;
    __DSB();
    NVIC_SystemReset();
}

// On an overflowed stack the report moves to the stack's top: what is there is lost anyway, the frame is not.
#define FAULT_ENTRY(name) \
    __attribute__((naked)) void name(void) { \
        __asm volatile ( \
            "mrs r0, msp\n" \
            "mrs r1, ipsr\n" \
            "ldr r2, =_stack_limit\n" \
            "add r2, r2, #512\n" \
            "cmp r0, r2\n" \
            "ldr r2, =_stack_top\n" \
            "it lo\n" \
            "movlo sp, r2\n" \
            "b fault_report\n" \
            ".ltorg\n"); \
    }

void HardFault_Handler(void);
void MemManage_Handler(void);
void BusFault_Handler(void);
void UsageFault_Handler(void);
void NMI_Handler(void);

FAULT_ENTRY(HardFault_Handler)
FAULT_ENTRY(MemManage_Handler)
FAULT_ENTRY(BusFault_Handler)
FAULT_ENTRY(UsageFault_Handler)

// The clock security system: the crystal died and the core already runs on the internal oscillator, far too slowly for
// the serial port's divider.  The next start-up finds no crystal and says so.
void NMI_Handler(void) {
    RCC->CIR |= RCC_CIR_CSSC;
    mark = MARK_FAULT;
    __DSB();
    NVIC_SystemReset();
}

bool fault_take_mark(void) {
    bool faulted = mark == MARK_FAULT;
    mark = 0;
    return faulted;
}
