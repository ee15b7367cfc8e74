"""Training windows: the label is true of what is in the window, and one seed gives one window."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.augment import AugmentConfig, Windows, add_at, at_speed, coloured_noise, rms, spec_augment
from training.clips import CLIP_LEN, in_window
from training.data import Split
from training.folders import labels_of

LABELS = labels_of()
YES, UNKNOWN, SILENCE = (LABELS.index(name) for name in ("yes", "_unknown_", "_silence_"))


def beep() -> np.ndarray:
    pcm = np.zeros(CLIP_LEN, np.int16)
    pcm[6000:10000] = (8000 * np.sin(0.2 * np.arange(4000))).astype(np.int16)
    return pcm


@pytest.fixture
def windows() -> Windows:
    """Two words that are known to lie at samples 6000 to 10000, and loud noise."""
    rng = np.random.default_rng(3)
    split = Split(np.stack([beep(), beep()]), np.array([YES, UNKNOWN]), np.array(["yes", "cat"]), np.array(["a", "b"]),
                  np.array([[6000, 10000]] * 2), LABELS)
    return Windows(split, [rng.integers(-9000, 9000, 40000).astype(np.int16)], AugmentConfig())


def quiet(windows: Windows, **changes: float) -> Windows:
    """The same without noise and gain, so that a window's energy is the word's."""
    plain = replace(windows.config, noise=0.0, gain_low_db=0.0, gain_high_db=0.0, speed=0.0, **changes)
    return Windows(windows.split, windows.noise, plain)


def word_share(window: np.ndarray) -> float:
    return float(np.square(window, dtype=np.float64).sum() / np.square(beep(), dtype=np.float64).sum())


def test_same_seed_same_window_and_other_seed_another(windows: Windows) -> None:
    """A run could not be repeated or gone on with."""
    for label, clip in ((YES, 0), (UNKNOWN, 1), (SILENCE, -1)):
        drawn = [windows.draw(np.random.default_rng(seed), label, clip) for seed in (1, 1, 2)]
        assert drawn[0].dtype == np.int16 and drawn[0].shape == (CLIP_LEN,)
        assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


def test_keyword_windows_hold_nearly_all_of_the_word(windows: Windows) -> None:
    """A detector that learnt from half words fires before a word is over, and on other words that begin alike."""
    plain = quiet(windows, sliding=1.0, neighbour=0.0)
    shares = [word_share(plain.draw(np.random.default_rng(i), YES, 0)) for i in range(200)]
    assert min(shares) > 0.88 and max(shares) < 1.02
    assert any(share < 0.99 for share in shares), "words at the edge are part of training"


def test_longer_windows_hold_the_word_anywhere(windows: Windows) -> None:
    """The ends of a longer window would never have a word in them, or one cut off where a clip ends."""
    pcm = np.stack([in_window(one, 24001) for one in windows.split.pcm])
    longer = Windows(replace(windows.split, pcm=pcm, span=windows.split.span + 4000), windows.noise, windows.config)
    for label, clip in ((YES, 0), (UNKNOWN, 1), (SILENCE, -1)):
        assert {longer.draw(np.random.default_rng(i), label, clip).shape for i in range(40)} == {(24001,)}
    plain = quiet(longer, sliding=1.0, neighbour=0.0)
    drawn = [plain.draw(np.random.default_rng(i), YES, 0) for i in range(200)]
    assert 0.88 < min(map(word_share, drawn)) and max(map(word_share, drawn)) < 1.02
    centre = [float(np.average(np.arange(24001), weights=np.square(one, dtype=np.float64))) for one in drawn]
    assert min(centre) < 4000 and max(centre) > 20000


def test_only_other_words_are_behind_a_word_and_softly(windows: Windows) -> None:
    """A keyword behind another word, called `_unknown_`, teaches that the keyword is none."""
    hum = (8000 * np.sin(0.9 * np.arange(CLIP_LEN))).astype(np.int16)
    split = replace(windows.split, pcm=np.stack([beep(), hum]), span=np.array([[6000, 10000], [0, CLIP_LEN]]))
    plain = quiet(Windows(split, windows.noise, windows.config), sliding=0.0, shift_ms=0.0, behind=1.0)
    for i in range(40):
        window = plain.draw(np.random.default_rng(i), YES, 0) - beep().astype(float)
        assert 3.5 < 20 * np.log10(rms(beep()[6000:10000]) / rms(window)) < 25.5
    for key, value in (("behind", 50.0), ("behind_low_db", 30.0)):
        with pytest.raises(ValueError, match="augment.behind"):
            replace(windows, config=replace(windows.config, **{key: value}))
    others = quiet(Windows(split, windows.noise, windows.config), sliding=0.0, shift_ms=0.0, behind=1.0, pieces=0.0, mixtures=0.0)
    for i in range(20):
        spectrum = np.abs(np.fft.rfft(others.draw(np.random.default_rng(i), UNKNOWN, 1)))
        assert spectrum[:1000].max() < spectrum.max() / 50, "the beep, a keyword, is never behind it"


def test_pieces_of_words_are_unknown_and_hold_at_most_half(windows: Windows) -> None:
    """Windows that slide over a word see pieces of it; called keywords they would be false accepts."""
    plain = quiet(windows, pieces=1.0, mixtures=0.0)
    shares = [word_share(plain.draw(np.random.default_rng(i), UNKNOWN, 1)) for i in range(200)]
    assert 0.1 < min(shares) and max(shares) < 0.55


def test_shift_stays_within_its_limit(windows: Windows) -> None:
    """A word shifted out of the window would carry a false label."""
    plain = quiet(windows, sliding=0.0, shift_ms=100.0)
    for i in range(50):
        loud = np.flatnonzero(np.abs(plain.draw(np.random.default_rng(i), YES, 0)) > 500)
        assert 4400 <= loud[0] and loud[-1] <= 11601


def test_noise_is_at_the_drawn_distance(windows: Windows) -> None:
    """Strong noise in training is what makes a noisy room work."""
    noisy = replace(quiet(windows, sliding=0.0, shift_ms=0.0).config, noise=1.0, snr_low_db=10.0, snr_high_db=10.0, synthetic=0.0)
    window = Windows(windows.split, windows.noise, noisy).draw(np.random.default_rng(0), YES, 0)
    word = rms(beep()[6000:10000])
    assert 20 * np.log10(word / rms(window[:5000])) == pytest.approx(10, abs=0.5)


def test_silence_goes_from_digital_zero_to_loud(windows: Windows) -> None:
    """A muted microphone and a loud fan are both silence."""
    levels = [rms(windows.draw(np.random.default_rng(i), SILENCE, -1)) for i in range(300)]
    assert min(levels) == 0.0 and max(levels) > 3000
    assert sum(level == 0 for level in levels) < 40


def test_mixtures_do_not_fail_on_any_draw(windows: Windows) -> None:
    """An exception in a worker thread would end a night's training."""
    only = Windows(windows.split, windows.noise, replace(windows.config, pieces=0.0, mixtures=1.0))
    for i in range(100):
        assert only.draw(np.random.default_rng(i), UNKNOWN, 1).any()


def test_word_longer_than_the_window(windows: Windows) -> None:
    """A recording that is speech from end to end is still a training example."""
    split = replace(windows.split, span=np.array([[0, CLIP_LEN]] * 2))
    slow = Windows(split, windows.noise, replace(windows.config, speed=0.3, sliding=1.0))
    for i in range(50):
        assert slow.draw(np.random.default_rng(i), YES, 0).any()


def test_placing_speed_and_noise() -> None:
    """Off-by-one errors at the window's edges would cut or fold words."""
    window = np.zeros(4, np.float32)
    add_at(window, np.array([1, 2, 3], np.float32), -2)
    add_at(window, np.array([5, 6, 7], np.float32), 2)
    add_at(window, np.array([9.0], np.float32), 4)
    assert window.tolist() == [3, 0, 5, 6]
    assert len(at_speed(np.zeros(1000), 2.0)) == 500
    assert rms(coloured_noise(np.random.default_rng(0), CLIP_LEN)) == pytest.approx(1, abs=1e-3)


def test_spec_augment_masks_and_repeats() -> None:
    """Masks larger than configured would hide the word."""
    features = np.ones((20, 49, 10), np.int8)
    config = AugmentConfig(time_mask=5, feature_mask=2)
    masked = spec_augment(features, config, np.random.default_rng(1))
    assert masked.dtype == np.int8 and features.all()
    assert np.array_equal(masked, spec_augment(features, config, np.random.default_rng(1)))
    assert (masked == 0).any() and (masked.all(axis=2).sum(axis=1) >= 0).all()
    assert ((masked == 0).all(axis=2).sum(axis=1) <= 10).all() and ((masked == 0).all(axis=1).sum(axis=1) <= 2).all()
