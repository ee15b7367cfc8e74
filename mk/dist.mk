# A release: everything that somebody without a compiler needs.

VERSION := $(file < $(REPO)/VERSION)

.PHONY: dist
dist: ## build/dist/hark-VERSION/: images, ROMFS with the models, checksums, one page on flashing
	@$(MAKE) firmware romfs
	@$(PY) -m tools.dist --images $(FIRMWARE_DIR) --board $(BOARD) --version $(VERSION) --out $(BUILD)/dist

#: METHOD                make flash: openocd, st-flash, drive or serial (default: what is there)
#: PORT                  make flash: serial port of the ROM bootloader
.PHONY: flash
flash: venv-base ## build the firmware and the models and put them on the connected board (METHOD=, PORT=)
	@$(MAKE) firmware romfs
	@$(PY) -m tools.flash --images $(FIRMWARE_DIR) $(if $(METHOD),--method $(METHOD)) $(if $(PORT),--port $(PORT)) $(ARGS)
