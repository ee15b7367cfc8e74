"""The front end in float64, from its definition and not from the C code, and signals to try it on."""

from collections.abc import Iterator

import numpy as np
import scipy.fft
import scipy.signal

from tools.blob.frontend import FrontendConfig

# What people would use (log-mel and MFCC at 16 kHz) and the corners of what is allowed.
CONFIGS = {
    "mfcc": FrontendConfig(),
    "logmel": FrontendConfig(n_dct=0, f_high_hz=7600.0),
    "short": FrontendConfig(window_len=256, hop_len=160, fft_len=256, n_mels=20, n_dct=20, f_high_hz=8000.0),
    "short-logmel": FrontendConfig(window_len=240, hop_len=240, fft_len=256, n_mels=24, n_dct=0, f_low_hz=100.0, f_high_hz=8000.0),
    "long": FrontendConfig(window_len=1024, hop_len=512, fft_len=1024, n_mels=80, n_dct=13, f_low_hz=0.0, f_high_hz=8000.0),
    "long-logmel": FrontendConfig(window_len=640, hop_len=160, fft_len=1024, n_mels=64, n_dct=0, f_high_hz=7600.0),
    "telephone": FrontendConfig(sample_rate_hz=8000, window_len=200, hop_len=80, fft_len=256, n_mels=23, n_dct=12, f_low_hz=64.0),
}


def htk_mel_matrix(config: FrontendConfig) -> np.ndarray:
    """float64 [n_mels][fft_len / 2 + 1]: HTK's triangles, drawn by interpolation between their three corners."""
    mel_low, mel_high = (1127.01048 * np.log1p(hz / 700) for hz in (config.f_low_hz, config.f_high_hz))
    corners = 700 * np.expm1(np.linspace(mel_low, mel_high, config.n_mels + 2) / 1127.01048)
    bins_hz = np.fft.rfftfreq(config.fft_len, 1 / config.sample_rate_hz)
    return np.stack([np.interp(bins_hz, corners[m : m + 3], [0, 1, 0], left=0, right=0) for m in range(config.n_mels)])


def frames_of(config: FrontendConfig, pcm: np.ndarray) -> np.ndarray:
    """[frames][window_len]; no frame when pcm is shorter than a window."""
    if pcm.size < config.window_len:
        return np.empty((0, config.window_len), dtype=pcm.dtype)
    return np.lib.stride_tricks.sliding_window_view(pcm, config.window_len)[:: config.hop_len]


def logmel(config: FrontendConfig, pcm: np.ndarray, window: np.ndarray | None = None) -> np.ndarray:
    """float64 [frames][n_mels]: log2(mel energy + floor), with a true Hann window where none is given."""
    if window is None:
        window = scipy.signal.windows.hann(config.window_len, sym=False)
    spectrum = scipy.fft.rfft(frames_of(config, pcm).astype(np.float64) * window, config.fft_len, axis=1)
    energy = np.abs(spectrum / config.fft_len) ** 2 @ htk_mel_matrix(config).T
    return np.log2(energy + config.floor * 2.0**-13)


def raw(config: FrontendConfig, pcm: np.ndarray) -> np.ndarray:
    """float64 [frames][n_out], what Frontend.raw approximates after division by 2^raw_frac_bits."""
    bands = logmel(config, pcm)
    return scipy.fft.dct(bands, type=2, norm="ortho", axis=1)[:, : config.n_dct] if config.n_dct else bands


def signals(rate_hz: int, n: int = 16000) -> Iterator[tuple[str, np.ndarray]]:
    """Named int16 signals with a noise floor at most 60 dB below them, as a room and a microphone have."""
    rng = np.random.default_rng(20)
    t = np.arange(n) / rate_hz
    for level in (1, 10, 300, 8000):
        yield f"white noise of {level} LSB", _int16(rng.normal(0, level, n))
    brown = scipy.signal.lfilter([1], [1, -0.97], rng.normal(0, 300, n))
    yield "brown noise", _int16(brown)
    chirp = scipy.signal.chirp(t, 50, t[-1], 0.48 * rate_hz)
    yield "chirp over noise", _int16(20000 * chirp + rng.normal(0, 100, n))
    voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 30)) * np.maximum(0, np.sin(2 * np.pi * 3 * t))
    yield "buzz in bursts", _int16(6000 * voice + rng.normal(0, 30, n))


def extremes(n: int) -> Iterator[tuple[str, np.ndarray]]:
    """Named int16 [n] inputs that overflow a careless implementation."""
    rng = np.random.default_rng(21)
    top, bottom = 32767, -32768
    yield "silence", np.zeros(n)
    yield "all -32768", np.full(n, bottom)
    yield "all 32767", np.full(n, top)
    for period in (2, 3, 4, 8, 16, 63, 256):
        yield f"square, period {period}", np.where(np.arange(n) % period < period // 2, top, bottom)
    yield "pairs", np.where(np.arange(n) // 2 % 2, bottom, top)
    for at in (0, 1, n // 2 - 1, n // 2, n - 1):
        impulse = np.zeros(n)
        impulse[at] = bottom
        yield f"impulse at {at}", impulse
    yield "one LSB", np.eye(1, n, n // 2)[0]
    yield "alternating LSB", np.arange(n) % 2
    yield "random signs", rng.choice([bottom, top], n)
    yield "random words", rng.integers(bottom, top + 1, n)


def _int16(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)
