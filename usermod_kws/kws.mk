# The core's C sources, for every build that compiles it: the MicroPython user module (micropython.mk), the host
# library (Makefile) and the benches. Paths are relative to this folder. The core is C99 and needs nothing but the
# compiler's own <stdint.h>, <stddef.h> and <string.h>.
#
# KWS_ARCH names the folder of kernels and front-end stages made for a processor: c (none), m7 (Cortex-M7; the board's
# build sets it) or a64 (64-bit Arm). Its table.c takes the plain table's place, and a stage that it has the plain
# stage's; the other plain files are always built, as reference and for what it does not have.
KWS_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
KWS_ARCH ?= $(if $(filter aarch64%,$(shell $(CC) -dumpmachine)),a64,c)
kws_wildcard = $(patsubst $(KWS_DIR)/%,%,$(wildcard $(addprefix $(KWS_DIR)/,$(1))))
KWS_ARCH_SRC_C := $(call kws_wildcard,kernels/$(KWS_ARCH)/*.c frontend/$(KWS_ARCH)/*.c)
KWS_REPLACED_C := $(filter kernels/table.c frontend/%,$(subst /$(KWS_ARCH)/,/,$(KWS_ARCH_SRC_C)))
KWS_SRC_C := $(filter-out modkws.c $(KWS_REPLACED_C),$(call kws_wildcard,*.c frontend/*.c kernels/*.c net/*.c))
KWS_SRC_C := $(sort $(KWS_SRC_C) $(KWS_ARCH_SRC_C))
