// From the first line of Python's set-up to the prompt, and round again at each soft reset.

#include "board.h"
#include "port.h"
#include "py/compile.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "repl_uart.h"
#include "reset.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"

extern uint8_t _stack_top[], _stack_limit[], _heap_start[], _heap_end[];

// Left between the limit that MicroPython watches and the end of the stack, for C code and interrupts on top of it. The
// deepest C code is a feed of kws.Stream, 1,600 bytes (tests/usermod_kws/kernels/m7/test_processor.py holds the kernels
// to 1,536); a hard handler in the middle of one may feed another stream. That leaves 900 bytes for interrupts.
#define STACK_MARGIN_BYTES 4096

int main(void);

static void start_interpreter(void) {
    mp_stack_set_top(_stack_top);
    mp_stack_set_limit(_stack_top - _stack_limit - STACK_MARGIN_BYTES);
    gc_init(_heap_start, _heap_end);
    mp_init(); // also mounts the ROMFS
    readline_init0();
}

// boot.py runs at every start, main.py only when the REPL is the friendly one (a raw REPL means that a tool is there).
// False when one of them asked for a soft reset; sys.exit() is the same, as in other ports.
static bool run_start_files(void) {
    pyexec_frozen_module("_boot.py", false);
    int ret = pyexec_file_if_exists("boot.py");
    if (!(ret & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        ret = pyexec_file_if_exists("main.py");
    }
    return !(ret & PYEXEC_FORCED_EXIT);
}

// Until Ctrl-D, or until a script asks for a soft reset.
static void run_repl(void) {
    for (;;) {
        int ret = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        if (ret != 0) {
            return;
        }
    }
}

static void stop_interpreter(void) {
    machine_pdm_pcm_deinit_all();
    machine_timer_deinit_all();
    machine_uart_deinit_all();
    machine_i2c_deinit_all();
    machine_rtc_deinit_all();
    machine_pin_deinit_all();
    gc_sweep_all();
    mp_deinit();
}

int main(void) {
    reset_init();
    systick_init();
    repl_uart_init();
    machine_rtc_init();
    if (clocks_on_internal_oscillator()) {
        mp_hal_stdout_tx_str("The crystal did not start: running from the internal oscillator (1 % accurate).\r\n");
    }
    for (;;) {
        start_interpreter();
        if (run_start_files()) {
            run_repl();
        }
        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        stop_interpreter();
        reset_note_soft();
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    (void)value;
    repl_uart_put_now("\r\nFATAL: exception without a handler\r\n");
    NVIC_SystemReset();
}
