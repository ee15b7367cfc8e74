"""The serial REPL: nothing is lost, everything is interruptible."""

import random
from pathlib import Path

import pytest

from tools.vboard import Board


@pytest.fixture(scope="module")
def console(firmware_elf: Path) -> Board:
    board = Board(firmware_elf)
    board.boot()
    return board


def test_nothing_is_lost_while_python_computes(console: Board) -> None:
    """Text sent while a keyword is being computed would arrive with holes."""
    text = bytes(random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=3000))
    console.exec("""
def busy():
    for i in range(200000):
        pass
    import sys
    global got
    got = sys.stdin.read(3000)
""")
    console.write(b"busy()\r" + text)
    console.read_until(b">>> ", timeout_s=10)
    assert console.exec("print(got)", timeout_s=5).encode() == text + b"\n"


def test_ctrl_c_ends_a_loop(console: Board) -> None:
    """A runaway script could only be ended with the reset button."""
    for loop in (b"while True: pass\r\r", b"import time; time.sleep(100)\r", b"import sys; sys.stdin.read(1)\r"):
        console.write(loop)
        console.run(0.2)
        start = console.now_s
        console.write(b"\x03")
        console.read_until(b"KeyboardInterrupt", timeout_s=1)
        console.read_until(b">>> ")
        assert console.now_s - start < 0.1


def test_ctrl_c_can_be_data(console: Board) -> None:
    """mpremote could not send binary files."""
    console.exec("import micropython, sys\ndef receive():\n    micropython.kbd_intr(-1)\n    return sys.stdin.buffer.read(3)")
    console.write(b"data = receive()\r")
    console.run(0.1)
    console.write(b"\x03\x04\x00")
    console.read_until(b">>> ")
    assert console.exec("print(data)") == "b'\\x03\\x04\\x00'\n"


def test_scheduled_callbacks_run_behind_the_prompt(console: Board) -> None:
    """The application would stop listening as soon as somebody looks at the prompt."""
    console.exec("from machine import Timer\ncount = 0\ndef tick(t):\n    global count\n    count += 1\n")
    console.exec("timer = Timer(-1)\ntimer.init(period=10, callback=tick)")
    console.run(0.5)
    console.write(b"timer.deinit()\r")
    console.read_until(b">>> ")
    assert int(console.exec("print(count)")) >= 45


def test_poll_sees_input(console: Board) -> None:
    """An asyncio program could not read from the console."""
    console.exec("""
import select, sys
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
def wait():
    return bool(poll.poll(50)), bool(poll.poll(500)), sys.stdin.read(1)
""")
    console.write(b"print(wait())\r")
    console.run(0.2)
    console.write(b"x")
    assert b"(False, True, 'x')" in console.read_until(b">>> ")


def test_core_sleeps_at_the_prompt(console: Board) -> None:
    """A board on a battery would burn full power for nothing."""
    console.run(0.1)
    before, start = console.asleep_cycles, console.now_s
    console.run(1.0)
    assert (console.asleep_cycles - before) / 216e6 > 0.99 * (console.now_s - start)


def test_native_code_runs(console: Board) -> None:
    """Speed-critical Python would be refused, or the caches would run stale code."""
    assert (
        console.exec("""
@micropython.native
def a(x): return x + 1
@micropython.viper
def b(x: int) -> int: return x * 2
@micropython.asm_thumb
def c(r0): add(r0, r0, 3)
print(a(1), b(2), c(4))
""")
        == "2 4 7\n"
    )


LONG_COPY = b"""
import sys, select, time
from machine import PDM_PCM
mic = PDM_PCM(0, ibuf=65536)
buf = bytearray(64000)
mic.irq(lambda mic: None)
time.sleep_ms(2100)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
print("ready")
poll.poll()
mic.readinto(buf)
print(sys.stdin.read(500) == "0123456789" * 50)
mic.deinit()
"""


def test_no_byte_is_lost_while_the_microphones_ring_is_emptied(firmware_elf: Path) -> None:
    """A pasted line would have a hole where a program fetched two seconds of sound at once."""
    board = Board(firmware_elf)
    board.boot()
    board.write(b"\r\x03\x01")
    board.read_until(b"raw REPL; CTRL-B to exit\r\n>")
    board.write(LONG_COPY + b"\x04")
    board.read_until(b"ready\r\n")
    board.write(b"0123456789" * 60)
    assert board.read_until(b"\x04") == b"True\r\n\x04"
