"""Files that are the old ones or the new ones, never a part of one; a network's weights in them; what sources they follow from."""
from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write_atomic(path: Path, content: bytes | str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(part, path)


def write_arrays(path: Path, arrays: Mapping[str, Any], compressed: bool = False) -> None:
    """An npz file, which several processes may write at once. A disk that is full gets the space of its part back."""
    part = path.with_name(f"part.{os.getpid()}.{path.name}")
    try:
        (np.savez_compressed if compressed else np.savez)(part, **arrays)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def named(weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """A model's weights, as `get_weights` gives them, by names that keep their order."""
    return {f"w{i:04d}": weight for i, weight in enumerate(weights)}


def weights_of(saved: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What `named` was given, from a file that may hold more."""
    return [saved[name] for name in sorted(saved) if name.startswith("w")]


def digest_of(root: Path, patterns: Sequence[str]) -> hashlib._Hash:
    """SHA-256 over the names and bytes of the files below `root` that fit one of the patterns."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest
