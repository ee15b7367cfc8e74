"""One recording: another rate comes out as the same sound."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from training.clips import CLIP_LEN, RATE_HZ, DataError, at_rate, read_clip


@settings(max_examples=30, deadline=None)
@given(rate_hz=st.sampled_from((8000, 11025, 22050, 24000, 32000, 44100, 48000, 96000)), n=st.integers(1, 4000))
def test_length_follows_the_rate(rate_hz: int, n: int) -> None:
    """A clip that grew past one second by rounding would be refused or cut."""
    converted = at_rate(np.zeros(n, np.int16), rate_hz)
    assert converted.dtype == np.int16 and len(converted) == -(-n * RATE_HZ // rate_hz)
    assert len(at_rate(np.zeros(rate_hz, np.int16), rate_hz)) == CLIP_LEN


@pytest.mark.parametrize("rate_hz", [22050, 44100, 48000])
def test_what_a_lower_rate_cannot_hold_is_gone(rate_hz: int) -> None:
    """Without the filter, hiss above 8 kHz would fold down onto the speech."""
    t = np.arange(rate_hz) / rate_hz
    high = np.round(8000 * np.sin(2 * np.pi * 9500 * t)).astype(np.int16)
    low = np.round(8000 * np.sin(2 * np.pi * 3000 * t)).astype(np.int16)
    assert np.abs(at_rate(high, rate_hz)[200:-200]).max() < 80
    expected = 8000 * np.sin(2 * np.pi * 3000 * np.arange(RATE_HZ) / RATE_HZ)
    assert np.abs(at_rate(low, rate_hz) - expected)[200:-200].max() < 80


def test_own_rate_is_untouched_and_full_scale_is_kept() -> None:
    """A wrapped sample is a loud click."""
    square = np.where(np.arange(4410) // 50 % 2, 32767, -32768).astype(np.int16)
    assert at_rate(square, RATE_HZ) is square
    converted = at_rate(square, 44100).astype(int)
    assert converted.max() == 32767 and converted.min() == -32768
    assert np.abs(np.diff(converted)).max() < 66000 and (np.sign(converted[5:15]) == -1).all()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_sample_formats_are_the_same_sound(tmp_path: Path, subtype: str) -> None:
    """A recording from a sound editor, in floats, would be trained on as silence."""
    sound = 0.5 * np.sin(np.arange(8000) * 0.3)
    soundfile.write(tmp_path / "a.wav", sound, RATE_HZ, subtype=subtype)
    assert np.abs(read_clip(tmp_path / "a.wav") - np.round(sound * 32768)).max() <= 1


@pytest.mark.parametrize("sample", [np.nan, np.inf, 1.5])
def test_floats_that_are_no_sound_are_refused(tmp_path: Path, sample: float) -> None:
    """They would become clicks or noise under a word's label."""
    soundfile.write(tmp_path / "a.wav", np.array([0.1, sample, 0.1]), RATE_HZ, subtype="FLOAT")
    with pytest.raises(DataError, match="floating-point"):
        read_clip(tmp_path / "a.wav")
