// See exti.h.

#include "exti.h"

#include "port.h"

#define EXTI_LINES 16

static exti_handler_t handlers[EXTI_LINES];

static IRQn_Type line_irq(unsigned line) {
    if (line >= 10) {
        return EXTI15_10_IRQn;
    }
    return line >= 5 ? EXTI9_5_IRQn : (IRQn_Type)(EXTI0_IRQn + line);
}

void exti_enable(unsigned line, unsigned port, unsigned edges, exti_handler_t handler) {
    const uint32_t bit = 1U << line;
    exti_disable(line);
    uint32_t irq_state = irq_save();
    RCC->APB2ENR |= RCC_APB2ENR_SYSCFGEN;
    (void)RCC->APB2ENR; // the clock needs two cycles
    const unsigned position = 4 * (line % 4);
    SYSCFG->EXTICR[line / 4] = (SYSCFG->EXTICR[line / 4] & ~(0xFU << position)) | (port << position);
    EXTI->RTSR = (EXTI->RTSR & ~bit) | (edges & EXTI_RISING ? bit : 0);
    EXTI->FTSR = (EXTI->FTSR & ~bit) | (edges & EXTI_FALLING ? bit : 0);
    EXTI->PR = bit;
    handlers[line] = handler;
    EXTI->IMR |= bit;
    irq_restore(irq_state);
    // Several lines share an interrupt: leave another line's pending request alone.
    NVIC_SetPriority(line_irq(line), IRQ_PRI_PYTHON);
    NVIC_EnableIRQ(line_irq(line));
}

void exti_disable(unsigned line) {
    const uint32_t bit = 1U << line;
    uint32_t irq_state = irq_save();
    EXTI->IMR &= ~bit;
    EXTI->PR = bit;
    handlers[line] = NULL;
    irq_restore(irq_state);
}

static void dispatch(uint32_t lines) {
    uint32_t pending = EXTI->PR & EXTI->IMR & lines;
    EXTI->PR = pending;
    while (pending != 0) {
        unsigned line = (unsigned)__builtin_ctz(pending);
        pending &= pending - 1;
        if (handlers[line] != NULL) {
            handlers[line](line);
        }
    }
}

void EXTI0_IRQHandler(void) {
    dispatch(1U << 0);
}

void EXTI1_IRQHandler(void) {
    dispatch(1U << 1);
}

void EXTI2_IRQHandler(void) {
    dispatch(1U << 2);
}

void EXTI3_IRQHandler(void) {
    dispatch(1U << 3);
}

void EXTI4_IRQHandler(void) {
    dispatch(1U << 4);
}

void EXTI9_5_IRQHandler(void) {
    dispatch(0x03E0U);
}

void EXTI15_10_IRQHandler(void) {
    dispatch(0xFC00U);
}
