// The features of the board's firmware (micropython_port/stm32f7/mpconfigport.h), so that a script that runs there runs here.

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Upstream's common choices for this port. Among them: VfsRom, without which a ROMFS image could not be mounted.
#include "ports/unix/variants/mpconfigvariant_common.h"
