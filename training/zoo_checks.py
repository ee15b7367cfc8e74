"""What a blob must answer, to the bit: score rows for a made-up signal, and for a fixed sample of the test recordings.

The C core computes in integers, so the same bytes give the same rows on every machine; a manifest stores their hashes.
The signal is made in integers too, and needs no recordings.
"""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.blob import read
from tools.kwslib import Model, Stream
from training.answers import of_scores, reported
from training.clips import CLIP_LEN, RATE_HZ, in_window, read_clip
from training.evaluate import predict, window_samples
from training.folders import SILENCE, find, keywords_in, word_label

SIGNAL_S = 8
SAMPLE_CLIPS = 20                       # of each class


def _noise(index: np.ndarray, seed: int) -> np.ndarray:
    """int64 in [-32768, 32767] for each index: the top bits of splitmix64 (Steele 2014)."""
    z = (index.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z >> np.uint64(48)).astype(np.int64) - 32768


def _sine(phase: np.ndarray) -> np.ndarray:
    """int64, about 32767 sin(2 pi phase / 65536) of an int64 phase: two parabolas."""
    x = (phase & 0xFFFF) - 32768
    return -(x * (32768 - np.abs(x)) >> 13)


def signal(seconds: int = SIGNAL_S, seed: int = 1) -> np.ndarray:
    """int16 [seconds * 16000]: every half second another voice-like sound (two gliding partials, hiss, rise and fall)."""
    length = RATE_HZ // 2
    t = np.arange(length, dtype=np.int64)
    envelope = np.minimum(t, length - t) * 8 // length                                      # 0..4
    parts = []
    for number in range(2 * seconds):
        low, high, glide, loud, hiss = (int(v) + 32768 for v in _noise(np.arange(5) + 5 * number, seed))    # 0..65535 each
        steps = (400 + low * 1600 // 65536, 2000 + high * 12000 // 65536)                   # of the phase: 100 to 500 Hz, 0.5 to 3.4 kHz
        tones = sum(_sine(t * step + (t * t * (glide - 32768) >> 29)) for step in steps)
        noise = _noise(t + number * length, seed + 1) * (hiss >> 8) >> 8
        parts.append((tones + noise) * envelope * (loud + 4096) >> 21)
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)


def digest(rows: np.ndarray) -> str:
    """SHA-256 of int8 score rows."""
    return hashlib.sha256(np.ascontiguousarray(rows, np.int8).tobytes()).hexdigest()


def signal_answer(blob: bytes) -> dict:
    """The rows that a stream gives for the signal, front end included: how many, and their hash."""
    rows = Stream(Model(blob)).feed(signal())
    return {"seconds": SIGNAL_S, "rows": len(rows), "scores_sha256": digest(rows)}


def sample_files(root: Path | str, keywords: Sequence[str]) -> list[tuple[Path, str]]:
    """(file, label) of `SAMPLE_CLIPS` test recordings a class, evenly picked by sorted name."""
    labels = ("_silence_", "_unknown_", *keywords)
    of_class: dict[str, list[Path]] = {label: [] for label in labels}
    for path in find(Path(root), keywords, needed=()).files["test"]:
        of_class[labels[word_label(path.parent.name, labels)]].append(path)
    picked = []
    for label, paths in of_class.items():
        paths = sorted(paths, key=lambda path: (path.parent.name, path.name))
        count = min(SAMPLE_CLIPS, len(paths))
        picked += [(paths[i * len(paths) // count], label) for i in range(count)]
    return picked


def sample_answer(blob: bytes, root: Path | str, threads: int = 2) -> dict:
    """Scores of the sample: clips, how many are right, a hash of the rows, and one of the recordings they are of."""
    labels = list(read(blob).labels)
    files = [(path, label) for path, label in sample_files(root, keywords_in(labels)) if label in labels]
    clips = [read_clip(path) for path, _ in files]
    pcm = np.stack([in_window(clip, window_samples(blob), mirrored=label == SILENCE) for clip, (_, label) in zip(clips, files, strict=True)])
    rows = predict(blob, pcm, threads)
    right = of_scores(rows, labels) == [reported(labels).index(label) for _, label in files]
    return {"clips": len(files), "right": int(right.sum()), "scores_sha256": digest(rows), "recordings_sha256": hashlib.sha256(b"".join(in_window(clip, CLIP_LEN).tobytes() for clip in clips)).hexdigest()}
