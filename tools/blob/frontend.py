"""Makes the front-end section of a blob: every table that the C front end reads. SPEC.md defines the bytes."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

VERSION = 1
HEADER_BYTES = 64
LOGMEL_FRAC_BITS = 9
MAX_NORM_SHIFT = 24
HEADER = struct.Struct("<HHI6HI6I4I")
NORM = struct.Struct("<ihH")  # bias, mult, shift


def hz_to_mel(hz: ArrayLike) -> np.ndarray:
    """HTK's mel scale: 2595 log10(1 + f / 700)."""
    return 2595 * np.log10(1 + np.asarray(hz, dtype=np.float64) / 700)


def mel_to_hz(mel: ArrayLike) -> np.ndarray:
    return 700 * (10 ** (np.asarray(mel, dtype=np.float64) / 2595) - 1)


@dataclass(frozen=True)
class FrontendConfig:
    """What the front end computes. Lengths are in samples.

    n_dct: cepstral coefficients a frame, or 0 for log-mel features.
    floor: added to every mel energy, in units of 2^-13 (an energy of 1 is that of a bin whose DFT value, divided by
    fft_len, has magnitude 1 LSB). The default is about what white noise of 2 LSB gives in a narrow band: digital
    silence looks like a quiet room, and noise below it is not amplified.
    """

    sample_rate_hz: int = 16000
    window_len: int = 480
    hop_len: int = 320
    fft_len: int = 512
    n_mels: int = 40
    n_dct: int = 10
    f_low_hz: float = 20.0
    f_high_hz: float = 4000.0
    floor: int = 64

    def __post_init__(self) -> None:
        checks = {
            "sample_rate_hz": 1000 <= self.sample_rate_hz <= 96000,
            "fft_len": self.fft_len in (256, 512, 1024),
            "window_len": 2 <= self.window_len <= self.fft_len and self.window_len % 2 == 0,
            "hop_len": 1 <= self.hop_len <= self.window_len,
            "n_mels": 1 <= self.n_mels <= 128,
            "n_dct": 0 <= self.n_dct <= self.n_mels,
            "f_low_hz": 0 <= self.f_low_hz < self.f_high_hz,
            "f_high_hz": self.f_high_hz <= self.sample_rate_hz / 2,
            "floor": 1 <= self.floor <= 1 << 24,
        }
        for field, good in checks.items():
            if not good:
                raise ValueError(f"front end {field} = {getattr(self, field)} is out of range")

    @property
    def n_out(self) -> int:
        """Features a frame."""
        return self.n_dct or self.n_mels

    @property
    def raw_frac_bits(self) -> int:
        """Raw features are int16 in units of 2^-raw_frac_bits; sums of many bands need the wider range."""
        if self.n_dct == 0:
            return LOGMEL_FRAC_BITS
        return 7 if self.n_mels <= 64 else 6

    def window(self) -> np.ndarray:
        """int16 [window_len]: periodic Hann window in Q15 (its peak saturates at 32767)."""
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window_len) / self.window_len)
        return np.minimum(np.rint(hann * 32768), 32767).astype("<i2")

    def mel_matrix(self) -> np.ndarray:
        """float64 [n_mels][fft_len / 2 + 1]: triangles of height 1, equally spaced in mel, linear in Hz."""
        edges = mel_to_hz(np.linspace(hz_to_mel(self.f_low_hz), hz_to_mel(self.f_high_hz), self.n_mels + 2))
        bins = np.arange(self.fft_len // 2 + 1) * self.sample_rate_hz / self.fft_len
        left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
        return np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))

    def mel_bands(self) -> tuple[np.ndarray, np.ndarray]:
        """uint16 [n_mels][2] of (first bin, count) and the Q15 weights of all bands, uint16 [sum of counts]."""
        bands, weights = [], []
        quantised = np.rint(self.mel_matrix() * 32768).astype("<u2")
        quantised[:, [0, -1]] = 0  # zero but for rounding: DC and Nyquist lie on the outer edges or beyond them
        for m, row in enumerate(quantised):
            used = np.flatnonzero(row)
            if used.size == 0:
                raise ValueError(f"mel band {m} holds no FFT bin: use a longer fft_len or fewer n_mels")
            bands.append((used[0], used[-1] + 1 - used[0]))
            weights.append(row[used[0] : used[-1] + 1])
        return np.array(bands, dtype="<u2"), np.concatenate(weights)

    def dct(self) -> np.ndarray:
        """int16 [n_dct][n_mels]: orthonormal DCT-II in Q15."""
        k, m = np.arange(self.n_dct)[:, None], np.arange(self.n_mels)[None, :]
        matrix = np.sqrt(2 / self.n_mels) * np.cos(np.pi * k * (2 * m + 1) / (2 * self.n_mels))
        matrix[:1] /= np.sqrt(2)
        return np.clip(np.rint(matrix * 32768), -32767, 32767).astype("<i2")

    def norm(self, mean: ArrayLike, std: ArrayLike, out_scale: float, zero_point: int = 0) -> bytes:
        """Per feature {int32 bias, int16 mult, uint16 shift} so that int8 = (x - mean) / std / out_scale + zero_point.

        mean, std: float scalars or [n_out], in the units of raw features times 2^-raw_frac_bits (log2 of power).
        """
        return _norm_table(mean, std, out_scale, zero_point, self.n_out, self.raw_frac_bits)

    def section(self, norm_mean: ArrayLike = 0.0, norm_std: ArrayLike = 1.0, out_scale: float = 0.125, zero_point: int = 0) -> bytes:
        """The whole section. int8 features are (raw * 2^-raw_frac_bits - norm_mean) / norm_std / out_scale + zero_point."""
        bands, weights = self.mel_bands()
        tables = [
            self.window().tobytes(),
            bands.tobytes(),
            weights.astype("<u2").tobytes(),
            self.dct().tobytes(),
            self.norm(norm_mean, norm_std, out_scale, zero_point),
        ]
        offsets, body = [], b""
        for table in tables:
            offsets.append(HEADER_BYTES + len(body) if table else 0)
            body += table + bytes(-len(table) % 8)
        window_off, bands_off, weights_off, dct_off, norm_off = offsets
        header = HEADER.pack(
            VERSION, HEADER_BYTES, self.sample_rate_hz,
            self.window_len, self.hop_len, self.fft_len, self.n_mels, self.n_dct, self.raw_frac_bits,
            self.floor,
            window_off, bands_off, weights_off, weights.size, dct_off, norm_off,
            round(self.f_low_hz), round(self.f_high_hz), HEADER_BYTES + len(body), 0,
        )  # fmt: skip
        return header + body


def _norm_table(mean: ArrayLike, std: ArrayLike, out_scale: float, zero_point: int, n_out: int, raw_frac_bits: int) -> bytes:
    """See FrontendConfig.norm."""
    mean, std = (np.broadcast_to(np.asarray(values, dtype=np.float64), n_out) for values in (mean, std))
    step = std * out_scale
    for name, good in {"mean": np.isfinite(mean), "std": np.isfinite(std) & (std > 0), "scale": np.isfinite(step) & (step > 0)}.items():
        if not good.all():
            raise ValueError(f"the features' {name} must be finite" + (" and positive" if name != "mean" else ""))
    gain, unit = 1 / step, 2.0**-raw_frac_bits
    entries = []
    for i in range(n_out):
        for shift in range(MAX_NORM_SHIFT, 0, -1):
            mult = round(gain[i] * unit * 2**shift)
            bias = round((zero_point - mean[i] * gain[i]) * 2**shift) + (1 << (shift - 1))
            if mult <= 32767 and abs(bias) <= 1 << 30:
                break
        else:
            raise ValueError(f"feature {i}: mean {mean[i]:g} with gain {gain[i]:g} does not fit the fixed point")
        entries.append(NORM.pack(bias, mult, shift))
    return b"".join(entries)


@dataclass(frozen=True)
class _Norm:
    """Where a section's norm table lies."""

    n_out: int
    raw_frac_bits: int
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.n_out * NORM.size


def _norm_of(section: bytes) -> _Norm:
    if len(section) < HEADER_BYTES:
        raise ValueError(f"a front end of {len(section)} bytes: its header has {HEADER_BYTES}")
    version, _, _, _, _, _, mels, dct, frac, *offsets, _, _, _, _ = HEADER.unpack_from(section)
    norm = _Norm(dct or mels, frac, offsets[-1])
    if version != VERSION:
        raise ValueError(f"a front end of version {version}; this tool knows {VERSION}")
    if norm.offset < HEADER_BYTES or norm.end > len(section):
        raise ValueError("the front end's norm table leaves its section")
    return norm


def norm_values(section: bytes, out_scale: float, zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    """(mean, std) [n_out] of the features, as FrontendConfig.section took them: its inverse, for a blob's input quantisation.

    The table holds 16-bit multipliers: std comes back to about 1 part in 32,768 (less for a wide range of biases), mean to
    the same part of its distance from zero, so a network's int8 features stay within one step.
    ValueError where a multiplier is not positive, which no mean and std give, or the section is damaged.
    """
    norm = _norm_of(section)
    rows = np.array(list(NORM.iter_unpack(section[norm.offset : norm.end])), dtype=np.float64)
    bias, mult, shift = rows.T
    if (mult <= 0).any() or (shift < 1).any():
        raise ValueError(f"feature {int(np.argmax((mult <= 0) | (shift < 1)))} of the front end is not scaled, so its mean and std are not known")
    gain = mult * 2.0 ** (norm.raw_frac_bits - shift)  # int8 steps for each unit of a feature
    half = 2.0 ** (shift - 1)
    return (zero_point - (bias - half) / 2**shift) / gain, 1 / (gain * out_scale)


def with_norm(section: bytes, mean: ArrayLike, std: ArrayLike, out_scale: float, zero_point: int) -> bytes:
    """The section with another normalisation, see FrontendConfig.section; everything else stays byte for byte."""
    norm = _norm_of(section)
    table = _norm_table(mean, std, out_scale, zero_point, norm.n_out, norm.raw_frac_bits)
    return section[: norm.offset] + table + section[norm.end :]
