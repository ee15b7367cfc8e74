"""What lies between a talker and the microphones: a small loudspeaker, a telephone band, the walls of a room.

Everything here is drawn, none of it measured: the rooms are noise with the statistics of rooms (Polack 1988), not
places. All of it is causal, so a word begins where it began and only its end is drawn out.
"""
from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from training.clips import RATE_HZ

EARLY_S = (0.002, 0.04)                 # the first reflections of rooms of people's size arrive in this span
EARLY_COUNT = (4, 12)
HIGH_PASS_HZ = (80.0, 500.0)            # corner of what a small loudspeaker or a telephone lets through below ...
LOW_PASS_HZ = (3000.0, 7000.0)          # ... and above
TILT_DB_AN_OCTAVE = (-4.0, 4.0)
BUMP_DB = 8.0
BAND_ORDER = (1, 4)                     # of the Butterworth filters: 6 to 24 dB an octave


def room_response(rng: np.random.Generator, rt60_s: float, direct_db: float) -> np.ndarray:
    """float64 [n]: impulse response of a made-up room at RATE_HZ. Sample 0 is the direct path, 1.0.

    Behind it come a few early reflections and noise that decays by 60 dB in `rt60_s` seconds (> 0). `direct_db` is
    the energy of the direct path against that of everything behind it, the direct-to-reverberant ratio.
    """
    t = np.arange(max(2, round(rt60_s * RATE_HZ))) / RATE_HZ
    decay = 10 ** (-3 * t / rt60_s)
    diffuse = rng.standard_normal(len(t)) * decay
    diffuse[t < EARLY_S[0]] = 0
    times = rng.uniform(*EARLY_S, rng.integers(EARLY_COUNT[0], EARLY_COUNT[1] + 1))
    at = np.round(times[times < t[-1]] * RATE_HZ).astype(int)
    np.add.at(diffuse, at, rng.choice((-1, 1), len(at)) * rng.uniform(1, 4, len(at)) * decay[at])
    energy = float(np.sum(np.square(diffuse)))
    response = diffuse * np.sqrt(10 ** (-direct_db / 10) / max(energy, 1e-12))
    response[0] = 1.0
    return response


def in_room(pcm: np.ndarray, response: np.ndarray) -> np.ndarray:
    """float32 [n] of pcm [n] heard through the response, cut to the same length and brought to the same RMS."""
    return _as_loud(fftconvolve(pcm, response)[: len(pcm)], pcm)


def band_limited(rng: np.random.Generator, pcm: np.ndarray) -> np.ndarray:
    """float32 [n] of pcm [n] without the lows and the highs, corners and slopes drawn, at the same RMS."""
    limited = pcm
    for kind, (low, high) in (("highpass", HIGH_PASS_HZ), ("lowpass", LOW_PASS_HZ)):
        corner = low * (high / low) ** rng.uniform()
        order = int(rng.integers(BAND_ORDER[0], BAND_ORDER[1] + 1))
        limited = sosfilt(butter(order, corner, kind, fs=RATE_HZ, output="sos"), limited)
    return _as_loud(limited, pcm)


def tilted(rng: np.random.Generator, pcm: np.ndarray) -> np.ndarray:
    """float32 [n] of pcm [n] through another voice and microphone: the spectrum tilted about 1 kHz, with two broad bumps
    or dips, all drawn, at the same RMS."""
    spectrum = np.fft.rfft(pcm)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)) * (RATE_HZ / len(pcm)), 50) / 1000)
    gain_db = rng.uniform(*TILT_DB_AN_OCTAVE) * octaves
    for _ in range(2):
        gain_db = gain_db + rng.uniform(-BUMP_DB, BUMP_DB) * np.exp(-0.5 * ((octaves - rng.uniform(-3, 3)) / rng.uniform(0.3, 1)) ** 2)
    return _as_loud(np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(pcm)), pcm)


def _as_loud(pcm: np.ndarray, like: np.ndarray) -> np.ndarray:
    energy, wanted = np.sum(np.square(pcm, dtype=np.float64)), np.sum(np.square(like, dtype=np.float64))
    return (pcm * np.sqrt(wanted / energy if energy > 0 else 0.0)).astype(np.float32)
