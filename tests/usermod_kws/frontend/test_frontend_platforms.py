"""The same bytes on this machine, on 64-bit Arm and on a Cortex-M7, and what a frame costs on the last."""

import shutil
import subprocess
import zlib
from pathlib import Path

import frontend_reference as reference
import numpy as np
import pytest
from frontend_m7 import M7Frontend

from tools import kwslib
from tools.blob.frontend import FrontendConfig
from tools.kwslib import Frontend

FRAMES = 12

# 512 points, 40 mel bands, 10 coefficients: at most 30,000 was asked for.
INSTRUCTIONS = {
    "to 4 kHz": (FrontendConfig(), 20_000),
    "to 7.6 kHz": (FrontendConfig(f_high_hz=7600.0), 21_500),
    "512 samples, all bins": (FrontendConfig(window_len=512, hop_len=256, f_low_hz=0.0, f_high_hz=8000.0), 21_500),
}


def section_of(config: FrontendConfig) -> bytes:
    """Scaled so that the int8 features use their range, saturation included."""
    mean = 6.0 if config.n_dct == 0 else 0.0
    return config.section(mean, 4.0, 1 / 32)


def hard_pcm(config: FrontendConfig) -> np.ndarray:
    """int16 [n]: every synthetic signal and every extreme, FRAMES frames of each signal."""
    length = config.window_len + (FRAMES - 1) * config.hop_len
    parts = [pcm[:length] for _, pcm in reference.signals(config.sample_rate_hz)]
    return np.concatenate(parts + [values.astype(np.int16) for _, values in reference.extremes(config.window_len)])


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize("arch", ["m7", "c"])
@pytest.mark.parametrize("name", reference.CONFIGS)
def test_cortex_m7(name: str, arch: str, repo_root: Path, tmp_path: Path) -> None:
    """When this fails, the board computes other features than those the model was trained on."""
    need("arm-none-eabi-gcc")
    config = reference.CONFIGS[name]
    pcm = hard_pcm(config)
    expected = Frontend(section_of(config)).features(pcm)
    m7 = M7Frontend(repo_root / "usermod_kws", tmp_path, section_of(config), arch)
    assert len(expected) > 7 * FRAMES and len(np.unique(expected)) > 100
    for i, row in enumerate(expected):
        start = i * config.hop_len
        assert np.array_equal(m7.frame(pcm[start : start + config.window_len], config.n_out), row), f"frame {i}"


def test_cortex_m7_of_any_configuration(repo_root: Path, tmp_path: Path) -> None:
    """When this fails, the board computes wrong features for some lengths of window, numbers of bands or of coefficients, or from
    sound that does not begin at a multiple of 4 bytes: loops of two and four have ends of their own."""
    need("arm-none-eabi-gcc")
    rng = np.random.default_rng(31)
    m7 = M7Frontend(repo_root / "usermod_kws", tmp_path, section_of(FrontendConfig()))
    for i in range(60):
        fft_len = (512, 256, 512, 1024)[i % 4]
        window_len = fft_len if i % 5 == 0 else 2 * int(rng.integers(fft_len // 8, fft_len // 2))
        n_mels = int(rng.integers(1, 30))
        n_dct = int(rng.integers(0, n_mels + 1))
        config = FrontendConfig(window_len=window_len, hop_len=window_len, fft_len=fft_len, n_mels=n_mels, n_dct=n_dct,
                                f_low_hz=float(rng.integers(0, 500)), f_high_hz=float(rng.integers(5000, 8001)))  # fmt: skip
        m7.open(section_of(config))
        pcm = (rng.integers(-32768, 32768, window_len) >> int(rng.integers(0, 17))).astype(np.int16)
        expected = Frontend(section_of(config)).features(pcm)[0]
        assert np.array_equal(m7.frame(pcm, config.n_out, at=2 * (i % 2)), expected), config


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_aarch64(name: str, tmp_path: Path) -> None:
    """When this fails, 64-bit Arm computes other features than those the model was trained on."""
    need("aarch64-linux-gnu-gcc")
    need("qemu-aarch64")
    config = reference.CONFIGS[name]
    pcm = hard_pcm(config)
    program = kwslib.build("aarch64") / "aarch64" / "frontend_bytes"
    (tmp_path / "section").write_bytes(section_of(config))
    (tmp_path / "pcm").write_bytes(pcm.astype("<i2").tobytes())
    command = ["qemu-aarch64", program, tmp_path / "section", tmp_path / "pcm"]
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    frontend = Frontend(section_of(config))
    assert printed == frontend.features(pcm).tobytes() + frontend.raw(pcm).astype("<i2").tobytes()


@pytest.mark.parametrize(("config", "most"), INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_instructions_of_a_frame(config: FrontendConfig, most: int, repo_root: Path, tmp_path: Path) -> None:
    """When this fails, the front end takes a larger part of the board's processor than DESIGN.md says."""
    need("arm-none-eabi-gcc")
    m7 = M7Frontend(repo_root / "usermod_kws", tmp_path, section_of(config))
    pcm = next(reference.signals(16000))[1][: config.window_len]
    total = sum(m7.count(pcm, config.n_out).values())
    assert most * 0.9 < total <= most


# CRC-32 of raw features of the signal below. A change here breaks every model that was trained before it: it needs a
# new section version, not a new number in this table.
FROZEN = {
    "mfcc": 0xDD94E250,
    "logmel": 0xDE407833,
    "short": 0xC4DC695A,
    "short-logmel": 0x19A7ED2F,
    "long": 0x2DD9CDCA,
    "long-logmel": 0x983FE2C4,
    "telephone": 0x05C237AD,
}


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_arithmetic_is_frozen(name: str) -> None:
    """When this fails, models trained with an earlier version hear something else than they were trained on."""
    config = reference.CONFIGS[name]
    rng = np.random.default_rng(22)
    steps = rng.integers(-32768, 32768, (64, 512)) >> rng.integers(0, 17, (64, 1))
    pcm = np.clip(np.cumsum(steps, axis=1) >> 1, -32768, 32767).astype(np.int16).ravel()
    assert zlib.crc32(Frontend(config.section()).raw(pcm).astype("<i2").tobytes()) == FROZEN[name]
