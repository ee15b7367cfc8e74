# What the other targets need from outside the repository. Everything lives in the cache, shared by all checkouts of one user.

#: HARK_CACHE            folder of the MicroPython sources and Python environments (~/.cache/hark)
#: MICROPY_DIR           a MicroPython v1.25.0 checkout of your own, instead of the fetched sources
#: HARK_MICROPY_TARBALL  a MicroPython source tarball that you have, instead of the download
#: HARK_DEBIAN_MIRROR    where to take Debian's source package from, instead of the mirror that apt uses
#: PYTHON                CPython 3.11 to 3.13 to make the environments with (python3)
HARK_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hark
PYTHON ?= python3
export HARK_CACHE HARK_MICROPY_TARBALL HARK_DEBIAN_MIRROR PYTHON JOBS

# --- Python: one environment a lock file and interpreter. The test environment holds all of the base one, so once made it serves for both.
# Asked when a recipe needs it, not before: on a fresh machine Python is one of the things that are installed first.
python_tag = $(shell $(PYTHON) -c 'import sys; print("py%d.%d" % sys.version_info[:2])' 2>/dev/null || echo nopython)
lock_key = $(shell sha256sum $(REPO)/requirements/$(1).txt | cut -c 1-12)
VENV_BASE = $(HARK_CACHE)/venv/base-$(python_tag)-$(call lock_key,base)
VENV_TEST = $(HARK_CACHE)/venv/test-$(python_tag)-$(call lock_key,test)
VENV = $(if $(wildcard $(VENV_TEST)/complete),$(VENV_TEST),$(VENV_BASE))
PY = $(VENV)/bin/python

# --- MicroPython: the fetched sources, or the user's own
fetched_sources := $(HARK_CACHE)/micropython-1.25.0
ifeq ($(filter-out $(fetched_sources),$(abspath $(MICROPY_DIR))),)
  override MICROPY_DIR := $(fetched_sources)
  micropy_key := 1.25.0
else
  override MICROPY_DIR := $(abspath $(MICROPY_DIR))
  micropy_key := own-$(shell echo $(MICROPY_DIR) | sha256sum | cut -c 1-12)
endif
$(fetched_sources)/py/mpconfig.h:
	@tools/setup/micropython.sh $(fetched_sources)
MPY_CROSS := $(HARK_CACHE)/mpy-cross/$(micropy_key)/mpy-cross
export MICROPY_DIR MPY_CROSS

# What upstream's build would otherwise take from git or from the clock: the same sources must give the same bytes.
export MICROPY_GIT_TAG := v1.25.0
export MICROPY_GIT_HASH := hark-$(file < $(REPO)/VERSION)
export SOURCE_DATE_EPOCH := 1744675200

# The names of the folders must not get into the images either.
PREFIX_MAP = -ffile-prefix-map=$(MICROPY_DIR)=micropython -ffile-prefix-map=$(REPO)=hark

$(MPY_CROSS): | $(MICROPY_DIR)/py/mpconfig.h
	@tools/setup/mpy_cross.sh $(MICROPY_DIR) $@

# --- Order-only doors to the above; each is quick when there is nothing to do.
package_groups := $(addprefix packages-,build firmware aarch64 bench demo word mic test)
.PHONY: $(package_groups) venv-base venv-test sources
$(package_groups): packages-%:
	@tools/setup/apt.sh $*
venv-base: packages-build
	@[ -e $(VENV_TEST)/complete ] || tools/setup/venv.sh requirements/base.txt $(VENV_BASE)
venv-test: packages-build
	@tools/setup/venv.sh requirements/test.txt $(VENV_TEST)
sources: packages-build
	@$(MAKE) -s $(MPY_CROSS)

.PHONY: setup
setup: packages-build packages-firmware packages-aarch64 packages-bench packages-demo packages-test venv-test sources ## do the whole set-up now (every other target does its own part)
	@echo "set-up is complete; the cache is $(HARK_CACHE)"

.PHONY: python
python: ## the path of the Python that the tools run with (made if need be), for use in commands of your own
	@$(MAKE) -s venv-base >&2; echo $(PY)
