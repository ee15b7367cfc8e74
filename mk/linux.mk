# The same Python and the same module on Linux: upstream's unix port, unmodified, with our variant (micropython_port/linux).

LINUX_VARIANT := $(REPO)/micropython_port/linux/variants/hark
linux_make = $(upstream_make) -j$(JOBS) -C $(MICROPY_DIR)/ports/unix VARIANT_DIR=$(LINUX_VARIANT)
on_aarch64 := $(filter aarch64,$(shell uname -m))
cross_aarch64 := $(if $(on_aarch64),,aarch64-linux-gnu-)
linux_cflags = $(PREFIX_MAP) -ffile-prefix-map=$(1)=build

.PHONY: linux
linux: linux-host linux-aarch64 ## build/linux/micropython for this machine and build/linux-aarch64/micropython (static)

.PHONY: linux-host
linux-host: packages-build sources
	@echo "building MicroPython for this machine in build/linux"
	$(call start_over_unless_same,$(BUILD)/linux,$(LINUX_VARIANT)/*.*,gcc)
	@$(linux_make) BUILD=$(BUILD)/linux CFLAGS_EXTRA="$(call linux_cflags,$(BUILD)/linux)"

.PHONY: linux-aarch64
linux-aarch64: packages-build $(if $(on_aarch64),,packages-aarch64) sources
	@echo "building MicroPython for 64-bit Arm in build/linux-aarch64"
	$(call start_over_unless_same,$(BUILD)/linux-aarch64,$(LINUX_VARIANT)/*.*,$(cross_aarch64)gcc)
	@$(linux_make) BUILD=$(BUILD)/linux-aarch64 CROSS_COMPILE=$(cross_aarch64) LDFLAGS_EXTRA=-static \
	    CFLAGS_EXTRA="$(call linux_cflags,$(BUILD)/linux-aarch64)"
