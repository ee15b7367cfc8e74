"""Training windows drawn from recordings: what the microphones may hear in the second or so before a decision.

The detector looks at the last window every 80 ms, so most of what it sees is not a word in the middle of a quiet
second. Beside shifted, louder, faster and noisy words, a window may therefore hold a word anywhere, a neighbouring
word, a piece of one, several talkers or no speech at all. A window is a keyword only while nearly all of the word
is inside; a window with less than half of one is `_unknown_`; those in between teach nothing and are never drawn.

Every function takes its own generator, so a window depends on its seed alone and not on the order of work.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.clips import RATE_HZ
from training.data import Split
from training.folders import SILENCE, UNKNOWN
from training.room import band_limited, in_room, room_response, tilted

FULL_SCALE = 32768.0
LOUDEST_OVERLAY = 10.0                  # gain of the softer window; background noise stays soft


@dataclass
class AugmentConfig:
    """How windows are drawn. Shares are probabilities from 0 to 1."""
    shift_ms: float = 100.0             # either way, of a recording that stays where it was recorded
    sliding: float = 0.4                # share of words put anywhere in the window instead
    cut: float = 0.1                    # of the word may be outside the window and it still counts
    neighbour: float = 0.3              # share of sliding words with another word before or after
    speed: float = 0.1                  # either way; pitch moves along
    gain_low_db: float = -12.0
    gain_high_db: float = 6.0
    noise: float = 0.6                 # share of words with noise behind them
    snr_low_db: float = 3.0             # noise against the word itself, not the whole window
    snr_high_db: float = 35.0
    synthetic: float = 0.3              # share of noise that is coloured noise instead of a recording
    pieces: float = 0.2                 # share of _unknown_ that is a piece of a word, a keyword's mostly
    mixtures: float = 0.1               # share of _unknown_ that is made of several words
    zeros: float = 0.05                 # share of _silence_ that is digital silence
    tails: float = 0.1                  # share of _silence_ with the very edge of a word in it
    silence_low_db: float = -75.0       # RMS against full scale
    silence_high_db: float = -12.0
    band: float = 0.0                   # share of words without lows and highs, as of a telephone or small loudspeaker
    tilt: float = 0.0                   # share of words with another spectral tilt, as of other voices and microphones
    behind: float = 0.0                 # share of words with another word softly behind them, no keyword
    behind_low_db: float = 4.0          # the word while it is said against the mean of the other's whole window
    behind_high_db: float = 25.0
    room: float = 0.0                   # share of words with the reverberation of a made-up room
    rt60_low_s: float = 0.1             # time in which a room's sound decays by 60 dB
    rt60_high_s: float = 0.8
    direct_low_db: float = -3.0         # direct path against reverberation
    direct_high_db: float = 15.0
    time_mask: int = 4                  # frames, SpecAugment; two masks
    feature_mask: int = 1               # features, SpecAugment; one mask


def add_at(window: np.ndarray, clip: np.ndarray, at: int) -> None:
    """window += clip, with the clip's first sample at index `at` (may be negative); what does not fit is cut."""
    first, last = max(at, 0), min(at + len(clip), len(window))
    if first < last:
        window[first:last] += clip[first - at:last - at]


def rms(pcm: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))) if len(pcm) else 0.0


def overlay(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int16 of two int16 windows at once: the softer one is brought to the other's level, and one of them then up to 12 dB below it."""
    levels = [max(rms(one), 1.0) for one in (first, second)]
    gains = [max(levels) / level for level in levels]
    gains[rng.integers(2)] *= 10 ** (-rng.uniform(0, 12) / 20)
    both = first * np.float32(min(gains[0], LOUDEST_OVERLAY)) + second * np.float32(min(gains[1], LOUDEST_OVERLAY))
    return np.round(both * min(1.0, (FULL_SCALE - 1) / max(np.abs(both).max(), 1.0))).astype(np.int16)


def coloured_noise(rng: np.random.Generator, n: int) -> np.ndarray:
    """float32 [n] of noise at RMS 1 whose spectrum falls by 0 to 9 dB an octave, between white and brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum *= np.arange(1, len(spectrum) + 1) ** -rng.uniform(0, 1.5)
    noise = np.fft.irfft(spectrum, n)
    return (noise / max(rms(noise), 1e-9)).astype(np.float32)


def at_speed(pcm: np.ndarray, speed: float) -> np.ndarray:
    """float32 [n / speed]: the recording played `speed` times as fast, linear interpolation."""
    at = np.arange(0, len(pcm) - 1, speed)
    return np.interp(at, np.arange(len(pcm)), pcm).astype(np.float32)


@dataclass
class Windows:
    """Draws training windows from one split and the background noise."""
    split: Split
    noise: list[np.ndarray]
    config: AugmentConfig

    def __post_init__(self) -> None:
        c = self.config
        if not 0 < c.rt60_low_s <= c.rt60_high_s:
            raise ValueError(f"augment.rt60_low_s ({c.rt60_low_s}) must be above 0 and not above "
                             f"augment.rt60_high_s ({c.rt60_high_s})")
        if not 0 <= c.behind <= 1 or c.behind_low_db > c.behind_high_db:
            raise ValueError(f"augment.behind ({c.behind}) must be 0 to 1, augment.behind_low_db ({c.behind_low_db}) not above "
                             f"augment.behind_high_db ({c.behind_high_db})")
        keyword = np.array([not name.startswith("_") for name in self.split.labels])[self.split.label]
        self.length = self.split.pcm.shape[1]
        self.said, self.others = np.flatnonzero(keyword), np.flatnonzero(~keyword & (self.split.label != self.split.labels.index(SILENCE)))

    def draw(self, rng: np.random.Generator, label: int, clip: int) -> np.ndarray:
        """int16 [length] of class `label`. `clip` is the recording to use where the class has recordings."""
        c = self.config
        if label == self.split.labels.index(SILENCE):
            window = self._silence(rng)
        else:
            kind = rng.uniform() if label == self.split.labels.index(UNKNOWN) else 1.0
            if kind < c.pieces:
                window, loudness = self._piece(rng, clip, rng.uniform(0.15, 0.5))
            elif kind < c.pieces + c.mixtures:
                window, loudness = self._mixture(rng, clip)
            else:
                window, loudness = self._word(rng, clip)
            if c.behind > 0 and rng.uniform() < c.behind:
                other = np.roll(self.split.pcm[rng.choice(self.others)], rng.integers(self.length)).astype(np.float32)
                window = window + other * (loudness / max(rms(other), 1.0) * 10 ** (-rng.uniform(c.behind_low_db, c.behind_high_db) / 20))
            window = self._between(rng, window)
            if rng.uniform() < c.noise:
                noise = self._noise(rng)
                snr = 10 ** (rng.uniform(c.snr_low_db, c.snr_high_db) / 20)
                window = window + noise * (loudness / snr / max(rms(noise), 1.0))
            window = window * 10 ** (rng.uniform(c.gain_low_db, c.gain_high_db) / 20)
        peak = np.abs(window).max()
        if peak > FULL_SCALE - 1:
            window = window * ((FULL_SCALE - 1) / peak)
        return np.round(window).astype(np.int16)

    def _between(self, rng: np.random.Generator, window: np.ndarray) -> np.ndarray:
        """The talker's window after a loudspeaker and a room, at the same RMS. What has no share draws nothing, so
        windows without it are those of a version that did not have it. Noise was recorded in rooms of its own."""
        c = self.config
        if c.tilt > 0 and rng.uniform() < c.tilt:
            window = tilted(rng, window)
        if c.band > 0 and rng.uniform() < c.band:
            window = band_limited(rng, window)
        if c.room > 0 and rng.uniform() < c.room:
            rt60_s = rng.uniform(c.rt60_low_s, c.rt60_high_s)
            window = in_room(window, room_response(rng, rt60_s, rng.uniform(c.direct_low_db, c.direct_high_db)))
        return window

    def _clip(self, rng: np.random.Generator, clip: int) -> tuple[np.ndarray, int, int, float]:
        """A recording at a drawn speed: float32 samples, first and last sample of its word, the word's RMS."""
        speed = rng.uniform(1 - self.config.speed, 1 + self.config.speed)
        pcm = at_speed(self.split.pcm[clip], speed)
        first, last = (int(s / speed) for s in self.split.span[clip])
        return pcm, first, last, rms(pcm[first:last])

    def _word(self, rng: np.random.Generator, clip: int) -> tuple[np.ndarray, float]:
        c = self.config
        pcm, first, last, loudness = self._clip(rng, clip)
        allowed = int(c.cut * (last - first))
        earliest, latest = -first - allowed, self.length - last + allowed
        if earliest > latest:           # the word alone is longer than the window
            earliest = latest = (earliest + latest) // 2
        sliding = rng.uniform() < c.sliding
        shift = int(c.shift_ms * RATE_HZ / 1000)
        at = int(rng.integers(earliest, latest + 1) if sliding else rng.integers(-shift, shift + 1))
        at = min(max(at, min(earliest, 0)), max(latest, 0))     # never cut more than the recording itself does
        window = np.zeros(self.length, np.float32)
        add_at(window, pcm, at)
        if sliding and rng.uniform() < c.neighbour:
            gap = int(rng.uniform(0.1, 0.6) * RATE_HZ)
            other, start, end, _ = self._clip(rng, int(rng.integers(len(self.split))))
            if rng.uniform() < 0.5:
                add_at(window, other[start:end], at + last + gap)
            else:
                add_at(window, other[start:end], at + first - gap - (end - start))
        return window, loudness

    def _piece(self, rng: np.random.Generator, clip: int, inside: float) -> tuple[np.ndarray, float]:
        """A word of which only the share `inside` has come into the window, or is still in it."""
        if rng.uniform() < 0.7:
            clip = int(rng.choice(self.said))
        pcm, first, last, loudness = self._clip(rng, clip)
        seen = int(inside * (last - first))
        window = np.zeros(self.length, np.float32)
        add_at(window, pcm, self.length - first - seen if rng.uniform() < 0.5 else seen - last)
        return window, loudness

    def _mixture(self, rng: np.random.Generator, clip: int) -> tuple[np.ndarray, float]:
        """Backwards speech, the start of one word run into the end of another, or several talkers at once."""
        window = np.zeros(self.length, np.float32)
        pcm, first, last, loudness = self._clip(rng, clip)
        other = int(rng.integers(len(self.split)))
        kind = rng.integers(3)
        if kind == 0:
            pcm, first, last, loudness = self._clip(rng, other)
            add_at(window, pcm[::-1], int(rng.integers(-1600, 1601)))
        elif kind == 1:
            tail, start, end, _ = self._clip(rng, other)
            head = pcm[first:first + int((last - first) * rng.uniform(0.4, 0.7))]
            tail = tail[start + int((end - start) * rng.uniform(0.4, 0.7)):end]
            at = int(rng.integers(0, max(1, self.length - len(head) - len(tail))))
            add_at(window, head, at)
            add_at(window, tail, at + len(head))
        else:
            for talker in (clip, *rng.integers(len(self.split), size=rng.integers(2, 5))):
                voice, _, _, level = self._clip(rng, int(talker))
                add_at(window, voice * (loudness / max(level, 1.0)), int(rng.integers(-8000, 8001)))
        return window, loudness

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        """float32 [length] of background noise at the level it was recorded at."""
        if rng.uniform() < self.config.synthetic:
            return coloured_noise(rng, self.length) * np.float32(1000)
        noise = self.noise[rng.integers(len(self.noise))]
        start = int(rng.integers(len(noise) - self.length + 1))
        return noise[start:start + self.length].astype(np.float32)

    def _silence(self, rng: np.random.Generator) -> np.ndarray:
        c = self.config
        kind = rng.uniform()
        if kind < c.zeros:
            return np.zeros(self.length, np.float32)
        noise = self._noise(rng)
        level = FULL_SCALE * 10 ** (rng.uniform(c.silence_low_db, c.silence_high_db) / 20)
        window = noise * (level / max(rms(noise), 1.0))
        if kind < c.zeros + c.tails:
            window = window + self._piece(rng, int(rng.integers(len(self.split))), rng.uniform(0, 0.05))[0]
        return window


def spec_augment(features: np.ndarray, config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """SpecAugment (Park 2019) on normalised features: two spans of frames and one of features become 0, the mean.

    features: [n, frames, features], not changed; a masked copy is returned.
    """
    n, frames, width = features.shape
    keep = np.ones_like(features)
    for axis, length, limit in ((1, frames, config.time_mask), (1, frames, config.time_mask),
                                (2, width, config.feature_mask)):
        size = rng.integers(0, limit + 1, n)
        start = rng.integers(0, length, n)
        index = np.arange(length)
        masked = (index >= start[:, None]) & (index < (start + size)[:, None])      # [n, length]
        keep *= ~(masked[:, :, None] if axis == 1 else masked[:, None, :])
    return features * keep
