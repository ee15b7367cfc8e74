# The firmware image, the host's shared library of the C core, the ROMFS image with the models, and their sizes.

#: BOARD                 a folder of boards/ (STM32F769I_DISCO)
FIRMWARE_DIR := $(BUILD)/$(BOARD)
FIRMWARE := $(FIRMWARE_DIR)/firmware.elf
FLASH_LIMIT_KB := 512

# Upstream's rules want their own variables. They look for micropython-lib, which the pinned sources leave out and nothing here freezes,
# by its README.md; any folder with one will do. Everything that could differ between machines is fixed in mk/setup.mk.
upstream_make = $(MAKE) --silent MICROPY_DIR=$(MICROPY_DIR) MICROPY_MPYCROSS=$(MPY_CROSS) MICROPY_MPYCROSS_DEPENDENCY= \
    MPY_LIB_DIR=$(MICROPY_DIR)/lib PYTHON=$(PYTHON) USER_C_MODULES=$(REPO)

# $(call upstream_build,FOLDER,COMPILER,FILES,ARGUMENTS): one build a folder at a time; it starts over when the flags, the sources' folder,
# the compiler or FILES have changed, because objects of two kinds must not be linked together.
define upstream_build
+@mkdir -p $(BUILD); exec 9>$(1).lock; flock 9; \
    key=$$({ cat $(3); echo '$(upstream_make) $(PREFIX_MAP) $(4)'; $(2) --version; } 2>&1 | sha256sum); \
    [ "$$(cat $(1)/.made-with 2>/dev/null)" = "$$key" ] || { rm -rf $(1); mkdir -p $(1); echo "$$key" > $(1)/.made-with; }; \
    $(upstream_make) -j$(JOBS) BUILD=$(1) CFLAGS_EXTRA="$(PREFIX_MAP) -ffile-prefix-map=$(1)=build" $(4)
endef

.PHONY: firmware
firmware: packages-firmware venv-base sources ## build/BOARD/firmware.{elf,bin,hex,dfu}, with a table of sizes
	@[ -d boards/$(BOARD) ] || { echo "BOARD=$(BOARD) is not one of: $$(ls boards | tr '\n' ' ')" >&2; exit 2; }
	@echo "building the firmware for $(BOARD) in build/$(BOARD)"
	$(call upstream_build,$(FIRMWARE_DIR),arm-none-eabi-gcc,micropython_port/stm32f7/Makefile,-C micropython_port/stm32f7 BOARD=$(BOARD))
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
