"""Features and epochs: what the compiled front end gives, drawn the same way every time."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.augment import AugmentConfig, Windows
from training.config import mfcc
from training.data import load
from training.features import OUT_SCALE, Prefetch, Sampler, extract, fit_section
from training.folders import labels_of

LABELS = labels_of()


@pytest.fixture
def sampler(split_folders: Callable[..., Path]) -> Sampler:
    data = load(split_folders(), progress=False)
    plain = Sampler(Windows(data.splits["train"], data.noise, AugmentConfig()), b"", seed=4, size=200, silence=0.1, unknown=0.2)
    plain.section = fit_section(mfcc(), plain.normalisation_windows())
    return plain


def test_normalised_features_use_the_int8_range(sampler: Sampler) -> None:
    """Features that are all clipped, or all small, cost accuracy that no training gets back."""
    features, labels = sampler.epoch(0)
    assert features.dtype == np.int8 and features.shape == (200, 49, 10) and labels.shape == (200,)
    real = features.astype(float) * OUT_SCALE
    assert np.abs(real.mean(axis=(0, 1))).max() < 0.3
    assert 0.7 < real.std(axis=(0, 1)).min() and real.std(axis=(0, 1)).max() < 1.3
    assert np.mean(np.abs(features) == 127) < 0.02


def test_epochs_depend_on_seed_and_number_alone(sampler: Sampler) -> None:
    """A run that goes on after a kill, or on a machine with more cores, must see the same windows."""
    features, labels = sampler.epoch(3)
    sampler.threads = 5
    again = sampler.epoch(3)
    assert np.array_equal(features, again[0]) and np.array_equal(labels, again[1])
    assert not np.array_equal(features, sampler.epoch(4)[0])


def test_classes_have_their_shares(sampler: Sampler) -> None:
    """Without shares the network learns the largest class."""
    labels, clips = sampler.plan(1)
    count = np.bincount(labels, minlength=len(LABELS))
    assert count[LABELS.index("_silence_")] == 20 and count[LABELS.index("_unknown_")] == 40
    assert set(count[2:]) == {14}
    yes = clips[labels == LABELS.index("yes")]
    assert sorted(np.bincount(yes)[np.bincount(yes) > 0]) == [2, 2, 2, 2, 3, 3], "every recording in turn"


def test_an_epoch_may_be_too_small_for_a_class(sampler: Sampler) -> None:
    """Many words told apart have hardly a window each: a run of few windows would end in numpy's words."""
    labels, clips = replace(sampler, size=5).plan(0)
    assert len(labels) == len(clips) == 5 and len(set(labels)) < len(sampler.labels)


def test_prefetch_gives_the_same_epochs(sampler: Sampler) -> None:
    """Working ahead must not change what is trained."""
    ahead = Prefetch(sampler, last=3)
    for epoch in (1, 2):
        assert np.array_equal(ahead.take(epoch)[0], sampler.epoch(epoch)[0])


def test_digital_silence_is_finite_and_quiet(sampler: Sampler) -> None:
    """A muted microphone must not look like speech."""
    silence = extract(sampler.section, np.zeros((1, 16000), np.int16))
    assert (silence == silence[:, :1]).all()
    assert silence[0, 0, 0] < -30
