"""The compiled core (build/host/libkws.so) for Python on the host, through ctypes.

The library is built when it is missing or older than its sources. ctypes releases the interpreter lock during a
call, so threads scale. Set KWSLIB to load another build (a sanitised one, say) as it is.
"""

import ctypes
import fcntl
import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

REPO_ROOT = Path(__file__).resolve().parent.parent
CORE = REPO_ROOT / "usermod_kws"
BUILD = REPO_ROOT / "build" / "host"


class KwsError(ValueError):
    """The core refused its input: `code` is its status, `where` a byte offset, `what` the field."""

    def __init__(self, code: int, where: int, what: str, text: str) -> None:
        super().__init__(f"{what or 'input'} at byte {where}: {text}")
        self.code, self.where, self.what = code, where, what


class ErrorStruct(ctypes.Structure):
    """kws_error_t."""

    _fields_ = [("code", ctypes.c_int), ("where", ctypes.c_uint32), ("what", ctypes.c_char_p)]


def build() -> Path:
    """Brings build/host/libkws.so up to date; make decides what that takes. Safe to call from many processes."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(CORE), f"BUILD={BUILD}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return BUILD / "libkws.so"


@cache
def library() -> ctypes.CDLL:
    """The loaded core with the signatures of its functions declared."""
    lib = ctypes.CDLL(os.environ.get("KWSLIB") or str(build()))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "kws_strerror": (ctypes.c_char_p, [ctypes.c_int]),
        "kws_frontend_sizeof": (size, []),
        "kws_frontend_open": (ctypes.c_int, [pointer, pointer, size, ctypes.POINTER(ErrorStruct)]),
        "kws_frontend_describe": (None, [pointer, pointer]),
        "kws_frontend_clip": (size, [pointer, pointer, size, pointer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        if not hasattr(lib, name):  # TEMP until the core defines kws_strerror
            continue
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def check(code: int, error: ErrorStruct) -> None:
    """Raises KwsError for a negative status."""
    if code < 0:
        text = library().kws_strerror(code).decode()
        raise KwsError(code, error.where, (error.what or b"").decode(), text)


def aligned_copy(data: bytes, alignment: int = 16) -> np.ndarray:
    """uint8 copy of `data` at an aligned address, as a blob is on the device."""
    store = np.empty(len(data) + alignment, dtype=np.uint8)
    start = -store.ctypes.data % alignment
    store[start : start + len(data)] = np.frombuffer(data, dtype=np.uint8)
    return store[start : start + len(data)]


class Frontend:
    """A front end opened from a section (FrontendConfig.section). Threads may share one."""

    def __init__(self, section: bytes) -> None:
        lib = library()
        self._section = aligned_copy(section)  # the C struct points into it
        self._fe = ctypes.create_string_buffer(lib.kws_frontend_sizeof())
        error = ErrorStruct()
        check(lib.kws_frontend_open(self._fe, self._section.ctypes.data, len(section), ctypes.byref(error)), error)
        sizes = (ctypes.c_uint32 * 4)()
        lib.kws_frontend_describe(self._fe, sizes)
        self.window_len, self.hop_len, self.n_out, self.raw_frac_bits = (int(size) for size in sizes)

    def raw(self, pcm: np.ndarray) -> np.ndarray:
        """pcm int16 [n] -> int16 [frames, n_out] in units of 2^-raw_frac_bits, before normalisation.

        frames = 1 + (n - window_len) // hop_len, or 0 when n < window_len.
        """
        return self._clip(pcm, np.int16)

    def features(self, pcm: np.ndarray) -> np.ndarray:
        """pcm int16 [n] -> int8 [frames, n_out], what the network sees."""
        return self._clip(pcm, np.int8)

    def _clip(self, pcm: np.ndarray, dtype: type) -> np.ndarray:
        if pcm.dtype != np.int16 or pcm.ndim != 1:
            raise TypeError(f"pcm must be int16 [n], not {pcm.dtype} {list(pcm.shape)}")
        pcm = np.ascontiguousarray(pcm)
        frames = 0 if pcm.size < self.window_len else 1 + (pcm.size - self.window_len) // self.hop_len
        out = np.empty((frames, self.n_out), dtype=dtype)
        raw, features = (out.ctypes.data, None) if dtype is np.int16 else (None, out.ctypes.data)
        library().kws_frontend_clip(self._fe, pcm.ctypes.data, pcm.size, raw, features)
        return out
