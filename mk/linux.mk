# The same Python and the same module on Linux: upstream's unix port, unmodified, with our variant (micropython_port/linux).

LINUX_VARIANT := $(REPO)/micropython_port/linux/variants/hark
linux_arguments := -C $(MICROPY_DIR)/ports/unix VARIANT_DIR=$(LINUX_VARIANT)
on_aarch64 := $(filter aarch64,$(shell uname -m))
cross_aarch64 := $(if $(on_aarch64),,aarch64-linux-gnu-)

.PHONY: linux
linux: linux-host linux-aarch64 ## build/linux/micropython for this machine and build/linux-aarch64/micropython (static)

.PHONY: linux-host
linux-host: packages-build sources
	@echo "building MicroPython for this machine in build/linux"
	$(call upstream_build,$(BUILD)/linux,gcc,$(LINUX_VARIANT)/*.*,$(linux_arguments))

.PHONY: linux-aarch64
linux-aarch64: packages-build $(if $(on_aarch64),,packages-aarch64) sources
	@echo "building MicroPython for 64-bit Arm in build/linux-aarch64"
	$(call upstream_build,$(BUILD)/linux-aarch64,$(cross_aarch64)gcc,$(LINUX_VARIANT)/*.*,$(linux_arguments) CROSS_COMPILE=$(cross_aarch64) LDFLAGS_EXTRA=-static)
