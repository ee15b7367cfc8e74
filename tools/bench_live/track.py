"""Tracks: words said one after another over background noise, with their times.

Every recording is brought to one level and the noise, over the whole track, to `snr_db` below it, both by the RMS of all
their samples: the usual meaning of "mixed at 15 dB". A recording of one second is about half silence, so its word alone
stands some 4 dB higher above the noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
LEVEL_DBFS = -26.0  # RMS of a recording; about the median of the training split
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


class AudioError(ValueError):
    """A recording cannot be used; the message says which, what is wrong and what is expected."""


@dataclass(frozen=True)
class Word:
    """`keyword` is empty for a word that must not be detected. Times in s, of the whole clip."""

    text: str
    keyword: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Track:
    """`pcm`: int16 [samples], 16 kHz mono. `words` in the order of time."""

    name: str
    pcm: np.ndarray
    words: list[Word]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / RATE_HZ


def rms(pcm: np.ndarray) -> float:
    """Of float [n], full scale 1.0; 0 for silence and for nothing."""
    return float(np.sqrt(np.mean(pcm**2))) if len(pcm) else 0.0


def read_audio(path: Path) -> np.ndarray:
    """Float [n] of a 16 kHz recording's first channel, full scale 1.0."""
    pcm, rate = soundfile.read(path, dtype="float64", always_2d=True)
    if rate != RATE_HZ:
        raise AudioError(f"{path} has {rate} Hz, {RATE_HZ} Hz are expected")
    return pcm[:, 0]


def levelled(pcm: np.ndarray, db_fs: float) -> np.ndarray:
    """`pcm` at an RMS of `db_fs`; silence stays silence."""
    return pcm * (10 ** (db_fs / 20) / max(rms(pcm), 1e-9))


def assemble(name: str, clips: list[tuple[str, str, np.ndarray]], pauses_s: list[float], noise: np.ndarray, snr_db: float) -> Track:
    """A track of `clips` (text, keyword, float [n]), each after its pause; one more pause ends the track.

    `noise` (float [n]) is repeated as needed and scaled to `snr_db` below the words.
    """
    parts, words, at = [], [], 0
    for (text, keyword, pcm), pause_s in zip(clips, pauses_s, strict=False):
        gap = int(pause_s * RATE_HZ)
        parts += [np.zeros(gap), levelled(pcm, LEVEL_DBFS)]
        words.append(Word(text, keyword, (at + gap) / RATE_HZ, (at + gap + len(pcm)) / RATE_HZ))
        at += gap + len(pcm)
    parts.append(np.zeros(int(pauses_s[-1] * RATE_HZ)))
    speech = np.concatenate(parts)
    noise = np.resize(noise, len(speech))
    pcm = np.clip(np.round((speech + levelled(noise, LEVEL_DBFS - snr_db)) * 32768), -32768, 32767).astype(np.int16)
    return Track(name, pcm, words)


@lru_cache(maxsize=1)
def _noise_recordings(folder: Path) -> list[np.ndarray]:
    files = [read_audio(path) for path in sorted(folder.glob("*")) if path.suffix in (".wav", ".flac")]
    if not files:
        raise AudioError(f"no noise recordings in {folder}")
    return files


def background(folder: Path, samples: int, rng: np.random.Generator, second_half: bool) -> np.ndarray:
    """Float [samples]: 5 s stretches of the recordings in `_background_noise_`, each at RMS 1.

    Tuning takes them from the first half of every recording, the bench from the second.
    """
    files = _noise_recordings(folder / "_background_noise_")
    stretch = 5 * RATE_HZ
    parts = []
    for _ in range(-(-samples // stretch)):
        pcm = files[rng.integers(len(files))]
        half = len(pcm) // 2
        pcm = pcm[half:] if second_half else pcm[:half]
        begin = rng.integers(max(1, len(pcm) - stretch))
        part = pcm[begin : begin + stretch]
        parts.append(levelled(np.resize(part, stretch), 0.0))
    return np.concatenate(parts)[:samples]


def from_recordings(data: Path, split: str, keywords: int, others: int, seed: int, snr_db: float = 15.0) -> Track:
    """`keywords` recordings of the ten keywords (equally many of each) and `others` of other words, in random order.

    Each recording is used once. Pauses are 0.4 to 1.0 s, besides the silence that a recording has at its own ends.
    """
    rng = np.random.default_rng(seed)
    folder = data / split
    chosen: list[tuple[str, Path]] = []
    for i, keyword in enumerate(KEYWORDS):
        count = keywords // len(KEYWORDS) + (i < keywords % len(KEYWORDS))
        chosen += [(keyword, path) for path in _pick(sorted((folder / keyword).iterdir()), count, rng)]
    rest = [path for word in sorted(folder.iterdir()) if word.name[0] != "_" and word.name not in KEYWORDS for path in sorted(word.iterdir())]
    chosen += [("", path) for path in _pick(rest, others, rng)]
    clips = [(chosen[i][1].parent.name, chosen[i][0], read_audio(chosen[i][1])) for i in rng.permutation(len(chosen))]
    pauses = rng.uniform(0.4, 1.0, len(clips) + 1).tolist()
    samples = sum(len(pcm) for *_, pcm in clips) + int(sum(pauses) * RATE_HZ)
    noise = background(data, samples, rng, second_half=split == "test")
    return assemble(f"{split}_{keywords}+{others}_{snr_db:g}dB_seed{seed}", clips, pauses, noise, snr_db)


def _pick(paths: list[Path], count: int, rng: np.random.Generator) -> list[Path]:
    if len(paths) < count:
        raise AudioError(f"{paths[0].parent if paths else 'the folder'} has {len(paths)} recordings, {count} are needed")
    return [paths[i] for i in rng.choice(len(paths), count, replace=False)]
