"""machine.PDM_PCM of the Linux interpreter: the same interface as on the board, over recordings that may be faulty."""

import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.xdist_group("linux")
# A ring of 1 MB where a recording comes at a microphone's pace: a busy computer that runs these tests loses nothing.

READ_ALL = """
import machine, sys
mic = machine.PDM_PCM(0, rate=16000, format=machine.PDM_PCM.{format})
buf = bytearray({size})
while n := mic.readinto(buf):
    sys.stdout.buffer.write(memoryview(buf)[:n])
"""

WITH_HANDLER = """
import machine, sys, time
mic = machine.PDM_PCM(0, ibuf=1 << 20)
buf = bytearray(1000)
open_ended = True
def filled(mic):
    global open_ended
    sys.stdout.buffer.write(buf)
    try:
        assert mic.readinto(buf) == len(buf)
    except EOFError:
        open_ended = False
mic.irq(filled)
mic.readinto(buf)
while open_ended:
    time.sleep_ms(1)
"""

WITH_ASYNCIO = """
import asyncio, machine, sys
async def main():
    stream = asyncio.StreamReader(machine.PDM_PCM(0, ibuf=1 << 20))
    buf = bytearray(640)
    while n := await stream.readinto(buf):
        sys.stdout.buffer.write(memoryview(buf)[:n])
asyncio.run(main())
"""


def run(program: list[str] | Path, script: str, audio: str | Path | None, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess:
    command = program if isinstance(program, list) else [str(program)]
    environment = dict(env) | ({"HARK_AUDIO": str(audio)} if audio else {})
    return subprocess.run([*command, "-c", script], input=stdin, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, timeout=60, check=False)


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(samples.itemsize)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return path


@pytest.fixture
def speech(tmp_path: Path) -> tuple[Path, np.ndarray]:
    samples = np.random.default_rng(1).integers(-32768, 32768, 5003, dtype=np.int16)
    return write_wav(tmp_path / "speech.wav", samples), samples


@pytest.mark.parametrize("size", [2, 334, 100000])
def test_blocking_read_gives_every_sample_once(linux_micropython, speech, size):
    """A user who reads a recording gets other samples than are in it, at some buffer size."""
    path, samples = speech
    done = run(linux_micropython, READ_ALL.format(size=size, format="MONO"), path)
    assert done.stdout == samples.tobytes(), done.stderr


def test_same_samples_on_aarch64(aarch64_micropython, speech):
    """The interpreter for 64-bit Arm does not start, or hears something else."""
    path, samples = speech
    done = run(aarch64_micropython, READ_ALL.format(size=800, format="MONO"), path)
    assert done.stdout == samples.tobytes(), done.stderr


@pytest.mark.parametrize("paced", ["0", "1"])
def test_handler_gets_full_buffers_then_the_end(linux_micropython, speech, paced):
    """The app, which listens through irq(), loses samples or never notices the end of a recording."""
    path, samples = speech
    done = run(linux_micropython, WITH_HANDLER, path, HARK_REALTIME=paced)
    whole = samples.tobytes().ljust(-(-len(samples) * 2 // 1000) * 1000, b"\0")
    assert done.stdout == whole, done.stderr


@pytest.mark.parametrize("paced", ["0", "1"])
def test_asyncio_stream(linux_micropython, speech, paced):
    """An asyncio.StreamReader over the microphone, as with machine.I2S, loses samples or hangs."""
    path, samples = speech
    done = run(linux_micropython, WITH_ASYNCIO, path, HARK_REALTIME=paced)
    assert done.stdout == samples.tobytes(), done.stderr


def test_stereo(linux_micropython, tmp_path):
    """A stereo recording comes out of order."""
    samples = np.arange(2000, dtype=np.int16).reshape(-1, 2)
    done = run(linux_micropython, READ_ALL.format(size=64, format="STEREO"), write_wav(tmp_path / "stereo.wav", samples))
    assert done.stdout == samples.tobytes(), done.stderr


def test_raw_samples_from_standard_input(linux_micropython, speech):
    """`arecord ... | micropython main.py` hears nothing or noise."""
    _, samples = speech
    done = run(linux_micropython, READ_ALL.format(size=500, format="MONO"), "-", stdin=samples.tobytes())
    assert done.stdout == samples.tobytes(), done.stderr


def test_samples_that_nobody_fetched_are_counted(linux_micropython, tmp_path):
    """A too slow app on Linux believes that it heard everything."""
    path = write_wav(tmp_path / "long.wav", np.zeros(16000, np.int16))
    script = """
import machine, time
mic = machine.PDM_PCM(0, ibuf=1600)
time.sleep_ms(300)
got = 0
buf = bytearray(320)
while n := mic.readinto(buf):
    got += n // 2
print(got + mic.overruns(), mic.overruns() >= 16 * 300 - 800)
"""
    done = run(linux_micropython, script, path, HARK_REALTIME="1")
    assert done.stdout.split() == [b"16000", b"True"], done.stderr


def test_after_deinit(linux_micropython, speech):
    """A program that uses a closed microphone crashes the interpreter instead of getting an error."""
    script = "import machine\nmic = machine.PDM_PCM(0)\nmic.deinit()\nmic.deinit()\ntry:\n mic.readinto(bytearray(2))\nexcept OSError as e:\n print(e.errno)"
    assert run(linux_micropython, script, speech[0]).stdout == b"19\n"


def damaged(path: Path) -> dict[str, tuple[bytes, str]]:
    good = path.read_bytes()
    return {
        "half of it": (good[:3000], "truncated"),
        "an odd byte": (good[:-1], "truncated"),
        "header only": (good[:36], "truncated"),
        "nothing": (b"", "not a WAV file"),
        "text": (b"hello, this is no recording at all", "not a WAV file"),
        "other rate": (good[:24] + struct.pack("<I", 8000) + good[28:], "8000 Hz"),
        "other format": (good[:20] + struct.pack("<H", 3) + good[22:], "format 3"),
        "8 bits": (good[:34] + struct.pack("<H", 8) + good[36:], "8 bits"),
        "two channels": (good[:22] + struct.pack("<H", 2) + good[24:40] + struct.pack("<I", 10004) + good[44:48] + good[44:], "2 channels"),
    }


@pytest.mark.parametrize("fault", ["half of it", "an odd byte", "header only", "nothing", "text", "other rate", "other format", "8 bits", "two channels"])
def test_a_faulty_recording_is_refused_and_named(linux_micropython, speech, fault):
    """A faulty recording is taken for speech, and the user looks for the fault in the model."""
    path, _ = speech
    content, words = damaged(path)[fault]
    path.write_bytes(content)
    script = "import machine\ntry:\n machine.PDM_PCM(0)\nexcept ValueError as e:\n print(e)"
    said = run(linux_micropython, script, path).stdout.decode()
    assert words in said and path.name in said


def test_without_a_source(linux_micropython):
    """A user who forgot HARK_AUDIO is not told about it."""
    script = "import machine\ntry:\n machine.PDM_PCM(0)\nexcept ValueError as e:\n print(e)"
    assert b"HARK_AUDIO" in run(linux_micropython, script, None).stdout


def test_builtin_machine_is_still_there(linux_micropython):
    """Code that uses the rest of `machine` breaks because of the microphone."""
    done = run(linux_micropython, "import machine, sys\nprint(machine.mem32, callable(machine.idle), len(sys.path) > 1)", None)
    assert b"True True" in done.stdout, done.stderr
