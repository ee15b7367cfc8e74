"""Compiles and loads shim.c, the per-block hook that counts instructions and stops the core."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from .errors import VBoardError

SOURCE = Path(__file__).with_name("shim.c")
FUNC_STOP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class State(ctypes.Structure):
    """Mirror of vb_state_t in shim.c, where the fields are explained."""

    _fields_ = [
        ("instructions", ctypes.c_uint64),
        ("block_first", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("block_address", ctypes.c_uint32),
        ("block_bytes", ctypes.c_uint32),
        ("watch", ctypes.c_uint32),
        ("watch_priority", ctypes.c_uint32),
        ("stopped", ctypes.c_uint32),
        ("profile_on", ctypes.c_uint32),
        ("flash_base", ctypes.c_uint32),
        ("flash_bytes", ctypes.c_uint32),
        ("itcm_base", ctypes.c_uint32),
        ("itcm_bytes", ctypes.c_uint32),
        ("ram_base", ctypes.c_uint32),
        ("ram_bytes", ctypes.c_uint32),
        ("flash", ctypes.c_void_p),
        ("itcm", ctypes.c_void_p),
        ("ram", ctypes.c_void_p),
        ("flash_counts", ctypes.c_void_p),
        ("flash_profile", ctypes.c_void_p),
        ("ram_profile", ctypes.c_uint64),
        ("emu_stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("reg_id", ctypes.c_int * 3),
        ("cyccnt_on", ctypes.c_uint32),
        ("cyccnt_held", ctypes.c_uint32),
        ("cyccnt_start", ctypes.c_uint64),
        ("stalled", ctypes.c_uint64),
        ("dwt_read", ctypes.c_void_p),
    ]


def cache_dir() -> Path:
    """Where the compiled shim is kept, outside the tree."""
    base = os.environ.get("HARK_CACHE")
    if base:
        return Path(base) / "vboard"
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "hark" / "vboard"


def load() -> ctypes.CDLL:
    """Compile shim.c with the host's C compiler (CC, default cc) unless that was done before."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = cache_dir() / f"shim-{digest}-{os.uname().machine}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("VBOARD_CC", "cc")
        # Built beside its place and moved there, so that two boards may start at once.
        with tempfile.NamedTemporaryFile(dir=library.parent, suffix=".so", delete=False) as tmp:
            command = [compiler, "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", str(SOURCE), "-o", tmp.name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise VBoardError(f"the virtual board needs a host C compiler ({compiler}), and found none") from None
        if done.returncode != 0:
            raise VBoardError(f"{' '.join(command)} failed:\n{done.stderr}")
        os.replace(tmp.name, library)
    return ctypes.CDLL(str(library))
