// Why the chip last started, and the way into its ROM bootloader.
#ifndef RESET_H
#define RESET_H

// Values of machine.reset_cause().
enum { PWRON_RESET = 1, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET, FAULT_RESET };

// Reads the chip's flags once and clears them; before anything else of this header.
void reset_init(void);
int reset_cause(void);
// A soft reset of the interpreter happened.
void reset_note_soft(void);

// Resets the chip; the start-up then enters the bootloader in ROM instead of this firmware.
__attribute__((noreturn)) void reset_to_bootloader(void);
// Called first of all after a reset.
void reset_enter_bootloader_if_asked(void);

#endif
