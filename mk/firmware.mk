# The firmware image, the host's shared library of the C core, the ROMFS image with the models, and their sizes.

#: BOARD                 a folder of boards/ (STM32F769I_DISCO)
FIRMWARE_DIR := $(BUILD)/$(BOARD)
FIRMWARE := $(FIRMWARE_DIR)/firmware.elf
FLASH_LIMIT_KB := 512

# Upstream's rules want their own variables. They look for micropython-lib, which the pinned sources leave out and nothing here freezes,
# by its README.md; any folder with one will do. Everything that could differ between machines is fixed in mk/setup.mk.
upstream_make = $(MAKE) --silent MICROPY_DIR=$(MICROPY_DIR) MICROPY_MPYCROSS=$(MPY_CROSS) MICROPY_MPYCROSS_DEPENDENCY= \
    MPY_LIB_DIR=$(MICROPY_DIR)/lib PYTHON=$(PYTHON) USER_C_MODULES=$(if $(wildcard usermod_kws/modkws.c),$(REPO))

# $(call start_over_unless_same,FOLDER,FILES,COMPILER): objects of other flags, sources or compilers must not be linked again.
define start_over_unless_same
@key=$$({ cat $(2); echo '$(upstream_make) $(PREFIX_MAP)'; $(3) --version; } 2>&1 | sha256sum); \
    [ "$$(cat $(1)/.made-with 2>/dev/null)" = "$$key" ] || { rm -rf $(1); mkdir -p $(1); echo "$$key" > $(1)/.made-with; }
endef

.PHONY: firmware
firmware: packages-firmware venv-base sources ## build/BOARD/firmware.{elf,bin,hex,dfu}, with a table of sizes
	@[ -d boards/$(BOARD) ] || { echo "BOARD=$(BOARD) is not one of: $$(ls boards | tr '\n' ' ')" >&2; exit 2; }
	$(call start_over_unless_same,$(FIRMWARE_DIR),micropython_port/stm32f7/Makefile,arm-none-eabi-gcc)
	@echo "building the firmware for $(BOARD) in build/$(BOARD)"
	@$(upstream_make) -j$(JOBS) -C micropython_port/stm32f7 BOARD=$(BOARD) BUILD=$(FIRMWARE_DIR) CFLAGS_EXTRA="$(PREFIX_MAP) -ffile-prefix-map=$(FIRMWARE_DIR)=build"
	@$(PY) -m tools.size $(FIRMWARE) --limit-kb $(FLASH_LIMIT_KB)

.PHONY: size
size: ## the table of sizes again, by file (DETAIL=1), of the firmware that is built
	@[ -e $(FIRMWARE) ] || $(MAKE) firmware
	@$(PY) -m tools.size $(FIRMWARE) --limit-kb $(FLASH_LIMIT_KB) $(if $(DETAIL),--detail)

# The app's modules travel beside the models, so that `mpremote run py_app/main.py` finds them on any board.
APP_MODULES := app detector settings main

.PHONY: romfs
romfs: venv-base sources ## build/BOARD/romfs.img with the models of py_app/models and the app's modules
	@mkdir -p $(FIRMWARE_DIR)/rom
	@for m in $(APP_MODULES); do $(MPY_CROSS) -s $$m.py -o $(FIRMWARE_DIR)/rom/$$m.mpy py_app/$$m.py || exit 1; done
	@$(PY) -m tools.romfs $(FIRMWARE_DIR)/romfs.img $(sort $(wildcard py_app/models/*.kws)) $(APP_MODULES:%=$(FIRMWARE_DIR)/rom/%.mpy)

.PHONY: models
models: romfs ## the same as romfs

.PHONY: host
host: packages-build ## build/host/libkws.so, the C core as the tests and training/ load it
	@$(MAKE) -j$(JOBS) -C usermod_kws BUILD=$(BUILD)/host
