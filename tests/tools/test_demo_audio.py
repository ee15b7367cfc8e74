"""What the demonstration does with recordings of the user's own: used, changed with a message, or refused with the reason."""

import shutil

import numpy as np
import pytest
import soundfile

from tools.demo.audio import AudioError, load, resampled
from tools.demo.speech import KEYWORDS, cached, sentences


def tone(rate_hz: int, seconds: float = 1.5, hz: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)


def test_right_format_is_untouched(tmp_path):
    """A 16 kHz mono WAV reaches the microphones sample by sample."""
    pcm = (tone(16000) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 16000, subtype="PCM_16")
    loaded, notes = load(tmp_path / "a.wav")
    assert notes == [] and np.array_equal(loaded, pcm)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_other_rates_are_resampled_and_said(tmp_path, rate_hz):
    """A recording at another rate would sound like another voice if it were played as it is."""
    soundfile.write(tmp_path / "a.wav", np.stack([tone(rate_hz), tone(rate_hz)], axis=1), rate_hz)
    loaded, notes = load(tmp_path / "a.wav")
    assert f"{rate_hz} Hz" in " ".join(notes) and "2 channels" in " ".join(notes)
    inner = slice(1000, -1000)
    assert np.abs(loaded[inner] / 32768 - tone(16000)[: len(loaded)][inner]).max() < 0.01


def test_resampling_removes_what_cannot_be_heard():
    """Above 8 kHz there is nothing at 16 kHz; it must not fold back into speech."""
    assert np.abs(resampled(tone(48000, hz=12000.0), 48000)[500:-500]).max() < 0.003


def test_refusals(tmp_path):
    """Each message names the file, what is wrong and what is expected."""
    good = tmp_path / "good.wav"
    soundfile.write(good, tone(16000), 16000)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(good.read_bytes()[:-1000])
    text = tmp_path / "text.wav"
    text.write_text("hello")
    short = tmp_path / "short.wav"
    soundfile.write(short, tone(16000, 0.2), 16000)
    expected = {cut: "truncated", text: "16 kHz, 16-bit, mono", short: "at least 1 s", tmp_path / "none.wav": "no such file"}
    for path, words in expected.items():
        with pytest.raises(AudioError, match=words) as caught:
            load(path)
        assert path.name in str(caught.value)


def test_truncated_flac(tmp_path):
    """Compressed files are checked as well."""
    path = tmp_path / "a.flac"
    rng = np.random.default_rng(1)
    soundfile.write(path, rng.standard_normal(48000) * 0.1, 16000)
    path.write_bytes(path.read_bytes()[:40000])
    with pytest.raises(AudioError):
        load(path)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_sentences(tmp_path):
    """Every keyword is said, the cache gives the same track, and the same program makes the same audio."""
    track = cached(tmp_path / "demo.wav")
    again = cached(tmp_path / "demo.wav")
    assert {word.keyword for word in track.words} == {"", *KEYWORDS}
    assert np.array_equal(track.pcm, again.pcm)
    assert [w.text for w in track.words] == [w.text for w in again.words]
    assert np.array_equal(sentences().pcm, track.pcm)
