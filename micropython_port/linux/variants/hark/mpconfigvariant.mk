# Variant `hark` of upstream's unix port; the root Makefile's target `linux` builds it.

PROG = micropython
FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py

# Upstream keeps what these need in git submodules, which the pinned sources do not have.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_PY_BLUETOOTH = 0

# The boards have no network, and a statically linked getaddrinfo would need glibc's shared libraries after all.
MICROPY_PY_SOCKET = 0
