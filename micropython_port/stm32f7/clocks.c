// Clock tree: crystal -> PLL -> 216 MHz, with the internal oscillator as the way out when the crystal is dead.

#include "board.h"
#include "port.h"

#define HSI_HZ 16000000U
#define PLL_N 432U // VCO at 432 MHz from a 1 MHz input
#define PLL_P 2U // SYSCLK = 216 MHz
#define PLL_Q 9U // PLL48CLK = 48 MHz
#define FLASH_WAIT_STATES 7U // 216 MHz at 2.7 .. 3.6 V

// The crystal's data sheet says 2 ms typically; waited for in turns of a short loop at 16 MHz, about 100 ms.
#define CRYSTAL_PATIENCE 200000U

static bool on_internal_oscillator;

static void wait_for(volatile uint32_t *reg, uint32_t bits) {
    while ((*reg & bits) != bits) {
    }
}

static bool crystal_start(void) {
    RCC->CR |= RCC_CR_HSEON;
    for (uint32_t turn = 0; turn < CRYSTAL_PATIENCE; ++turn) {
        if (RCC->CR & RCC_CR_HSERDY) {
            return true;
        }
    }
    RCC->CR &= ~RCC_CR_HSEON;
    return false;
}

void clocks_init(void) {
    RCC->APB1ENR |= RCC_APB1ENR_PWREN;
    (void)RCC->APB1ENR;
    PWR->CR1 |= PWR_CR1_VOS; // scale 1, needed above 180 MHz; takes effect with the PLL

    on_internal_oscillator = !crystal_start();
    uint32_t input_divider = (on_internal_oscillator ? HSI_HZ : BOARD_HSE_HZ) / 1000000U;
    RCC->PLLCFGR = (input_divider << RCC_PLLCFGR_PLLM_Pos) | (PLL_N << RCC_PLLCFGR_PLLN_Pos)
        | ((PLL_P / 2U - 1U) << RCC_PLLCFGR_PLLP_Pos) | (PLL_Q << RCC_PLLCFGR_PLLQ_Pos)
        | (2U << RCC_PLLCFGR_PLLR_Pos) // for the DSI host, unused; 2 is its least legal value
        | (on_internal_oscillator ? 0U : RCC_PLLCFGR_PLLSRC_HSE);
    RCC->CR |= RCC_CR_PLLON;

    // Over-drive, while the PLL locks.
    PWR->CR1 |= PWR_CR1_ODEN;
    wait_for(&PWR->CSR1, PWR_CSR1_ODRDY);
    PWR->CR1 |= PWR_CR1_ODSWEN;
    wait_for(&PWR->CSR1, PWR_CSR1_ODSWRDY);

    // Wait states before the faster clock.  The code runs over the AXI bus and the caches; the ART accelerator serves
    // the ITCM bus only and is on for whoever reads flash there.
    FLASH->ACR = (FLASH_WAIT_STATES << FLASH_ACR_LATENCY_Pos) | FLASH_ACR_PRFTEN | FLASH_ACR_ARTEN;
    wait_for(&FLASH->ACR, FLASH_WAIT_STATES << FLASH_ACR_LATENCY_Pos);

    wait_for(&RCC->CR, RCC_CR_PLLRDY);
    RCC->CFGR = (5U << RCC_CFGR_PPRE1_Pos) // HCLK / 4 = 54 MHz
        | (4U << RCC_CFGR_PPRE2_Pos) // HCLK / 2 = 108 MHz
        | (2U << RCC_CFGR_SW_Pos); // PLL
    wait_for(&RCC->CFGR, 2U << RCC_CFGR_SWS_Pos);

    if (!on_internal_oscillator) {
        // A crystal that dies later raises an NMI (fault.c); the reset that follows starts on the internal oscillator.
        RCC->CR |= RCC_CR_CSSON;
    }
}

bool clocks_on_internal_oscillator(void) {
    return on_internal_oscillator;
}
