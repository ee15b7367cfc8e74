// MicroPython's configuration on this port: the "extra features" level, and what differs from it.

#include <alloca.h>
#include <stdint.h>

#include "board.h"

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Memory and speed.
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ALLOC_PATH_MAX (128)
#define MICROPY_GC_STACK_ENTRY_TYPE uint16_t // the heap has fewer than 65536 blocks
#define MICROPY_OPT_COMPUTED_GOTO (1)

// Compiler and emitters.
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_EMIT_THUMB (1)
#define MICROPY_EMIT_INLINE_THUMB (1)
#define MICROPY_MAKE_POINTER_CALLABLE(p) ((void *)((mp_uint_t)(p) | 1))

// The language.
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (0)
#define MICROPY_KBD_EXCEPTION (1)
#define MICROPY_REPL_INFO (1)
#define MICROPY_USE_INTERNAL_ERRNO (1)
#define MICROPY_SCHEDULER_STATIC_NODES (1)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MP_NEED_LOG2 (1)

// Files.  littlefs is chosen in the Makefile.
#define MICROPY_VFS (1)
#define MICROPY_VFS_ROM (1)
#define MICROPY_READER_VFS (1)

// Modules.
#define MICROPY_PY_SYS_PLATFORM "stm32f7"
#define MICROPY_HW_BOARD_NAME BOARD_NAME
#define MICROPY_HW_MCU_NAME BOARD_MCU_NAME
#define MICROPY_PY_OS_INCLUDEFILE "micropython_port/stm32f7/modos.c"
#define MICROPY_PY_OS_SYNC (1)
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (rng_get())
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "micropython_port/stm32f7/modtime.c"
#define MICROPY_PY_HASHLIB_SHA1 (0) // needs a TLS library, which this build does not have
#define MICROPY_PY_HASHLIB_MD5 (0)

#define MICROPY_PY_MACHINE (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE "micropython_port/stm32f7/modmachine.c"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_BOOTLOADER (1)
#define MICROPY_PY_MACHINE_PIN_BASE (1)
#define MICROPY_PY_MACHINE_SIGNAL (1)
#define MICROPY_PY_MACHINE_PULSE (1)
#define MICROPY_PY_MACHINE_SOFTI2C (1)
#define MICROPY_PY_MACHINE_SOFTSPI (1)
#define MICROPY_PY_MACHINE_I2C (1)
#define MICROPY_PY_MACHINE_UART (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "micropython_port/stm32f7/machine_uart.c"
#define MICROPY_PY_MACHINE_WDT (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "micropython_port/stm32f7/machine_wdt.c"

// Types of the core's machine word.
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;
#define INT_FMT "%ld"
#define UINT_FMT "%lu"
#define MP_SSIZE_MAX (0x7FFFFFFF)
#define MP_STATE_PORT MP_STATE_VM

uint32_t rng_get(void);
