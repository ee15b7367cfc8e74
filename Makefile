# Hark: keyword spotting on the STM32F769I-DISCO, and on 64-bit Linux. `make help` lists what can be made.
# Each target sets up what it needs (mk/setup.mk); the recipes are in mk/, one file a subject.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

REPO := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
BOARD ?= STM32F769I_DISCO
BUILD := $(REPO)/build
JOBS ?= $(shell nproc)
export PYTHONPATH := $(REPO)$(if $(PYTHONPATH),:$(PYTHONPATH))
export PYTHONDONTWRITEBYTECODE := 1

include mk/setup.mk
ifneq ($(words $(CURDIR) $(HARK_CACHE) $(MICROPY_DIR)),3)
  # make splits names at spaces, and `make clean` in "my hark" would remove the folder "my".
  $(error this folder, HARK_CACHE and MICROPY_DIR must not have a space in their paths: "$(CURDIR)" "$(HARK_CACHE)" "$(MICROPY_DIR)")
endif
# `firmware` may empty the folder that `romfs` writes to; the builds below run JOBS compilers at once by themselves.
.NOTPARALLEL:

include mk/firmware.mk
include mk/linux.mk
include mk/check.mk
include mk/run.mk
include mk/dist.mk

.PHONY: help
help: ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort | \
	    while IFS='|' read -r name text; do printf '  %-11s %s\n' "$$name" "$$text"; done
	@echo
	@sed -n 's/^#: \([A-Z_]*\) *\(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name text; do printf '  %-21s %s\n' "$$name=" "$$text"; done

.PHONY: clean
clean: ## remove build/; the cache outside the tree (HARK_CACHE) stays
	rm -rf $(BUILD)
