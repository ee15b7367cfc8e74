"""Audio for the demonstration from files: read strictly, at any rate, as 16 kHz mono."""

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000


class AudioError(ValueError):
    """The recording cannot be used; the message says what is wrong and what is expected."""


def resampled(pcm: np.ndarray, rate_hz: int, to_hz: int = RATE_HZ) -> np.ndarray:
    """Float [n] at `rate_hz` as float at `to_hz`: an ideal low pass through one FFT over all of it."""
    length = round(len(pcm) * to_hz / rate_hz)
    spectrum = np.fft.rfft(pcm)
    bins = min(len(spectrum), length // 2 + 1)
    return np.fft.irfft(spectrum[:bins], length) * (length / len(pcm)) if length else np.zeros(0)


def load(path: Path) -> tuple[np.ndarray, list[str]]:
    """int16 [n] at 16 kHz, and sentences about what had to be changed for that.

    AudioError when the file is missing, is no audio, is truncated, or is shorter than a second.
    """
    if not path.is_file():
        raise AudioError(f"{path}: there is no such file")
    _check_riff_length(path)
    try:
        info = soundfile.info(path)
        pcm, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path}: not an audio file that can be decoded ({error}); 16 kHz, 16-bit, mono WAV is expected") from error
    if len(pcm) < info.frames:
        raise AudioError(f"{path}: truncated, {len(pcm)} of {info.frames} samples are there")
    if len(pcm) < rate_hz:
        raise AudioError(f"{path}: {len(pcm) / rate_hz:.2f} s long; the models listen to one second at a time, so at least 1 s is expected")
    notes = []
    if pcm.shape[1] > 1:
        notes.append(f"{path.name} has {pcm.shape[1]} channels; their mean is used")
    mono = pcm.mean(axis=1)
    if rate_hz != RATE_HZ:
        notes.append(f"{path.name} has {rate_hz} Hz; resampled to the microphones' {RATE_HZ} Hz")
        mono = resampled(mono, rate_hz)
    return to_int16(mono), notes


def to_int16(pcm: np.ndarray) -> np.ndarray:
    """Float, full scale 1.0, as int16, clipped."""
    return np.clip(np.round(pcm * 32768), -32768, 32767).astype(np.int16)


def _check_riff_length(path: Path) -> None:
    # libsndfile plays what there is of a truncated WAV without a word.
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return
    stated, there = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    if stated != 0xFFFFFFFF + 8 and there < stated:
        raise AudioError(f"{path}: truncated, the header promises {stated} bytes and {there} are there")
