"""Kernels called directly, without blob and executor: the same call for the host, for Unicorn and for qemu.

A `Case` is one call of one entry of kws_kernels_t: the parameter struct as a data class, every buffer that the call
touches (contents before the call, alignment), and the order of the arguments. Nothing in it knows an address:

    case = random_case("conv2d", np.random.default_rng(1))    # draw.py; sweep() and all_cases() for lengths and alignments
    for name, b in case.buffers.items():                      # "in0", "out", "scratch", "weights", "channels", ...
        place b.data (np.uint8) at an address that is b.offset more than a multiple of 16
    params = case.params_bytes(addresses, pointer_bytes=4)    # addresses: dict of name -> address; 4 or 8
    call table entry case.kernel with case.arguments          # "params" (place it too, 8-byte aligned), buffer names,
                                                              # or a number (a size_t)
    expected = reference(case)                                # dict of name -> bytes, by the C reference on the host
    check(case, actual)                                       # actual: dict with at least case.results; shows the first difference

`out` and `scratch` are poisoned before the call. A call in place has no "out": its arguments name the input twice and
case.results is ("in0",). `state` is both read and written. Buffers that are not in `case.results` nor "scratch" must
not change. `reference` sees to all that on the host: guards around every buffer, inputs unchanged, a build that stops
at undefined behaviour.
"""

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from structs import Binary, Copy, Linear, Mean, Pool, Prelu, Shape, Softmax, Struct, Svdf, Window

__all__ = [
    "GUARD", "POISON", "REPO", "Binary", "Buffer", "Case", "Copy", "Linear", "Mean", "Pool", "Prelu", "Shape", "Softmax", "Struct", "Svdf", "Window",
    "check", "kernels_library", "reference", "scratch_bytes",
]  # fmt: skip

REPO = Path(__file__).resolve().parents[3]
GUARD, POISON = 64, 0x5A


@dataclass(frozen=True)
class Buffer:
    data: np.ndarray  # uint8, before the call
    offset: int = 0  # address modulo 16

    @classmethod
    def of(cls, values: np.ndarray, offset: int = 0) -> "Buffer":
        return cls(np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8), offset)

    @classmethod
    def poisoned(cls, size: int, offset: int = 0) -> "Buffer":
        return cls(np.full(size, POISON, np.uint8), offset)


@dataclass(frozen=True)
class Case:
    kernel: str  # entry of kws_kernels_t
    params: Struct | None
    buffers: dict[str, Buffer]
    arguments: tuple[str | int, ...]
    results: tuple[str, ...] = ("out",)

    def params_bytes(self, addresses: Mapping[str, int], pointer_bytes: int) -> bytes:
        return self.params.pack(addresses, pointer_bytes) if self.params else b""

    def __str__(self) -> str:
        offsets = {name: b.offset for name, b in self.buffers.items() if b.offset}
        return f"{self.kernel} {self.params} offsets {offsets} arguments {self.arguments}"


# The sizes of kernels.h, which are inline functions there.
SIZES_C = """
#include "kernels/kernels.h"
uint64_t size_conv2d(kws_shape_t s, const kws_window_t *w);
uint64_t size_conv2d(kws_shape_t s, const kws_window_t *w) { return kws_conv2d_scratch_bytes(s, w); }
uint64_t size_depthwise_conv2d(kws_shape_t s, const kws_window_t *w);
uint64_t size_depthwise_conv2d(kws_shape_t s, const kws_window_t *w) { return kws_depthwise_conv2d_scratch_bytes(s, w); }
uint64_t size_avg_pool_step(kws_shape_t s, const kws_window_t *w);
uint64_t size_avg_pool_step(kws_shape_t s, const kws_window_t *w) { return kws_avg_pool_step_state_bytes(s, w); }
"""


class _CShape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint16) for name in ("h", "w", "c")]


def scratch_bytes(kernel: str, shape: Shape, window: Window) -> int:
    """kernels.h's size of the scratch (conv2d, depthwise_conv2d; of an input shape) or of the state (avg_pool_step; of an output's)."""
    function = getattr(kernels_library(), f"size_{kernel}")
    function.restype, function.argtypes = ctypes.c_uint64, [_CShape, ctypes.c_char_p]
    return function(_CShape(shape.h, shape.w, shape.c), window.pack({}, 8))


@cache
def kernels_library() -> ctypes.CDLL:
    """The reference kernels alone, built to stop at undefined behaviour."""
    source = REPO / "usermod_kws"
    parts = sorted([*source.glob("kernels/*.[ch]"), source / "fixed.h"])
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in parts) + SIZES_C.encode()).hexdigest()[:12]
    library = REPO / "build" / "tests" / f"kernels-{digest}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        temporary = library.with_suffix(f".{os.getpid()}")
        trap = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
        flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *trap, f"-I{source}"]
        command = ["cc", *flags, "-o", temporary, *source.glob("kernels/*.c"), "-x", "c", "-"]
        subprocess.run(command, check=True, input=SIZES_C, text=True)
        temporary.replace(library)
    return ctypes.CDLL(str(library))


class Placed:
    """A buffer in memory, at its offset from a multiple of 16, between guards."""

    def __init__(self, buffer: Buffer) -> None:
        size = buffer.data.size
        self._store = np.full(size + 2 * GUARD + 32, POISON, np.uint8)
        self._at = -self._store.ctypes.data % 16 + GUARD + buffer.offset
        self._end = self._at + size
        self._store[self._at : self._end] = buffer.data
        self.address = self._store.ctypes.data + self._at

    @property
    def data(self) -> bytes:
        return self._store[self._at : self._end].tobytes()

    def intact(self) -> bool:
        return bool((self._store[: self._at] == POISON).all() and (self._store[self._end :] == POISON).all())


def reference(case: Case) -> dict[str, bytes]:
    """What the C reference makes of `case`: the contents of case.results."""
    placed = {name: Placed(b) for name, b in case.buffers.items()}
    addresses = {name: p.address for name, p in placed.items()}
    params = ctypes.create_string_buffer(case.params_bytes(addresses, ctypes.sizeof(ctypes.c_void_p)), 512)
    addresses["params"] = ctypes.addressof(params)
    values = [ctypes.c_void_p(addresses[a]) if isinstance(a, str) else ctypes.c_size_t(a) for a in case.arguments]
    getattr(kernels_library(), f"kws_{case.kernel}_c")(*values)
    for name, p in placed.items():
        assert p.intact(), f"writes outside of {name}: {case}"
        if name not in (*case.results, "scratch"):
            assert p.data == case.buffers[name].data.tobytes(), f"changes {name}: {case}"
    return {name: placed[name].data for name in case.results}


def check(case: Case, actual: Mapping[str, bytes]) -> None:
    """Fails with the case and the first byte that differs from the reference."""
    for name, expected in reference(case).items():
        if actual[name] != expected:
            a, e = np.frombuffer(actual[name], np.int8), np.frombuffer(expected, np.int8)
            wrong = np.flatnonzero(a != e) if a.size == e.size else np.array([-1])
            raise AssertionError(
                f"{name}: {wrong.size} of {e.size} bytes differ, first at {wrong[0]}: {a[wrong[0]]} instead of {e[wrong[0]]}: {case}"
            )
