// Pin set-up.

#include "port.h"

static void set_field(volatile uint32_t *reg, unsigned width, unsigned index, uint32_t value) {
    uint32_t mask = ((1U << width) - 1U) << (width * index);
    *reg = (*reg & ~mask) | (value << (width * index));
}

void gpio_config(unsigned port, unsigned pin, gpio_mode_t mode, bool open_drain, gpio_pull_t pull, gpio_speed_t speed,
    unsigned alternate) {
    uint32_t irq_state = irq_save();
    RCC->AHB1ENR |= RCC_AHB1ENR_GPIOAEN << port; // the eleven enable bits are adjacent, A first
    (void)RCC->AHB1ENR; // the clock needs two cycles
    GPIO_TypeDef *gpio = gpio_port(port);
    if (mode == GPIO_ALTERNATE) {
        // Before the mode, so that the pin never shows another peripheral's signal.
        set_field(&gpio->AFR[pin / 8], 4, pin % 8, alternate);
    }
    set_field(&gpio->OTYPER, 1, pin, open_drain);
    set_field(&gpio->OSPEEDR, 2, pin, speed);
    set_field(&gpio->PUPDR, 2, pin, pull);
    set_field(&gpio->MODER, 2, pin, mode);
    irq_restore(irq_state);
}
