"""The arithmetic and the book-keeping between the microphones' filter and the samples that an application reads.

pdm_ring.c, the very file that runs in the firmware's DMA interrupt, is built here with the address and
undefined-behaviour sanitizers and compared with numpy.
"""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

RATES = {8000: (300, 3, 2, 7), 16000: (150, 3, 0, 8), 32000: (75, 4, 2, 9), 48000: (50, 5, 6, 10)}
FULL_SCALE = 150**3  # of a PDM stream of ones only, at 16 kHz
UNITY = round(2**40 / FULL_SCALE)
DC_SHIFT = 8
WORD_NOISE = 0x1F  # the register's low bits: channel number and flags, not part of the sample

Run = Callable[..., bytes]


@pytest.fixture(scope="module")
def driver(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("pdm") / "pdm_ring_driver"
    port = repo_root / "micropython_port" / "stm32f7"
    subprocess.run(
        ["gcc", "-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", f"-I{port}", Path(__file__).parent / "pdm_ring_driver.c", port / "pdm_ring.c", "-lm",
         "-o", program],
        check=True,
    )
    return program


class Ring:
    """Commands for one ring; run() executes them all and returns the answers."""

    def __init__(self, driver: Path, capacity: int, channels: int = 1, gain: int = UNITY, dc_shift: int = 0) -> None:
        self._command = [driver, "ring", str(capacity), str(channels), str(gain), str(dc_shift)]
        self._channels = channels
        self._input: list[bytes] = []
        self._kinds: list[str] = []

    def put(self, words: np.ndarray) -> None:
        """words: int32 [channels, n]"""
        self._kinds.append("p")
        self._input.append(b"p" + struct.pack("<I", words.shape[1]) + words.astype("<i4").tobytes())

    def get(self, count: int) -> None:
        self._kinds.append("g")
        self._input.append(b"g" + struct.pack("<I", count))

    def status(self) -> None:
        self._kinds.append("s")
        self._input.append(b"s")

    def run(self) -> list:
        done = subprocess.run(self._command, input=b"".join(self._input), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        data, at, answers = done.stdout, 0, []
        for kind in self._kinds:
            first = struct.unpack_from("<I", data, at)[0]
            at += 4
            if kind == "p":
                answers.append(first)
            elif kind == "s":
                answers.append((first, struct.unpack_from("<I", data, at)[0]))
                at += 4
            else:
                size = first * self._channels
                answers.append(np.frombuffer(data, "<i2", size, at).reshape(first, self._channels))
                at += 2 * size
        assert at == len(data)
        return answers


def to_words(samples_24: np.ndarray) -> np.ndarray:
    return (np.asarray(samples_24, np.int64) * 256 + WORD_NOISE).astype(np.int32)


def reference(samples_24: np.ndarray, gain: int, dc_shift: int) -> np.ndarray:
    """SPEC.md's arithmetic for one channel, with Python's unbounded integers."""
    out, dc = [], 0
    for sample in samples_24:
        ac = int(sample) * 128 - dc
        if dc_shift:
            dc += ac >> dc_shift
        out.append(min(max((ac * gain + (1 << 31)) >> 32, -32768), 32767))
    return np.array(out, np.int16)


def convert(driver: Path, samples_24: np.ndarray, gain: int = UNITY, dc_shift: int = 0) -> np.ndarray:
    ring = Ring(driver, len(samples_24), 1, gain, dc_shift)
    ring.put(to_words(samples_24)[None])
    ring.get(len(samples_24))
    return ring.run()[1][:, 0]


def test_unity_gain_returns_every_sample_value(driver: Path) -> None:
    """A recording played into the virtual microphones at 0 dB would not come back as it was."""
    pcm = np.arange(-32768, 32768)
    words_24 = np.trunc(pcm * FULL_SCALE / 32768)
    assert np.array_equal(convert(driver, words_24), pcm)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([1, 2]), dc_shift=st.sampled_from([0, 1, 7, 8, 10, 16]),
       gain=st.sampled_from([1, UNITY, 100 * UNITY, 2**31 - 1]), capacity=st.integers(1, 300))
def test_any_sequence_of_reads_and_writes(driver: Path, seed: int, channels: int, dc_shift: int, gain: int, capacity: int) -> None:
    """Samples would be wrong, swapped between the channels, lost or repeated where the ring wraps or is full."""
    rng = np.random.default_rng(seed)
    ring = Ring(driver, capacity, channels, gain, dc_shift)
    held, lost, stored_24, expected = 0, 0, [], []
    for _ in range(rng.integers(1, 30)):
        count = int(rng.integers(0, 2 * capacity))
        block = rng.integers(-(2**23), 2**23, (channels, count))
        if rng.random() < 0.3:
            block = np.where(block < 0, -(2**23), 2**23 - 1)
        ring.put(to_words(block))
        stored = min(count, capacity - held)
        stored_24.append(block[:, :stored])
        expected.append(stored)
        held, lost = held + stored, lost + count - stored
        ring.status()
        expected.append((held, lost))
        wanted = int(rng.integers(0, 2 * capacity))
        ring.get(wanted)
        expected.append(min(wanted, held))
        held -= min(wanted, held)
    answers = ring.run()
    read = np.concatenate([a for a in answers if isinstance(a, np.ndarray)])
    assert [len(a) if isinstance(a, np.ndarray) else a for a in answers] == expected
    everything = np.concatenate(stored_24, axis=1)
    for channel in range(channels):
        assert np.array_equal(read[:, channel], reference(everything[channel], gain, dc_shift)[: len(read)])


def test_overruns_are_counted_to_the_sample(driver: Path) -> None:
    """overruns() would tell an application less, or more, than it has lost."""
    ring = Ring(driver, 500)
    for _ in range(10):
        ring.put(to_words(np.arange(160))[None])
    ring.status()
    ring.get(1000)
    ring.status()
    *_, before, samples, after = ring.run()
    assert before == (500, 1600 - 500)
    assert len(samples) == 500 and after == (0, 1100)


@pytest.mark.parametrize("value", [-(2**23), 2**23 - 1])
def test_loud_sound_saturates(driver: Path, value: int) -> None:
    """A loud sound with gain would wrap round into full-scale noise."""
    pcm = convert(driver, np.full(100, value), 100 * UNITY)
    assert (pcm == (32767 if value > 0 else -32768)).all()


@pytest.mark.parametrize("rate", RATES)
def test_offset_settles(driver: Path, rate: int) -> None:
    """The microphones' offset would shift every sample, or a step in it would be heard for long."""
    shift = RATES[rate][3]
    offset = 0.03 * FULL_SCALE  # the worst that such microphones have
    pcm = convert(driver, np.full(rate, int(offset)), UNITY, shift)
    time_constant = 2**shift
    assert pcm[0] == round(0.03 * 32768)
    assert abs(int(pcm[5 * time_constant])) <= 0.01 * pcm[0]
    assert pcm[20 * time_constant:].size == 0 or abs(pcm[20 * time_constant:]).max() == 0
    assert pcm[-1] == 0


@pytest.mark.parametrize("rate", RATES)
def test_corner_frequency(driver: Path, rate: int) -> None:
    """The DC filter would eat into speech, or let rumble through."""
    shift = RATES[rate][3]
    corner_hz = rate / (2 * np.pi * 2**shift)
    assert 7 < corner_hz < 10

    def gain_at(frequency_hz: float) -> float:
        t = np.arange(2 * rate) / rate
        pcm = convert(driver, np.round(0.5 * FULL_SCALE * np.sin(2 * np.pi * frequency_hz * t)), UNITY, shift)
        tone = np.exp(-2j * np.pi * frequency_hz * t[rate:])
        return abs(np.mean(pcm[rate:] * tone)) * 2 / 16384

    assert 20 * np.log10(gain_at(round(corner_hz))) == pytest.approx(-3, abs=0.6)
    assert 20 * np.log10(gain_at(100)) == pytest.approx(0, abs=0.1)


def test_gain_numbers(driver: Path) -> None:
    """gain_db would be off, or overflow, for one of the rates."""
    for oversampling, order, shift, _ in RATES.values():
        full_scale = oversampling**order / 2**shift
        assert oversampling**order < 2**31 and full_scale < 2**23
        for gain_db in (-60, -6.5, 0, 20, 40):
            done = subprocess.run([driver, "gain", str(full_scale), str(gain_db)], capture_output=True, check=True)
            exact = 10 ** (gain_db / 20) * 2**40 / full_scale
            assert int(done.stdout) < 2**31
            assert int(done.stdout) == pytest.approx(exact, rel=3e-6, abs=0.51)


@pytest.mark.parametrize("arguments", [(0, 1, 0), (2**24 + 1, 1, 0), (10, 0, 0), (10, 3, 0), (10, 1, 17)])
def test_impossible_settings_are_refused(driver: Path, arguments: tuple[int, int, int]) -> None:
    """A ring that cannot work would be set up and fail later, in an interrupt."""
    capacity, channels, dc_shift = arguments
    done = subprocess.run([driver, "ring", str(capacity), str(channels), "1", str(dc_shift)], input=b"", check=False)
    assert done.returncode == 3
