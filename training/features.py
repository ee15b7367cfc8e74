"""Windows -> int8 features, always by the compiled front end that runs on the device.

The front end's section of the blob holds its tables and the normalisation. The normalisation comes from training
windows: each feature's mean and standard deviation before it is brought to int8.
"""
from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tools.blob.frontend import FrontendConfig
from tools.kwslib import Frontend
from training.augment import Windows, overlay
from training.folders import SILENCE, UNKNOWN, is_told_apart

OUT_SCALE = 1 / 32                      # standard deviations a step: int8 spans four of them either way
UNNAMED = -1                            # the label of windows that the teachers alone name
MIN_STD = 1 / 16                        # of log2 power: a feature that never changes is not blown up
NORMALISATION_WINDOWS = 3000


def extract(section: bytes, pcm: Iterable[np.ndarray], threads: int = 2) -> np.ndarray:
    """int8 [n, frames, features] of int16 windows [n, samples]."""
    frontend = Frontend(section)
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(frontend.features, pcm)))


def fit_section(config: FrontendConfig, pcm: np.ndarray, threads: int = 2) -> bytes:
    """The front end's section with the normalisation of these windows (int16 [n, samples])."""
    plain = Frontend(config.section())
    with ThreadPoolExecutor(threads) as pool:
        raw = np.concatenate(list(pool.map(plain.raw, pcm))) * 2.0**-plain.raw_frac_bits    # [n * frames, features]
    return config.section(raw.mean(axis=0), np.maximum(raw.std(axis=0), MIN_STD), OUT_SCALE)


def network_input(features: np.ndarray) -> np.ndarray:
    """float32 [n, frames, features, 1] in standard deviations, of int8 [n, frames, features]."""
    return (features.astype(np.float32) * np.float32(OUT_SCALE))[..., None]


def window_shape(section: bytes, samples: int) -> tuple[int, int]:
    """(frames, features) of a window of so many samples through this front end."""
    return Frontend(section).features(np.zeros(samples, np.int16)).shape


def class_shares(labels: tuple[str, ...], silence: float, unknown: float) -> np.ndarray:
    """float64 [classes]: each class's part of an epoch; the keywords have equal parts of what the two leave. Half of `unknown`
    goes to the other words that are told apart, where there are any, in equal parts."""
    apart = sum(is_told_apart(name) for name in labels)
    keyword = (1 - silence - unknown) / (len(labels) - 2 - apart)
    share = {SILENCE: silence, UNKNOWN: unknown / 2 if apart else unknown}
    return np.array([unknown / 2 / apart if is_told_apart(name) else share.get(name, keyword) for name in labels])


@dataclass
class Sampler:
    """Epochs of training windows. Epoch e is a function of (seed, e) alone, so a run can go on where it stopped.

    silence, unknown: their shares of an epoch; the keywords have equal parts of the rest (`class_shares`), so that a class
    with few recordings is heard as often as one with many.
    """
    windows: Windows
    section: bytes
    seed: int
    size: int
    silence: float
    unknown: float
    threads: int = 2
    overlaid: float = 0.0               # share of an epoch's windows that lie over another one and have the label UNNAMED

    @property
    def labels(self) -> tuple[str, ...]:
        return self.windows.split.labels

    def shares(self) -> np.ndarray:
        """float64 [classes]: each class's part of an epoch."""
        return class_shares(self.labels, self.silence, self.unknown)

    def plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """int64 [size] labels and recordings (-1 for silence), shuffled. A class goes through its recordings once
        before one comes again."""
        rng = np.random.default_rng((self.seed, epoch))
        bounds = np.round(np.cumsum(self.shares()) * self.size).astype(int)
        labels = np.searchsorted(bounds, np.arange(self.size), side="right")
        clips = np.full(self.size, -1)
        for label, name in enumerate(self.labels):
            of_class, at = self.windows.split.of(name), np.flatnonzero(labels == label)
            if name != SILENCE and len(at):
                rounds = -(-len(at) // len(of_class))
                clips[at] = np.concatenate([rng.permutation(of_class) for _ in range(rounds)])[: len(at)]
        order = rng.permutation(self.size)
        return labels[order], clips[order]

    def pcm(self, epoch: int, index: int, label: int, clip: int) -> np.ndarray:
        """int16 [window length], the epoch's window number `index`."""
        return self.windows.draw(np.random.default_rng((self.seed, epoch, index)), label, clip)

    def epoch(self, epoch: int, *others: tuple[bytes, int]) -> tuple[np.ndarray, ...]:
        """int8 [size, frames, features] and int64 [size]; then, through each of the other front ends, so many samples from the
        middle of the same windows."""
        labels, clips = self.plan(epoch)
        ears = [(Frontend(section), (self.windows.length - samples) // 2) for section, samples in ((self.section, self.windows.length), *others)]
        overlaid = np.zeros(self.size, bool)
        overlaid[np.linspace(0, self.size, round(self.overlaid * self.size), endpoint=False).astype(int)] = True

        def one(index: int) -> list[np.ndarray]:
            pcm = self.pcm(epoch, index, int(labels[index]), int(clips[index]))
            if overlaid[index]:
                other = (index + 1) % self.size
                rng = np.random.default_rng((self.seed, epoch, index, 1))           # not the window's own
                pcm = overlay(rng, pcm, self.pcm(epoch, other, int(labels[other]), int(clips[other])))
            return [frontend.features(pcm[around:len(pcm) - around]) for frontend, around in ears]

        with ThreadPoolExecutor(self.threads) as pool:
            features, *rest = (np.stack(each) for each in zip(*pool.map(one, range(self.size)), strict=True))
        return features, np.where(overlaid, UNNAMED, labels), *rest

    def normalisation_windows(self, count: int = NORMALISATION_WINDOWS) -> np.ndarray:
        """int16 [n, window length]: the first windows of epoch 0."""
        labels, clips = self.plan(0)
        n = min(count, self.size)
        return np.stack([self.pcm(0, i, int(labels[i]), int(clips[i])) for i in range(n)])


class Prefetch:
    """Builds the next epoch in the background while one trains. `take` must be called with rising epochs."""

    def __init__(self, sampler: Sampler, last: int) -> None:
        self.sampler, self.last = sampler, last
        self.pool = ThreadPoolExecutor(1)
        self.next: tuple[int, Future] | None = None

    def take(self, epoch: int) -> tuple:
        ready = self.next
        future = ready[1] if ready and ready[0] == epoch else self.pool.submit(self.sampler.epoch, epoch)
        result = future.result()
        self.next = (epoch + 1, self.pool.submit(self.sampler.epoch, epoch + 1)) if epoch + 1 < self.last else None
        return result
