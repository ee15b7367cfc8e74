"""machine.UART on USART6 with a wire from its transmitter to its receiver."""

import pytest


@pytest.fixture(autouse=True)
def wire(machine_board):
    machine_board.usart6.loopback = True
    yield
    machine_board.usart6.loopback = False


def test_bytes_come_back(run) -> None:
    """Data would be lost or changed between the script and the line."""
    assert run("""
from machine import UART
import time
uart = UART(6, 115200, timeout=50)
uart.write(b"hello\\n")
uart.flush()
time.sleep_ms(1)
print(uart.txdone(), uart.any(), uart.readline(), uart.read())
uart = UART(6, 1_000_000, rxbuf=2000, timeout=50)
data = bytes(i & 255 for i in range(1500))
print(uart.write(data), uart.read(1500) == data)
""") == ["True 6 b'hello\\n' None", "1500 True"]


def test_other_frames(run) -> None:
    """A device with parity or 7 bits could not be talked to."""
    assert run("""
from machine import UART
for bits in (7, 8):
    for parity in (None, 0, 1):
        for stop in (1, 2):
            uart = UART(6, 9600, bits, parity, stop, timeout=50)
            uart.write(b"Az~")
            print(uart.read(3), end=" ")
""") == [" ".join(["b'Az~'"] * 12) + " "]


def test_a_full_buffer_drops_the_newest(run) -> None:
    """A burst longer than the buffer would overwrite what came first, or crash."""
    assert run("""
from machine import UART
import time
uart = UART(6, 115200, rxbuf=16, timeout=20)
uart.write(bytes(range(40)))
uart.flush()
time.sleep_ms(1)
print(uart.read() == bytes(range(16)))
uart.write(b"again")
print(uart.read(5))
""") == ["True", "b'again'"]


def test_timeout_and_poll(run) -> None:
    """A read from a silent line would hang, and asyncio would not learn of new bytes."""
    assert run("""
from machine import UART
import select, time
uart = UART(6, 115200, timeout=30)
start = time.ticks_ms()
print(uart.read(1), 29 <= time.ticks_ms() - start <= 33)
poll = select.poll()
poll.register(uart, select.POLLIN)
print(len(poll.poll(0)))
uart.write(b"x")
print(len(poll.poll(50)), uart.read(1))
uart.deinit()
try:
    uart.write(b"x")
except OSError as error:
    print(error.errno)
""") == ["None True", "0", "1 b'x'", "19"]


@pytest.mark.parametrize("baudrate", [2400, 9600, 115200, 1_000_000])
def test_flush_returns_when_the_last_bit_is_out(run, baudrate: int) -> None:
    """A half-duplex driver would turn its line round too early, or so late that it misses the answer."""
    (line,) = run(f"""
from machine import UART
import time
uart = UART(6, {baudrate})
start = time.ticks_us()
uart.write("Hello World")
uart.flush()
print(time.ticks_diff(time.ticks_us(), start))
""")
    assert 0 <= int(line) - 11 * 10 * 1e6 / baudrate < 100


@pytest.mark.parametrize("arguments", ["1", "7", "6, 10", "6, bits=9", "6, stop=3", "6, parity=2", '6, tx="PA0"', "6, rxbuf=0", "6, txbuf=40000"])
def test_wrong_arguments_are_refused(run, arguments: str) -> None:
    """A wrong setting would talk nonsense on the line, or take the REPL's port away."""
    (line,) = run(f"""
from machine import UART
try:
    print("made", UART({arguments}))
except ValueError as error:
    print(error)
""")
    assert "must be" in line
