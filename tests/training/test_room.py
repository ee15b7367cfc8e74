"""Loudspeakers and rooms: what is drawn has the stated properties, and without a share nothing changes."""
from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from training.augment import AugmentConfig, Windows, rms
from training.clips import CLIP_LEN, RATE_HZ
from training.data import Split
from training.folders import labels_of
from training.room import HIGH_PASS_HZ, LOW_PASS_HZ, band_limited, in_room, room_response, tilted

LABELS = labels_of()
YES, UNKNOWN, SILENCE = (LABELS.index(name) for name in ("yes", "_unknown_", "_silence_"))
# Of the windows below, drawn by the version that trained the released model, before there were rooms.
RELEASED_WINDOWS = "2cb040b3fc3ff1fd552839e897ce4e3d5aa40ff9f46373aed3f0a87e5f996796"


@pytest.fixture
def windows() -> Windows:
    """Two bursts at samples 6000 to 10000, and loud noise."""
    pcm = np.zeros(CLIP_LEN, np.int16)
    pcm[6000:10000] = np.random.default_rng(9).integers(-8000, 8000, 4000)
    split = Split(np.stack([pcm, pcm[::-1]]), np.array([YES, UNKNOWN]), np.array(["yes", "cat"]), np.array(["a", "b"]),
                  np.array([[6000, 10000]] * 2), LABELS)
    return Windows(split, [np.random.default_rng(3).integers(-9000, 9000, 40000).astype(np.int16)], AugmentConfig())


def drawn(windows: Windows) -> list[np.ndarray]:
    return [windows.draw(np.random.default_rng(seed), label, clip)
            for seed in range(8) for label, clip in ((YES, 0), (UNKNOWN, 1), (SILENCE, -1))]


def test_released_configuration_draws_the_released_windows(windows: Windows) -> None:
    """The command in a model's manifest would make another model than the one that it is printed beside."""
    joined = b"".join(window.astype("<i2").tobytes() for window in drawn(windows))
    assert hashlib.sha256(joined).hexdigest() == RELEASED_WINDOWS


@pytest.mark.parametrize("share", ["band", "room", "tilt"])
def test_share_changes_words_alone_and_repeats(windows: Windows, share: str) -> None:
    """A run with rooms could not be repeated, or would teach silence that does not exist."""
    some = Windows(windows.split, windows.noise, replace(windows.config, **{share: 1.0}))
    first, again, plain = drawn(some), drawn(some), drawn(windows)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    changed = [not np.array_equal(a, b) for a, b in zip(first, plain, strict=True)]
    assert changed == [True, True, False] * 8


@pytest.mark.parametrize("rt60_s", [0.1, 0.4, 0.8])
def test_room_decays_in_its_time(rt60_s: float) -> None:
    """With another decay the range of rooms in the configuration would not be the range that was trained."""
    response = room_response(np.random.default_rng(1), rt60_s, 0.0)
    left_db = 10 * np.log10(np.cumsum(np.square(response[::-1]))[::-1])       # Schroeder 1965
    tail = left_db - left_db[int(0.045 * RATE_HZ)]                            # behind the early reflections
    span = np.flatnonzero((tail <= 0) & (tail > -20))
    slope = np.polyfit(span / RATE_HZ, tail[span], 1)[0]                      # dB a second
    assert -60 / slope == pytest.approx(rt60_s, rel=0.25)


@pytest.mark.parametrize("direct_db", [-3.0, 15.0])
def test_direct_path_comes_first_and_at_its_level(direct_db: float) -> None:
    """A response with a delay would move words against their labels."""
    response = room_response(np.random.default_rng(2), 0.5, direct_db)
    assert response[0] == 1.0 and not response[1:int(0.002 * RATE_HZ)].any()
    assert -10 * np.log10(np.square(response[1:]).sum()) == pytest.approx(direct_db, abs=1e-6)


def test_nothing_is_heard_before_the_word_and_the_level_stays(windows: Windows) -> None:
    """An echo ahead of its word would be heard by no microphone; another level would make the drawn SNR untrue."""
    word = windows.split.pcm[0].astype(np.float32)
    heard = in_room(word, room_response(np.random.default_rng(3), 0.8, -3.0))
    assert heard.dtype == np.float32 and heard.shape == word.shape
    assert np.abs(heard[:6000]).max() < 1 < rms(heard[10000:12000])
    assert rms(heard) == pytest.approx(rms(word), rel=1e-4)
    assert not in_room(np.zeros(100), np.ones(3)).any()


def test_impossible_room_is_refused_by_name(windows: Windows) -> None:
    """A night's training would end in a division by zero."""
    for wrong in ({"rt60_low_s": 0.0}, {"rt60_low_s": 0.5, "rt60_high_s": 0.4}):
        with pytest.raises(ValueError, match="rt60_low_s"):
            replace(windows, config=AugmentConfig(**wrong))


def test_band_is_one_of_a_small_loudspeaker() -> None:
    """Otherwise the option does not do what its name says."""
    noise = np.random.default_rng(4).normal(0, 1000, 8 * RATE_HZ)
    for seed in range(20):
        heard = band_limited(np.random.default_rng(seed), noise)
        hz, power = welch(heard, RATE_HZ, nperseg=2048)
        middle = power[(hz > 1.5 * HIGH_PASS_HZ[1]) & (hz < 0.6 * LOW_PASS_HZ[0])].mean()
        assert power[1:3].mean() < 0.2 * middle and power[hz > 7500].mean() < 0.4 * middle
        assert rms(heard) == pytest.approx(rms(noise), rel=1e-4)


def test_tilt_changes_the_colour_and_not_the_level() -> None:
    """Words of synthesisers would all have the spectra of a few voices."""
    noise = np.random.default_rng(4).normal(0, 1000, 2 * RATE_HZ)
    slopes = []
    for seed in range(20):
        heard = tilted(np.random.default_rng(seed), noise)
        hz, power = welch(heard, RATE_HZ, nperseg=512)
        slopes.append(10 * np.log10(power[(hz > 3000) & (hz < 6000)].mean() / power[(hz > 200) & (hz < 400)].mean()) / 4)
        assert rms(heard) == pytest.approx(rms(noise), rel=1e-4)
    assert min(slopes) < -2 and max(slopes) > 2, "decibels an octave"
