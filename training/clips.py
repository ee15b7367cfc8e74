"""One recording: reading it strictly, and where in it the word is."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

RATE_HZ = 16000
CLIP_LEN = RATE_HZ                      # samples: every clip is one second, zeros behind a shorter recording (`in_window`)


class DataError(ValueError):
    """The recordings cannot be used as they are; the message names every file that is to blame."""


def _riff_is_cut(path: Path) -> bool:
    """A WAV file that is shorter than its header says; the decoder makes the best of those without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:8], "little")
    unknown = 0xFFFFFFFF                # written by programs that could not go back to the header
    return head[:4] == b"RIFF" and size != unknown and size + 8 > path.stat().st_size


def at_rate(pcm: np.ndarray, rate_hz: int) -> np.ndarray:
    """int16 [ceil(n * RATE_HZ / rate_hz)] of int16 [n] recorded at `rate_hz`: polyphase, with an anti-aliasing filter.

    What a filter's overshoot takes beyond full scale is clipped. At RATE_HZ the samples are returned as they are.
    """
    if rate_hz == RATE_HZ:
        return pcm
    common = math.gcd(RATE_HZ, rate_hz)
    resampled = resample_poly(pcm.astype(np.float64), RATE_HZ // common, rate_hz // common)
    return np.clip(np.round(resampled), -32768, 32767).astype(np.int16)


def read_clip(path: Path, max_len: int | None = CLIP_LEN, resample: bool = True, mix_down: bool = False,
              converted: list[str] | None = None) -> np.ndarray:
    """int16 [n] at RATE_HZ of a WAV or FLAC file. Raises DataError with the reason, without the file's name.

    max_len: in samples at RATE_HZ, None for no limit. `resample` brings recordings of another rate to RATE_HZ and
    `mix_down` takes the mean of several channels; without them such a file is an error. What was done is appended
    to `converted`, a line each.
    """
    try:
        info = soundfile.info(path)
        floats = info.subtype in ("FLOAT", "DOUBLE")            # libsndfile would cut these to integers as they are
        pcm, rate = soundfile.read(path, dtype="float64" if floats else "int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError, ValueError, RuntimeError) as exc:
        raise DataError(f"cannot be decoded ({exc})") from exc
    if floats:
        if not np.isfinite(pcm).all() or np.abs(pcm).max(initial=0) > 1:
            raise DataError("has floating-point samples that are no numbers, or beyond full scale (-1 to 1)")
        pcm = np.clip(np.round(pcm * 32768), -32768, 32767).astype(np.int16)
    if rate != RATE_HZ and not resample:
        raise DataError(f"is {rate} Hz, not {RATE_HZ} Hz; resample=true would convert it")
    if pcm.shape[1] != 1 and not mix_down:
        raise DataError(f"has {pcm.shape[1]} channels, not 1; mix_down=true would take their mean")
    if len(pcm) == 0:
        raise DataError("is empty")
    if len(pcm) < info.frames or _riff_is_cut(path):
        raise DataError(f"is truncated after {len(pcm)} samples")
    if max_len is not None and len(pcm) * RATE_HZ > max_len * rate:
        raise DataError(f"is {len(pcm) / rate:.2f} s long, more than {max_len / RATE_HZ:g} s")
    if converted is not None and rate != RATE_HZ:
        lost = f"; they hold nothing above {rate // 2} Hz" if rate < RATE_HZ else ""
        converted.append(f"of {rate} Hz converted to {RATE_HZ} Hz{lost}")
    if converted is not None and pcm.shape[1] != 1:
        converted.append(f"of {pcm.shape[1]} channels mixed down")
    mono = pcm[:, 0] if pcm.shape[1] == 1 else np.round(pcm.mean(axis=1)).astype(np.int16)
    return at_rate(mono, rate)


def whole_frames(samples: int, window_len: int, hop_len: int) -> int:
    """The samples, CLIP_LEN or more, without those behind the last whole frame of more than a clip. window_len, hop_len: of a frame."""
    return max(CLIP_LEN, samples - (samples - window_len) % hop_len)


def start_in(clip: np.ndarray, length: int) -> int:
    """Where a clip begins in a window of so many samples: its second is the middle one; 0 for a clip of that length."""
    return min((length - CLIP_LEN) // 2, length - len(clip))


def in_window(clip: np.ndarray, length: int, mirrored: bool = False) -> np.ndarray:
    """int16 [length] with the clip's second in the middle and zeros around it, or the clip's own mirror image, which keeps noise noise."""
    at = start_in(clip, length)
    return np.pad(clip, (at, length - at - len(clip)), mode="reflect" if mirrored and len(clip) > 1 else "constant")


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
