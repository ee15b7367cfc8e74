"""A tiny made-up data set: each word is a chord of its own, so that a small network learns it in seconds."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.folders import KEYWORDS

RATE_HZ = 16000
WORDS = (*KEYWORDS, "cat", "bird")


def word_pcm(word: str, seed: int) -> np.ndarray:
    """int16 [16000]: 0.4 s of the word's chord in the middle of a quiet second."""
    rng = np.random.default_rng((WORDS.index(word), seed))
    t = np.arange(6400) / RATE_HZ
    base = 220 * 1.3 ** WORDS.index(word) * rng.uniform(0.97, 1.03)
    tone = sum(np.sin(2 * np.pi * f * t) / k for k, f in enumerate((base, 1.5 * base, 2.4 * base), 1))
    pcm = rng.normal(0, 20, RATE_HZ)
    at = int(rng.integers(4000, 5600))
    pcm[at:at + len(t)] += 4000 * np.hanning(len(t)) * tone
    return np.round(pcm).astype(np.int16)


def write_noise(root: Path) -> None:
    (root / "_background_noise_").mkdir(parents=True)
    rng = np.random.default_rng(5)
    for name in ("hiss", "hum"):
        soundfile.write(root / "_background_noise_" / f"{name}.wav", rng.integers(-300, 300, 4 * RATE_HZ).astype(np.int16), RATE_HZ)


@pytest.fixture
def split_folders(tmp_path: Path) -> Callable[..., Path]:
    """Makes <root>/<split>/<word>/<speaker>_nohash_<n>.flac with `clips` recordings a word."""
    def make(train: int = 6, validation: int = 2, test: int = 2) -> Path:
        root = tmp_path / "speech"
        write_noise(root)
        for s, (split, clips) in enumerate({"train": train, "validation": validation, "test": test}.items()):
            for word in WORDS:
                (root / split / word).mkdir(parents=True)
                for i in range(clips):
                    path = root / split / word / f"{s}{i:07x}_nohash_0.flac"
                    soundfile.write(path, word_pcm(word, 1000 * s + i), RATE_HZ)
        return root
    return make


@pytest.fixture
def official(tmp_path: Path) -> Callable[..., Path]:
    """Makes the published layout: <root>/<word>/<speaker>_nohash_<n>.wav, with the two list files if asked for."""
    def make(speakers: int = 5, lists: bool = True) -> Path:
        root = tmp_path / "official"
        write_noise(root)
        names: dict[int, list[str]] = {i: [] for i in range(speakers)}
        for word in WORDS:
            (root / word).mkdir()
            for i in range(speakers):
                name = f"{word}/{i:08x}_nohash_0.wav"
                soundfile.write(root / name, word_pcm(word, i), RATE_HZ)
                names[i].append(name)
        if lists:
            (root / "validation_list.txt").write_text("\n".join(names[0]) + "\n")
            (root / "testing_list.txt").write_text("\n".join(names[1]) + "\n")
        return root
    return make
