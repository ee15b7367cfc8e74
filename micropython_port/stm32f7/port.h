// What the files of this port share: clocks, pin set-up, interrupt priorities, memory sections and life cycle.
#ifndef PORT_CONTRACTS_H
#define PORT_CONTRACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stm32f7_regs.h"

// ---- clocks (clocks.c) ---------------------------------------------------------------------------------------------
// The tree is fixed: SYSCLK = HCLK = 216 MHz, APB1 54 MHz, APB2 108 MHz, PLL48CLK 48 MHz.  A timer's kernel clock is
// twice its bus clock because the bus prescalers are not 1 (RCC_DCKCFGR1_TIMPRE stays 0).
#define SYSCLK_HZ 216000000U
#define PCLK1_HZ 54000000U
#define PCLK2_HZ 108000000U
#define TIM_APB1_HZ 108000000U
#define TIM_APB2_HZ 216000000U
#define CYCLES_PER_US (SYSCLK_HZ / 1000000U)

// Brings the core from the reset clock (HSI, 16 MHz) to 216 MHz.
void clocks_init(void);
// True when the crystal did not start and the PLL runs from the internal oscillator instead (1 % accurate).
bool clocks_on_internal_oscillator(void);

// ---- pins (gpio.c) -------------------------------------------------------------------------------------------------
// Ports are numbered 0 = A .. 10 = K, pins 0..15.
typedef enum { GPIO_INPUT = 0, GPIO_OUTPUT = 1, GPIO_ALTERNATE = 2, GPIO_ANALOG = 3 } gpio_mode_t;
typedef enum { GPIO_PULL_NONE = 0, GPIO_PULL_UP = 1, GPIO_PULL_DOWN = 2 } gpio_pull_t;
typedef enum { GPIO_SPEED_LOW = 0, GPIO_SPEED_MEDIUM = 1, GPIO_SPEED_HIGH = 2, GPIO_SPEED_VERY_HIGH = 3 } gpio_speed_t;

static inline GPIO_TypeDef *gpio_port(unsigned port) {
    return (GPIO_TypeDef *)((uintptr_t)GPIOA + port * ((uintptr_t)GPIOB - (uintptr_t)GPIOA));
}

// Turns the port's clock on and sets the pin up; `alternate` (0..15) counts in GPIO_ALTERNATE only.
void gpio_config(unsigned port, unsigned pin, gpio_mode_t mode, bool open_drain, gpio_pull_t pull, gpio_speed_t speed,
    unsigned alternate);

// ---- interrupts ----------------------------------------------------------------------------------------------------
// Priorities, lower is more urgent.  All four bits are pre-emption priority.  What runs Python (timers, pins) is the
// least urgent, so that no handler written in Python can cost an audio sample or a byte from the REPL.
enum {
    IRQ_PRI_UART = 2, // one byte every 87 us, the handler takes about 1 us
    IRQ_PRI_DMA = 4, // audio half-buffers
    IRQ_PRI_SYSTICK = 6,
    IRQ_PRI_PERIPHERAL = 8, // RTC, QUADSPI, I2C
    IRQ_PRI_PYTHON = 12, // handlers that may run Python: EXTI, timers
};

static inline void irq_enable(IRQn_Type irq, uint32_t priority) {
    NVIC_SetPriority(irq, priority);
    NVIC_ClearPendingIRQ(irq);
    NVIC_EnableIRQ(irq);
}

static inline uint32_t irq_save(void) {
    uint32_t state = __get_PRIMASK();
    __disable_irq();
    return state;
}

static inline void irq_restore(uint32_t state) {
    __set_PRIMASK(state);
}

// Holds back what is of this urgency or less, and leaves the more urgent handlers running: for work that takes longer
// than the REPL's port can wait.
static inline uint32_t irq_save_from(uint32_t priority) {
    uint32_t state = __get_BASEPRI();
    __set_BASEPRI_MAX(priority << (8U - __NVIC_PRIO_BITS));
    return state;
}

static inline void irq_restore_from(uint32_t state) {
    __set_BASEPRI(state);
}

static inline bool irq_in_handler(void) {
    return (SCB->ICSR & SCB_ICSR_VECTACTIVE_Msk) != 0;
}

// ---- memory --------------------------------------------------------------------------------------------------------
// A buffer that a DMA stream reads or writes: in SRAM2, which the MPU keeps out of the data cache; zeroed at start-up.
#define DMA_BUFFER __attribute__((section(".dma_buffer"), aligned(32)))
// A variable that keeps its value over a reset (not over a loss of power).
#define NO_INIT __attribute__((section(".noinit")))

// ---- life cycle ----------------------------------------------------------------------------------------------------
// Each is called once per soft reset, after the last Python code ran and before the heap is swept.
void machine_pin_deinit_all(void);
void machine_timer_deinit_all(void);
void machine_i2c_deinit_all(void);
void machine_uart_deinit_all(void);
void machine_rtc_deinit_all(void);
void machine_pdm_pcm_deinit_all(void);
// Called once after a hardware reset, before Python starts.
void machine_rtc_init(void);

// Sleeps until an interrupt is pending unless there is already something to do; never loses a wake-up.
void port_wait_for_event(void);

#endif
