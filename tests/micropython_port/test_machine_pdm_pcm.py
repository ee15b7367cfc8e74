"""machine.PDM_PCM on the virtual board: what is played into the microphones is what a script reads, or is counted as lost."""

from binascii import unhexlify
from collections.abc import Callable

import numpy as np
import pytest

RATE = 16000
RNG = np.random.default_rng(1)
NOISE = RNG.integers(-32768, 32768, 4 * RATE).astype(np.int16)
SETUP = """
from machine import PDM_PCM
from binascii import hexlify
import time
def show(buf):
    print(str(hexlify(buf), "ascii"))
"""

Listen = Callable[..., list[str]]


@pytest.fixture
def listen(machine_board, run) -> Listen:
    """listen(audio, code): plays audio from the first conversion on and returns the printed lines."""

    def execute(audio: np.ndarray, code: str, timeout_s: float = 10.0) -> list[str]:
        machine_board.sound.play(np.asarray(audio, np.int16).reshape(len(audio), -1), None)
        return run(SETUP + code, timeout_s)

    return execute


def samples(line: str) -> np.ndarray:
    return np.frombuffer(unhexlify(line), "<i2").astype(int)


def tone(frequency_hz: float, amplitude: float, seconds: float = 2.0) -> np.ndarray:
    return np.rint(amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.int16)


def amplitude_at(pcm: np.ndarray, frequency_hz: float, rate: int) -> float:
    window = np.hanning(len(pcm))
    return 2 * abs(np.sum(pcm * window * np.exp(-2j * np.pi * frequency_hz * np.arange(len(pcm)) / rate))) / window.sum()


def test_samples_are_what_is_heard(listen: Listen) -> None:
    """Every keyword would be heard through wrong arithmetic, at a wrong speed or with gaps."""
    heard = samples(listen(NOISE, """
mic = PDM_PCM(0, dc_removal=False)
buf = bytearray(3200)
print(mic.readinto(buf))
show(buf)
""")[1])
    assert np.array_equal(heard, NOISE[:1600])


@pytest.mark.parametrize("rate", [8000, 16000, 32000, 48000])
def test_a_tone_at_every_rate(listen: Listen, rate: int) -> None:
    """A rate would be another than asked for, or its level off."""
    lines = listen(tone(1000, 8000), f"""
mic = PDM_PCM(0, rate={rate})
buf = bytearray({rate // 10} * 2)
mic.readinto(buf)
mic.readinto(buf)
show(buf)
""")
    pcm = samples(lines[0])
    assert amplitude_at(pcm, 1000, rate) == pytest.approx(8000, rel=0.01)
    assert amplitude_at(pcm - tone(1000, 8000)[0], 1200, rate) < 40


@pytest.mark.parametrize(("gain_db", "expected"), [(-6.0206, 400), (0, 800), (20, 8000), (40, 32767)])
def test_gain(listen: Listen, gain_db: float, expected: int) -> None:
    """Quiet speech would stay quiet, or the level of loud speech be wrong; a full scale must not wrap round."""
    lines = listen(tone(1000, 800), f"""
mic = PDM_PCM(0, gain_db={gain_db}, dc_removal=False)
buf = bytearray(3200)
mic.readinto(buf)
show(buf)
""")
    pcm = samples(lines[0])
    assert abs(pcm).max() == pytest.approx(expected, rel=0.002, abs=1)
    exact = np.clip(tone(1000, 800)[:1600] * 10 ** (gain_db / 20), -32768, 32767)
    assert abs(pcm - exact).max() <= 1


def test_gain_changes_while_it_listens(listen: Listen) -> None:
    """A level meter's knob would need a restart and lose samples."""
    lines = listen(tone(1000, 1000), """
mic = PDM_PCM(0)
buf = bytearray(3200)
mic.readinto(buf)
mic.gain_db(20)
mic.readinto(buf); mic.readinto(buf)
print(mic.gain_db(), mic.overruns())
show(buf)
""")
    assert lines[0] == "20.0 0"
    assert abs(samples(lines[1])).max() == pytest.approx(10000, rel=0.01)


def test_an_offset_goes(listen: Listen) -> None:
    """A microphone's offset would drown the lowest mel bands, or saturate with gain."""
    lines = listen(tone(1000, 2000) + np.int16(3000), """
mic = PDM_PCM(0)
buf = bytearray(9600)
mic.readinto(buf)
show(buf[-3200:])
""")
    pcm = samples(lines[0])
    assert abs(pcm.mean()) < 15
    assert amplitude_at(pcm, 1000, RATE) == pytest.approx(2000, rel=0.01)


def test_each_microphone_is_the_one_that_was_asked_for(listen: Listen) -> None:
    """mics=(2,) would listen to another corner of the board, or left and right be swapped."""
    four = np.stack([NOISE[i * 5000 : i * 5000 + 5000] for i in range(4)], axis=1)
    for mics in ((0,), (1,), (2,), (3,), (0, 1), (1, 0), (2, 3), (3, 0)):
        fmt = "MONO" if len(mics) == 1 else "STEREO"
        lines = listen(four, f"""
mic = PDM_PCM(0, format=PDM_PCM.{fmt}, mics={mics}, dc_removal=False)
buf = bytearray({len(mics)} * 640)
mic.readinto(buf)
show(buf)
mic.deinit()
""")
        heard = samples(lines[0]).reshape(-1, len(mics))
        first = int(np.flatnonzero((four[:2000, list(mics)] == heard[0]).all(axis=1))[0])
        assert np.array_equal(heard, four[first : first + 320, list(mics)])


def test_background_reading_misses_nothing(listen: Listen) -> None:
    """The recogniser, which reads this way, would get a sample twice or not at all."""
    lines = listen(NOISE, """
import hashlib
mic = PDM_PCM(0, dc_removal=False)
buf = bytearray(640)
digest = hashlib.sha256()
count = 0
def on_data(m):
    global count
    if count < 100:
        digest.update(buf)
        count += 1
        m.readinto(buf)
mic.irq(on_data)
print(mic.readinto(buf))
while count < 100:
    time.sleep_ms(5)
print(str(hexlify(digest.digest()), "ascii"), mic.overruns())
""")
    import hashlib

    assert lines == ["640", hashlib.sha256(NOISE[:32000].tobytes()).hexdigest() + " 0"]


def test_background_reading_catches_up(listen: Listen) -> None:
    """After a pause (a file was written), the application would stay behind for ever."""
    lines = listen(NOISE, """
mic = PDM_PCM(0, ibuf=16384)
buf = bytearray(640)
count = 0
def on_data(m):
    global count
    count += 1
    m.readinto(buf)
mic.irq(on_data)
mic.readinto(buf)
import micropython
time.sleep_ms(200)
micropython.schedule(lambda _: time.sleep_us(300000), 0)
time.sleep_ms(10)
time.sleep_ms(40)
print(count >= 26, mic.any() < 640, mic.overruns())
""")
    assert lines == ["True True 0"]


def test_asyncio(listen: Listen) -> None:
    """asyncio.StreamReader would block the other tasks, or get other samples."""
    lines = listen(NOISE, """
import asyncio, array
mic = PDM_PCM(0, dc_removal=False)
ticks = 0
async def other():
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep_ms(5)
async def main():
    asyncio.create_task(other())
    reader = asyncio.StreamReader(mic)
    buf = bytearray(640)
    got = bytearray()
    while len(got) < 3200:
        n = await reader.readinto(buf)
        got += buf[:n]
    got += await reader.readexactly(640)
    print(ticks > 10, mic.overruns())
    show(got)
asyncio.run(main())
""")
    assert lines[0] == "True 0"
    heard = samples(lines[1])
    assert np.array_equal(heard, NOISE[: len(heard)]) and len(heard) >= 1920


def test_overruns_are_counted_exactly_when_nobody_reads(listen: Listen) -> None:
    """An application could not tell whether it had heard everything."""
    lines = listen(NOISE, """
mic = PDM_PCM(0, ibuf=4000, dc_removal=False)
time.sleep_ms(500)
buf = bytearray(4000)
lost = mic.overruns()
mic.readinto(buf)
show(buf)
mic.readinto(buf)
show(buf)
print(lost)
""")
    first, second, lost = samples(lines[0]), samples(lines[1]), int(lines[2])
    assert np.array_equal(first, NOISE[:2000])
    assert 7680 <= 2000 + lost <= 8160 and (2000 + lost) % 160 == 0  # what came in 500 ms
    assert np.array_equal(second, NOISE[2000 + lost : 4000 + lost])


@pytest.mark.parametrize("stall_ms", [15, 25, 35, 45, 95])
def test_a_late_interrupt_is_counted(listen: Listen, stall_ms: int) -> None:
    """Sound lost while interrupts were off would not show, and what follows would be taken for its continuation."""
    lines = listen(NOISE, f"""
import machine
mic = PDM_PCM(0, dc_removal=False, ibuf=16384)
buf = bytearray(320)
mic.readinto(buf); mic.readinto(buf)
state = machine.disable_irq()
time.sleep_us({stall_ms} * 1000)
machine.enable_irq(state)
mic.readinto(buf)
buf = bytearray(640)
mic.readinto(buf)
show(buf)
print(mic.overruns())
""")
    lost = int(lines[1])
    assert lost == 160 * max(0, stall_ms // 10 - 1)
    at = 3 * 160 + lost
    assert np.array_equal(samples(lines[0]), NOISE[at : at + 320])


def test_hardware_losses_are_counted_and_survived(listen: Listen, machine_board, run) -> None:
    """A bus error would stop the microphones without a word."""
    listen(NOISE, "mic = PDM_PCM(0)\nbuf = bytearray(640)\nmic.readinto(buf)")
    machine_board.inject("dma_overrun", samples=5)
    machine_board.run(0.03)
    assert int(run("print(mic.overruns())")[0]) >= 1
    machine_board.inject("dma_error", dma="DMA2", stream=0)
    assert run("""
mic.readinto(bytearray(mic.any()))
before = mic.overruns()
for _ in range(5):
    mic.readinto(buf)
print(mic.overruns() == before, before >= 161)
""") == ["True True"]


def test_a_dead_microphone_ends_the_read(listen: Listen, machine_board, run) -> None:
    """A read would hang for ever when no more samples come."""
    listen(NOISE, "mic = PDM_PCM(0)\nbuf = bytearray(640)\nmic.readinto(buf)")
    machine_board.dfsdm1.filters[0].stop()
    assert run("""
import errno
try:
    for _ in range(100):
        mic.readinto(buf)
except OSError as error:
    print(error.errno == errno.ETIMEDOUT)
""") == ["True"]


def test_restart_and_deinit(listen: Listen) -> None:
    """After Ctrl-C and a second start, the microphones would stay silent or be heard twice."""
    lines = listen(NOISE, """
buf = bytearray(640)
for turn in range(3):
    mic = PDM_PCM(0, dc_removal=False)
    print(mic.readinto(buf))
    mic.deinit()
    mic.deinit()
    try:
        mic.readinto(buf)
    except OSError as error:
        print(error.errno)
old = PDM_PCM(0)
new = PDM_PCM(0, format=PDM_PCM.STEREO)
for mic in (old, new):
    try:
        print(mic.readinto(buf))
    except OSError as error:
        print(error.errno)
print(old, new)
new.init(rate=8000)
print(new.readinto(buf), new)
""")
    assert lines[:6] == ["640", "19"] * 3
    assert lines[6:8] == ["19", "640"]
    assert lines[8] == ("PDM_PCM(0) stopped PDM_PCM(0, rate=16000, format=PDM_PCM.STEREO, mics=(0, 1), gain_db=0.0, "
                        "dc_removal=True, ibuf=8192)")
    assert lines[9] == "640 PDM_PCM(0, rate=8000, format=PDM_PCM.MONO, mics=(0,), gain_db=0.0, dc_removal=True, ibuf=8192)"


def test_a_callback_that_changes_the_format_of_a_waiting_read(listen: Listen) -> None:
    """The waiting read would go on to count mono frames, and write stereo ones behind its buffer's end."""
    assert listen(np.stack([NOISE, NOISE], axis=1), """
from machine import Timer
mic = PDM_PCM(0)
whole = bytearray(6400)
timer = Timer(mode=Timer.ONE_SHOT, period=30, callback=lambda _: mic.init(format=PDM_PCM.STEREO))
print(mic.readinto(memoryview(whole)[:3200]))
print(any(whole[:3200]), any(whole[3200:]))
""") == ["3200", "True False"]


def test_soft_reset_stops_the_microphones(listen: Listen, machine_board) -> None:
    """The DMA would write into memory that the next program uses."""
    listen(NOISE, "mic = PDM_PCM(0)\nmic.irq(lambda m: None)\nmic.readinto(bytearray(640))")
    machine_board.write(b"\x04")
    machine_board.read_until(b">>> ")
    assert not machine_board.dma2.streams[0].cr & 1
    assert not machine_board.rcc.is_clocked("DFSDM1")


@pytest.mark.parametrize(("arguments", "words"), [
    ("rate=44100", "8000, 16000, 32000 or 48000"), ("rate=0", "8000, 16000"), ("rate=-16000", "8000, 16000"),
    ("format=3", "PDM_PCM.MONO or PDM_PCM.STEREO"), ("mics=(4,)", "0 (top left)"), ("mics=(-1,)", "0 (top left)"),
    ("mics=(0, 1)", "one for MONO"), ("mics=()", "one for MONO"), ("mics=256", "0 (top left)"),
    ("format=PDM_PCM.STEREO, mics=(1, 1)", "two different"), ("format=PDM_PCM.STEREO, mics=(1,)", "two different"),
    ("gain_db=41", "-60..40"), ("gain_db=-61", "-60..40"), ("gain_db=float('nan')", "-60..40"),
    ("ibuf=639", "at least 640"), ("ibuf=-5", "at least 640"), ("format=PDM_PCM.STEREO, ibuf=1279", "at least 1280"),
])  # fmt: skip
def test_wrong_arguments_say_what_is_right(listen: Listen, arguments: str, words: str) -> None:
    """A typing error would listen in some other way; and the microphones in use must go on."""
    lines = listen(NOISE, f"""
mic = PDM_PCM(0)
try:
    print("made", PDM_PCM(0, {arguments}))
except ValueError as error:
    print(error)
print(mic.readinto(bytearray(640)))
""")
    assert words in lines[0]
    assert lines[1] == "640"


def test_wrong_reads(listen: Listen) -> None:
    """Half a frame would shift left and right; a second buffer would silently replace the first."""
    assert listen(NOISE, """
mic = PDM_PCM(0, format=PDM_PCM.STEREO)
def attempt(f):
    try:
        return f()
    except (OSError, ValueError) as error:
        return error.errno if isinstance(error, OSError) else str(error)
print(attempt(lambda: mic.readinto(bytearray(6))), attempt(lambda: mic.readinto(bytearray(0))))
print(attempt(lambda: mic.irq(5)))
mic.irq(lambda m: None)
buf = bytearray(6400)
print(attempt(lambda: mic.readinto(buf)), attempt(lambda: mic.readinto(buf)))
mic.irq(None)
print(attempt(lambda: mic.readinto(buf)))
print(attempt(lambda: PDM_PCM(1)))
""") == ["22 0", "handler must be callable or None", "6400 16", "6400", "id must be 0"]


def test_the_buffer_of_a_background_read_is_kept(listen: Listen) -> None:
    """The interrupt would write into memory that the garbage collector has given to somebody else."""
    assert listen(NOISE, """
import gc
mic = PDM_PCM(0)
done = []
mic.irq(lambda m: done.append(1))
mic.readinto(memoryview(bytearray(6400))[64:])
gc.collect()
canary = [bytearray(64) for _ in range(400)]
time.sleep_ms(250)
print(done, all(not any(c) for c in canary))
""") == ["[1] True"]


def test_the_interrupts_cost_little(listen: Listen, machine_board, run) -> None:
    """Listening alone would take a notable part of the processor."""
    listen(NOISE, """
mic = PDM_PCM(0)
buf = bytearray(640)
mic.irq(lambda m: m.readinto(buf))
mic.readinto(buf)
""")
    machine_board.profile_start()
    machine_board.run(1.0)
    cost = machine_board.profile()
    ours = ("pdm_ring_put", "pdm_ring_get", "memcpy", "stream_interrupt", "on_block", "continue_copy", "dma_take_events",
            "take_filter_overruns", "filter_registers", "DMA2_Stream0_IRQHandler")  # fmt: skip
    assert cost["pdm_ring_put"] > 16000, cost  # the profile has seen the interrupt
    assert sum(cost.get(name, 0) for name in ours) < 0.005 * 216e6


def test_stop_at_any_phase(listen: Listen) -> None:
    """`deinit` in the middle of a sample, a block or a transfer must end cleanly: app.stop() may come at any moment."""
    lines = listen(NOISE, """
import time
for i in range(60):
    mic = PDM_PCM(0)
    time.sleep_us(137 * i)
    mic.deinit()
print("ended")
""")
    assert lines == ["ended"]
