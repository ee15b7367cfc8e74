# The core's C sources, for every build that compiles it: the MicroPython user module (micropython.mk), the host
# library (Makefile) and the benches. Paths are relative to this folder. The core is C99 and needs nothing but the
# compiler's own <stdint.h>, <stddef.h> and <string.h>.
KWS_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
KWS_SRC_C := $(sort $(patsubst $(KWS_DIR)/%,%,$(wildcard $(addprefix $(KWS_DIR)/,*.c frontend/*.c kernels/*.c net/*.c))))
KWS_SRC_C := $(filter-out modkws.c,$(KWS_SRC_C))
