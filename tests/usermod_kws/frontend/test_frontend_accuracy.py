"""The whole front end against float64: on synthetic signals always, on real speech where it is at hand."""

from pathlib import Path

import frontend_reference as reference
import numpy as np
import pytest

from tools.blob.frontend import FrontendConfig
from tools.kwslib import Frontend

# Log-mel features reach from the floor to a little under log2 of the energy of a full-scale tone, 2^28.
FULL_SCALE_LOG2 = 28.0


def full_scale(config: FrontendConfig) -> float:
    return FULL_SCALE_LOG2 - np.log2(config.floor * 2.0**-13)


def errors(config: FrontendConfig, pcm: np.ndarray) -> np.ndarray:
    """[frames][n_out] of computed minus exact, in units of log2."""
    computed = Frontend(config.section()).raw(pcm) * 2.0**-config.raw_frac_bits
    exact = reference.raw(config, pcm)
    assert computed.shape == exact.shape and computed.size
    return computed - exact


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_synthetic_signals(name: str) -> None:
    """When this fails, features drift from their definition: on signals with a noise floor every single feature is
    within 0.1 log2 units, and the RMS error within 0.01 (log-mel) or 0.02 (DCT)."""
    config = reference.CONFIGS[name]
    rms_limit = 0.02 if config.n_dct else 0.01
    for signal, pcm in reference.signals(config.sample_rate_hz):
        error = errors(config, pcm)
        assert np.abs(error).max() < 0.1, signal
        assert np.sqrt(np.mean(error**2)) < rms_limit, signal


def test_dynamic_range_within_a_frame() -> None:
    """When this fails, a loud tone hides quiet sound more than SPEC.md says: bands down to some 60 dB below the
    loudest one are still right within 0.5 dB."""
    config = reference.CONFIGS["logmel"]
    rng = np.random.default_rng(8)
    t = np.arange(16000) / 16000
    pcm = np.rint(30000 * np.sin(2 * np.pi * 1000 * t) + rng.normal(0, 100, 16000)).astype(np.int16)
    exact = reference.raw(config, pcm)
    decibels = 10 * np.log10(2)
    quiet = exact < exact.max() - 45 / decibels
    assert quiet.mean() > 0.5 and exact.min() < exact.max() - 60 / decibels
    assert np.abs(errors(config, pcm)[quiet]).max() < 0.5 / decibels


def test_silence_is_the_floor() -> None:
    """When this fails, digital silence is not finite, or differs from band to band."""
    for config in reference.CONFIGS.values():
        bands = FrontendConfig(**{**config.__dict__, "n_dct": 0})
        raw = Frontend(bands.section()).raw(np.zeros(config.window_len, dtype=np.int16))
        assert np.all(raw == round(np.log2(config.floor * 2.0**-13) * 512))


@pytest.mark.parametrize("name", [name for name, config in reference.CONFIGS.items() if config.n_dct == 0])
def test_extremes_stay_right(name: str) -> None:
    """When this fails, clipped or absurd input gives features of something else (an overflow, say): a band's energy is
    right within 0.3 %, or 2^-27 of the strongest bin for each of its bins."""
    config = reference.CONFIGS[name]
    window = config.window() / 32768  # its own error is another test's; an impulse on the window's skirt shows little else
    bins = config.mel_bands()[0][:, 1].astype(float)
    for signal, values in reference.extremes(config.window_len):
        pcm = values.astype(np.int16)
        computed = np.exp2(Frontend(config.section()).raw(pcm)[0] / 512)
        exact = np.exp2(reference.logmel(config, pcm, window)[0])
        strongest = np.abs(np.fft.rfft(pcm * window, config.fft_len)[1:-1] / config.fft_len).max() ** 2
        assert np.all(np.abs(computed - exact) <= 0.003 * exact + bins * strongest * 2.0**-27), signal


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ("logmel", "short-logmel", "long-logmel"))
def test_speech(name: str, shared_dir: Path) -> None:
    """When this fails, features of real speech are not what SPEC.md promises: 0.5 % of full scale RMS, and one value
    in a thousand off by more than 1 % of full scale."""
    soundfile = pytest.importorskip("soundfile")
    config = reference.CONFIGS[name]
    clips = sorted((shared_dir / "data" / "speech" / "test").glob("*/*.flac"))[::12]
    assert len(clips) > 100, "the recordings of ../shared are not where they should be"
    error = np.concatenate([errors(config, soundfile.read(clip, dtype="int16")[0]) for clip in clips if _long_enough(soundfile, clip, config)])
    assert np.sqrt(np.mean(error**2)) < 0.005 * full_scale(config)
    assert np.quantile(np.abs(error), 0.999) < 0.01 * full_scale(config)


def _long_enough(soundfile, clip: Path, config: FrontendConfig) -> bool:
    return soundfile.info(clip).frames >= config.window_len


def test_clip_framing() -> None:
    """When this fails, training and the device disagree about which samples a frame holds."""
    config = reference.CONFIGS["mfcc"]
    frontend = Frontend(config.section(0.0, 8.0))
    pcm = np.random.default_rng(9).integers(-9000, 9000, 480 + 3 * 320 + 319).astype(np.int16)
    rows = frontend.features(pcm)
    assert rows.shape == (4, 10) and rows.dtype == np.int8
    for i in range(4):
        assert np.array_equal(frontend.features(pcm[320 * i : 320 * i + 480])[0], rows[i])
    assert frontend.features(pcm[:479]).shape == (0, 10)
    assert frontend.raw(pcm[:0]).shape == (0, 10)
    assert np.array_equal(frontend.features(np.repeat(pcm, 2)[::2]), rows), "a strided array"
    with pytest.raises(TypeError, match="int16"):
        frontend.features(pcm.astype(np.float32))
