"""What the microphones hear: samples at 16 kHz on a time line that starts with the first conversion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .events import TICK_HZ

RATE_HZ = 16_000
TAPS = 32  # of the interpolation, each side of a sample


def load(audio: str | Path | np.ndarray) -> np.ndarray:
    """A path to anything soundfile reads, or int16 samples (n,) or (n, channels) -> int16 (n, channels)."""
    if isinstance(audio, str | Path):
        import soundfile

        samples, rate = soundfile.read(str(audio), dtype="int16", always_2d=True)
        if rate != RATE_HZ:
            positions = np.arange(len(samples) * RATE_HZ // rate) * (rate / RATE_HZ)
            samples = np.stack([interpolate(c, positions, min(1.0, RATE_HZ / rate)) for c in samples.T], axis=1)
            samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
        return samples
    samples = np.asarray(audio)
    if samples.dtype != np.int16 or samples.ndim not in (1, 2):
        raise ValueError(f"audio must be int16 of shape (n,) or (n, channels), got {samples.dtype} {samples.shape}")
    return samples.reshape(len(samples), -1)


def interpolate(samples: np.ndarray, positions: np.ndarray, cutoff: float) -> np.ndarray:
    """Windowed-sinc interpolation of (n,) samples at fractional positions; cutoff as a part of half the rate."""
    if not len(positions):
        return np.zeros(0)
    first = np.floor(positions).astype(np.int64)
    out = np.zeros(len(positions))
    padded = np.concatenate([np.zeros(TAPS), samples, np.zeros(TAPS + 1)])
    for k in range(1 - TAPS, TAPS + 1):
        distance = positions - (first + k)
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / TAPS, -1, 1))
        at = np.clip(first + k + TAPS, 0, len(padded) - 1)
        out += padded[at] * cutoff * np.sinc(cutoff * distance) * window
    return out


class Sound:
    """Mono is heard by all microphones; two columns are left and right, four are one a microphone."""

    def __init__(self, samples: np.ndarray | None) -> None:
        self._samples = np.zeros((0, 1), np.int16) if samples is None else samples
        self.start: int | None = None  # tick of sample 0; None until the first conversion

    def play(self, samples: np.ndarray, start: int | None) -> None:
        self._samples, self.start = samples, start

    def append(self, samples: np.ndarray) -> None:
        """More of the same, for live sound."""
        self._samples = np.concatenate([self._samples, samples])

    @property
    def samples(self) -> np.ndarray:
        return self._samples

    def _column(self, mic: int) -> np.ndarray:
        channels = self._samples.shape[1]
        return self._samples[:, 0 if channels == 1 else mic % 2 if channels < 4 else mic]

    def heard(self, mic: int, when: int, period: float, n: int) -> np.ndarray:
        """n values (-1..1) that microphone `mic` hears, the first at tick `when`, `period` ticks apart."""
        out = np.zeros(n)
        if self.start is None or not len(self._samples):
            return out
        column = self._column(mic)
        step = period * RATE_HZ / TICK_HZ
        at = (when - self.start) * RATE_HZ / TICK_HZ
        if step == 1.0:
            first = round(at)
            lo, hi = max(first, 0), min(first + n, len(column))
            if lo < hi:
                out[lo - first : hi - first] = column[lo:hi]
            return out / 32768
        positions = at + step * np.arange(n)
        inside = (positions > -1) & (positions < len(column))
        if inside.any():
            lo = max(int(positions[inside][0]) - TAPS - 1, 0)
            hi = int(positions[inside][-1]) + TAPS + 2
            out[inside] = interpolate(column[lo:hi].astype(float), positions[inside] - lo, min(1.0, 1 / step))
        return out / 32768
