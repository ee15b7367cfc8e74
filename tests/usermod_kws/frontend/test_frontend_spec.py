"""A second implementation, written from SPEC.md's formulas with numpy's int64, must give the C code's bytes."""

import struct

import frontend_reference as reference
import numpy as np
import pytest

from tools.kwslib import Frontend


def hi(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    return (a * b + c * d) >> 32


class Twiddle:
    """round(2^30 (cos t, sin t)); times(v) is v e^(-jt) / 4 for v = (re, im)."""

    def __init__(self, t: np.ndarray) -> None:
        self.c, self.s = (np.rint(2**30 * f(t)).astype(np.int64) for f in (np.cos, np.sin))

    def times(self, v: np.ndarray) -> np.ndarray:
        return np.stack([hi(v[0], self.c, v[1], self.s), hi(v[1], self.c, v[0], -self.s)])


def times_j(v: np.ndarray) -> np.ndarray:
    return np.stack([-v[1], v[0]])


def complex_fft(z: np.ndarray) -> np.ndarray:
    """int64 [2][H] -> [2][H], by recursion instead of in place."""
    span = z.shape[1]
    if span == 2:
        a, b = z[:, :1], z[:, 1:]
        return np.concatenate([(a + b) >> 1, (a - b) >> 1], axis=1)
    a, b, c, d = (z[:, i::4] for i in range(4))
    if span == 4:
        s0, s1, t0, t1 = ((x + sign * y) >> 2 for x, y, sign in ((a, c, 1), (a, c, -1), (b, d, 1), (b, d, -1)))
    else:
        a, b, c, d = (complex_fft(part) for part in (a, b, c, d))
        t = 2 * np.pi * np.arange(span // 4) / span
        c, b, d = Twiddle(2 * t).times(c), Twiddle(t).times(b), Twiddle(3 * t).times(d)
        s0, s1, t0, t1 = (a >> 2) + c, (a >> 2) - c, b + d, b - d
    return np.concatenate([s0 + t0, s1 - times_j(t1), s0 - t0, s1 + times_j(t1)], axis=1)


def spectrum(x: np.ndarray) -> np.ndarray:
    """int64 [N] -> [2][H], bin 0 unused."""
    half = x.size // 2
    z = complex_fft(x.reshape(half, 2).T)
    k = np.arange(1, half // 2)
    low, high = z[:, k], z[:, half - k]
    e, o = np.stack([low[0] + high[0], low[1] - high[1]]), np.stack([low[0] - high[0], low[1] + high[1]])
    w = Twiddle(2 * np.pi * k / x.size)
    t = np.stack([hi(o[0], -w.s, o[1], w.c), hi(o[1], -w.s, o[0], -w.c)])
    out = np.zeros((2, half), dtype=np.int64)
    out[:, k] = (e >> 2) + t
    out[:, half - k] = np.stack([(e[0] >> 2) - t[0], t[1] - (e[1] >> 2)])
    out[:, half // 2] = z[0, half // 2] >> 1, -(z[1, half // 2] >> 1)
    return out


def log2_q16(energy: int) -> int:
    p = energy.bit_length() - 1
    u = energy << 31 >> p
    i, f = u >> 26 & 31, u >> 10 & 0xFFFF
    table = [round(2**16 * np.log2(1 + n / 32)) for n in (i, i + 1)]
    return p * 65536 + table[0] + ((table[1] - table[0]) * f + 32768 >> 16)


def frame(section: bytes, pcm: np.ndarray) -> tuple[list[int], list[int]]:
    """Raw features and int8 features of one window, from the bytes of a section."""
    window_len, _, fft_len, n_mels, n_dct, frac_bits, floor, *offsets = struct.unpack_from("<6HI6I", section, 8)
    window_at, bands_at, weights_at, _, dct_at, norm_at = offsets
    x = np.zeros(fft_len, dtype=np.int64)
    x[:window_len] = pcm.astype(np.int64) * np.frombuffer(section, "<i2", window_len, window_at)
    bins = spectrum(x)
    m = int(np.bitwise_or.reduce((bins[:, 1:] ^ (bins[:, 1:] >> 31)).ravel()))
    e = min(15, 31 - (m | 1).bit_length())
    power = [(int(re) << e) ** 2 + (int(im) << e) ** 2 >> 32 for re, im in bins.T]
    raw = []
    for first, count in np.frombuffer(section, "<u2", 2 * n_mels, bands_at).reshape(-1, 2).astype(int):
        weights = np.frombuffer(section, "<u2", count, weights_at).astype(int)
        weights_at += 2 * count
        energy = sum(int(w) * p for w, p in zip(weights, power[first : first + count], strict=True)) + (floor << 2 * e)
        raw.append(log2_q16(energy) - (13 + 2 * e) * 65536 + 64 >> 7)
    if n_dct:
        matrix = np.frombuffer(section, "<i2", n_dct * n_mels, dct_at).reshape(n_dct, n_mels).astype(np.int64)
        r = 24 - frac_bits
        raw = [max(-32768, min(32767, int(total) + (1 << (r - 1)) >> r)) for total in matrix @ np.array(raw)]
    norm = struct.iter_unpack("<ihH", section[norm_at : norm_at + 8 * len(raw)])
    return raw, [max(-128, min(127, (v * mult + bias) >> shift)) for v, (bias, mult, shift) in zip(raw, norm, strict=True)]


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_same_bytes_as_the_specification(name: str) -> None:
    """When this fails, SPEC.md and the C code say different things, and who builds from either gets other bytes."""
    config = reference.CONFIGS[name]
    section = config.section(3.0 if config.n_dct == 0 else 0.0, 4.0, 1 / 32)
    frontend = Frontend(section)
    sounds = [values.astype(np.int16) for _, values in reference.extremes(config.window_len)]
    sounds += [pcm[i : i + config.window_len] for _, pcm in reference.signals(config.sample_rate_hz) for i in (0, 5000)]
    for pcm in sounds:
        raw, features = frame(section, pcm)
        assert frontend.raw(pcm)[0].tolist() == raw
        assert frontend.features(pcm)[0].tolist() == features
