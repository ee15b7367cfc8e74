"""One recording: reading it strictly, and where in it the word is."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
CLIP_LEN = RATE_HZ                      # samples: every clip is one second, zeros behind a shorter recording


class DataError(ValueError):
    """The recordings cannot be used as they are; the message names every file that is to blame."""


def _riff_is_cut(path: Path) -> bool:
    """A WAV file that is shorter than its header says; the decoder makes the best of those without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:8], "little")
    unknown = 0xFFFFFFFF                # written by programs that could not go back to the header
    return head[:4] == b"RIFF" and size != unknown and size + 8 > path.stat().st_size


def read_clip(path: Path, max_len: int | None = CLIP_LEN) -> np.ndarray:
    """int16 [n] of a mono 16 kHz file. Raises DataError with the reason, without the file's name."""
    try:
        info = soundfile.info(path)
        pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError, ValueError, RuntimeError) as exc:
        raise DataError(f"cannot be decoded ({exc})") from exc
    if rate != RATE_HZ:
        raise DataError(f"is {rate} Hz, not {RATE_HZ} Hz")
    if pcm.shape[1] != 1:
        raise DataError(f"has {pcm.shape[1]} channels, not 1")
    if len(pcm) == 0:
        raise DataError("is empty")
    if len(pcm) < info.frames or _riff_is_cut(path):
        raise DataError(f"is truncated after {len(pcm)} samples")
    if max_len is not None and len(pcm) > max_len:
        raise DataError(f"is {len(pcm) / RATE_HZ:.2f} s long, more than {max_len / RATE_HZ:g} s")
    return pcm[:, 0]


def word_span(pcm: np.ndarray, hop: int = 160, edge: float = 0.02, margin: int = 480) -> tuple[int, int]:
    """First and last sample of the word in a clip: where the energy above the clip's own floor is.

    pcm: int16 [n]. `edge` of that energy is given up at either end and `margin` samples are added back.
    A clip without energy above its floor is taken as a whole.
    """
    frames = pcm[: len(pcm) // hop * hop].reshape(-1, hop).astype(np.float64)
    energy = np.square(frames).mean(axis=1)
    above = np.maximum(energy - 2 * np.quantile(energy, 0.1), 0) if len(energy) else energy
    total = np.cumsum(above)
    if not len(total) or total[-1] <= 0:
        return 0, len(pcm)
    first, last = np.searchsorted(total, (edge * total[-1], (1 - edge) * total[-1]))
    return max(0, int(first) * hop - margin), min(len(pcm), (int(last) + 1) * hop + margin)
