"""Every stage of the front end alone, against float64 numpy and scipy."""

import ctypes

import frontend_reference as reference
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from tools import kwslib
from tools.blob.frontend import FrontendConfig

FFT_LENGTHS = (256, 512, 1024)


def address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def windowed(pcm: np.ndarray, window: np.ndarray, fft_len: int) -> np.ndarray:
    """kws_window: complex128 [fft_len / 2] in natural order, and the int32 array as it left it."""
    z = np.full(fft_len, 0x5A5A5A5A, dtype=np.int32)
    kwslib.library().kws_window(address(pcm), address(window), pcm.size, fft_len, address(z))
    return z


def natural_order(fft_len: int) -> np.ndarray:
    bits = fft_len.bit_length() - 2
    return np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(fft_len // 2)])


def real_fft(z: np.ndarray) -> tuple[np.ndarray, int]:
    """kws_fft in place: complex128 [fft_len / 2 - 1], bins 1 and up, and the magnitude bits."""
    function = kwslib.library().kws_fft
    function.restype = ctypes.c_uint32
    bits = function(address(z), z.size)
    pairs = z.reshape(-1, 2)[1:].astype(np.float64)
    return pairs[:, 0] + 1j * pairs[:, 1], bits


@pytest.mark.parametrize("fft_len", FFT_LENGTHS)
@pytest.mark.parametrize("short", (0, 2, 56))
def test_window_is_exact(fft_len: int, short: int) -> None:
    """When this fails, samples reach the FFT scaled, displaced or with rubbish behind them."""
    rng = np.random.default_rng(fft_len + short)
    pcm = rng.integers(-32768, 32768, fft_len - short).astype(np.int16)
    window = rng.integers(-32767, 32768, fft_len - short).astype(np.int16)
    expected = np.zeros(fft_len, dtype=np.int32)
    expected[: pcm.size] = pcm.astype(np.int32) * window
    z = windowed(pcm, window, fft_len).reshape(-1, 2)
    assert np.array_equal(z[natural_order(fft_len)].ravel(), expected)


@pytest.mark.parametrize("length", (256, 400, 480, 1024))
def test_hann_table(length: int) -> None:
    """When this fails, the window is not the periodic Hann window that SPEC.md names."""
    table = FrontendConfig(window_len=length, hop_len=length, fft_len=1024).window()
    hann = scipy.signal.windows.hann(length, sym=False)
    assert np.abs(table / 32768 - hann).max() <= 1 / 32768


@pytest.mark.parametrize("fft_len", FFT_LENGTHS)
def test_fft_error(fft_len: int) -> None:
    """When this fails, spectra are wrong: the error of any bin is within 6 units of 2^-30 of full scale."""
    rng = np.random.default_rng(fft_len)
    for level in (1, 100, 32767):
        pcm = np.clip(rng.normal(0, level, fft_len), -32768, 32767).astype(np.int16)
        window = rng.integers(0, 32768, fft_len).astype(np.int16)
        spectrum, _ = real_fft(windowed(pcm, window, fft_len))
        exact = scipy.fft.rfft(pcm.astype(np.float64) * window)[1:-1] / fft_len
        assert np.abs(spectrum - exact).max() < 6
        assert np.sqrt(np.mean(np.abs(spectrum - exact) ** 2)) < 3


@pytest.mark.parametrize("fft_len", FFT_LENGTHS)
def test_fft_of_extremes_does_not_overflow(fft_len: int) -> None:
    """When this fails, loud sound wraps round and becomes noise. A window of full height is the hardest case."""
    window = np.full(fft_len, 32767, dtype=np.int16)
    for name, values in reference.extremes(fft_len):
        for sign in (1, -1):
            pcm = values.astype(np.int16)
            spectrum, bits = real_fft(windowed(pcm, (sign * window).astype(np.int16), fft_len))
            exact = scipy.fft.rfft(pcm.astype(np.float64) * sign * 32767)[1:-1] / fft_len
            assert np.abs(spectrum - exact).max() < 6, name
            largest = max(np.abs(spectrum.real).max(), np.abs(spectrum.imag).max())
            assert largest <= bits + 1 <= 2 * max(largest, 1), name


@pytest.mark.parametrize("peak_bits", (1, 5, 12, 16, 20, 31))
def test_power(peak_bits: int) -> None:
    """When this fails, loudness is wrong at some level: the block exponent does not match the power."""
    rng = np.random.default_rng(peak_bits)
    limit = 1 << peak_bits
    pairs = rng.integers(-limit, limit, (256, 2)).astype(np.int32)
    pairs[77] = (-limit, limit - 1)
    bits = int(np.bitwise_or.reduce((pairs ^ (pairs >> 31)).ravel()))
    z = pairs.ravel().copy()
    exponent = kwslib.library().kws_power(address(z), ctypes.c_uint32(bits), 1, 255)
    assert exponent == min(31 - peak_bits, 15)
    exact = (pairs.astype(np.float64) ** 2).sum(axis=1) * 2.0 ** (2 * exponent - 32)
    error = exact[1:] - z.view(np.uint32)[1:256]
    assert error.min() >= 0 and error.max() < 1


def test_power_of_silence() -> None:
    """When this fails, digital silence has power."""
    z = np.zeros(512, dtype=np.int32)
    assert kwslib.library().kws_power(address(z), ctypes.c_uint32(0), 1, 255) == 15
    assert not z.any()


def test_mel_band() -> None:
    """When this fails, a band's energy is not the weighted sum of its bins, or overflows at the largest table."""
    function = kwslib.library().kws_mel_band
    function.restype = ctypes.c_uint64
    rng = np.random.default_rng(3)
    for count in (1, 2, 3, 7, 64, 511):
        power = rng.integers(0, (1 << 31) + 1, count).astype(np.uint32)
        weights = rng.integers(0, 1 << 16, count).astype(np.uint16)
        for p, w in ((power, weights), (np.full_like(power, 1 << 31), np.full_like(weights, 65535))):
            floor = 1 << 54
            exact = sum(int(a) * int(b) for a, b in zip(p, w, strict=True)) + floor
            assert function(address(p), address(w), count, ctypes.c_uint64(floor)) == exact


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_mel_tables_are_htk_triangles(name: str) -> None:
    """When this fails, features do not look at the frequencies that the configuration says."""
    config = reference.CONFIGS[name]
    bands, weights = config.mel_bands()
    matrix, at = np.zeros((config.n_mels, config.fft_len // 2 + 1)), 0
    for m, (first, count) in enumerate(bands.astype(int)):
        matrix[m, first : first + count] = weights[at : at + count] / 32768
        at += count
    assert at == weights.size
    assert np.abs(matrix - reference.htk_mel_matrix(config)).max() <= 0.6 / 32768


def test_log2_error() -> None:
    """When this fails, the logarithm is further from the truth than SPEC.md says."""
    function = kwslib.library().kws_log2_q16
    function.argtypes = [ctypes.c_uint64]
    rng = np.random.default_rng(4)
    some = np.unique(np.exp2(rng.uniform(0, 63.99, 20000)).astype(np.uint64))
    edges = [1, 2, 3, 2**32 - 1, 2**32, 2**32 + 1, 2**63, 2**64 - 1]
    values = [*range(1, 5000), *edges, *(int(v) for v in some)]
    error = np.array([function(v) / 65536 - np.log2(np.float64(v)) for v in values])
    assert error.min() > -1.85e-4 and error.max() < 2.5e-5
    assert [function(1 << k) for k in range(64)] == [k << 16 for k in range(64)]


@pytest.mark.parametrize(("n_mels", "n_dct"), ((1, 1), (20, 20), (23, 12), (40, 10), (80, 13), (128, 128)))
def test_dct_error(n_mels: int, n_dct: int) -> None:
    """When this fails, MFCCs are not the orthonormal DCT-II of the log-mel features."""
    config = FrontendConfig(n_mels=n_mels, n_dct=n_dct)
    rng = np.random.default_rng(n_mels)
    bands = rng.integers(-6000, 14000, n_mels).astype(np.int16)
    out = np.zeros(n_dct, dtype=np.int16)
    shift = 15 + 9 - config.raw_frac_bits
    dct = config.dct()
    kwslib.library().kws_dct(address(bands), address(dct), n_mels, n_dct, shift, address(out))
    exact = scipy.fft.dct(bands / 512, type=2, norm="ortho")[:n_dct]
    # Half a unit of the result, and half a unit of each Q15 coefficient.
    bound = 0.5 * 2.0**-config.raw_frac_bits + np.abs(bands / 512).sum() / 65536 * 1.01
    assert np.abs(out * 2.0**-config.raw_frac_bits - exact).max() <= bound


def test_dct_saturates() -> None:
    """When this fails, an extreme frame's coefficient changes its sign."""
    bands, dct = np.full(128, -32768, dtype=np.int16), np.full(128, 32767, dtype=np.int16)
    out = np.zeros(1, dtype=np.int16)
    for table, expected in ((dct, -32768), (-dct, 32767)):  # tables stay referenced while C reads them
        kwslib.library().kws_dct(address(bands), address(table), 128, 1, 15, address(out))
        assert out[0] == expected


def test_quantise() -> None:
    """When this fails, the network sees other numbers than those it was trained on."""
    rng = np.random.default_rng(6)
    config = FrontendConfig(n_mels=64, n_dct=0, f_high_hz=8000.0)
    mean, std = rng.normal(3, 6, 64), np.exp2(rng.uniform(-6, 6, 64))
    norm = np.frombuffer(config.norm(mean, std, 0.05, zero_point=-7), dtype=np.uint8)
    for _ in range(50):
        raw = rng.integers(-6000, 14000, 64).astype(np.int16)
        raw[:4] = (-32768, 32767, 0, -1)
        out = np.zeros(64, dtype=np.int8)
        kwslib.library().kws_quantise(address(raw), address(norm), 64, address(out))
        exact = np.clip((raw / 512 - mean) / std / 0.05 - 7, -128, 127)
        # Half a step of rounding, and what rounding the gain to 15 bits does to a feature of this size.
        inside = np.abs(exact) < 127
        assert np.all(np.abs(out - exact)[inside] <= (0.501 + np.abs(raw / 512) / std / 0.05 / 32768)[inside])
        assert np.all((out == exact)[np.abs((raw / 512 - mean) / std / 0.05) > 200])
