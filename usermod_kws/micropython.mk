# MicroPython's build finds this file through USER_C_MODULES=<repository>.
KWS_MOD_DIR := $(USERMOD_DIR)
include $(KWS_MOD_DIR)/kws.mk

SRC_USERMOD_C += $(KWS_MOD_DIR)/modkws.c $(wildcard $(KWS_MOD_DIR)/binding/*.c)
SRC_USERMOD_LIB_C += $(addprefix $(KWS_MOD_DIR)/,$(KWS_SRC_C))
CFLAGS_USERMOD += -I$(KWS_MOD_DIR)

# Ports build for size; the kernels and the front end are where the processor's time goes.
$(BUILD)/usermod_kws/kernels/%.o $(BUILD)/usermod_kws/frontend/%.o: CFLAGS += -O3
