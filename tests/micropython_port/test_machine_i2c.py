"""machine.I2C against devices on the simulated bus."""

import pytest


class Registers:
    """256 registers behind a pointer, as sensors have them."""

    def __init__(self) -> None:
        self.memory = bytearray(range(256))
        self.pointer = 0
        self.limit = 1 << 30
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if data:
            self.pointer = data[0]
            for byte in data[1:]:
                self.memory[self.pointer] = byte
                self.pointer = (self.pointer + 1) % 256

    def read(self, count: int) -> bytes:
        data = bytes(self.memory[(self.pointer + i) % 256] for i in range(count))
        self.pointer = (self.pointer + count) % 256
        return data

    def accepts(self, count: int) -> bool:
        return count < self.limit


@pytest.fixture(params=[1, 4])
def bus(request, machine_board):
    """(number, controller, device at 0x48)"""
    controller = machine_board.parts[f"I2C{request.param}"]
    device = Registers()
    controller.attach(0x48, device)
    yield request.param, controller, device
    controller.devices.clear()
    controller.stretch = controller.lose_arbitration = False


def test_scan_and_registers(run, bus) -> None:
    """A sensor would not be found, or be read from the wrong register."""
    number, _, device = bus
    assert run(f"""
from machine import I2C
i2c = I2C({number}, freq=400000)
print(i2c.scan())
print(i2c.readfrom_mem(0x48, 0x10, 4), i2c.writeto_mem(0x48, 0x20, b"abc"), i2c.readfrom_mem(0x48, 0x1f, 5))
print(i2c.writeto(0x48, b"\\x30"), i2c.readfrom(0x48, 2), i2c.writevto(0x48, (b"\\x05", b"xy", b"z")))
""") == ["[72]", r"b'\x10\x11\x12\x13' None b'\x1fabc#'", "1 b'01' 4"]
    assert bytes(device.memory[5:8]) == b"xyz"


def test_long_transfers(run, bus) -> None:
    """A display's or an EEPROM's page would be cut at 255 bytes, which is all that the hardware counts."""
    number, _, device = bus
    for length in (254, 255, 256, 510, 511, 700):
        assert run(f"""
from machine import I2C
i2c = I2C({number}, freq=1000000)
data = bytes((7 * i + 3) & 255 for i in range({length}))
print(i2c.writeto(0x48, b"\\x00" + data) == {length} + 1)
i2c.writeto(0x48, b"\\x00")
print(len(i2c.readfrom(0x48, {length})))
""") == ["True", str(length)]
        assert device.writes[-2][1:] == bytes((7 * i + 3) & 255 for i in range(length))


def test_nobody_there(run, bus) -> None:
    """A missing device would look like a hang, or block the bus for the others."""
    number, _, _ = bus
    assert run(f"""
from machine import I2C
import errno
i2c = I2C({number})
for call in (lambda: i2c.readfrom(0x20, 4), lambda: i2c.writeto(0x20, b"abc"), lambda: i2c.readfrom_mem(0x20, 1, 1)):
    try:
        print("read", call())
    except OSError as error:
        print(error.errno == errno.ENODEV)
print(i2c.readfrom_mem(0x48, 9, 1))
""") == ["True", "True", "True", r"b'\t'"]


def test_refused_data(run, bus) -> None:
    """A device that takes only three bytes would seem to have taken all."""
    number, _, device = bus
    device.limit = 3
    assert run(f"""
from machine import I2C
i2c = I2C({number})
print(i2c.writeto(0x48, b"\\x01abcdef"), i2c.writeto(0x48, b"\\x01a"))
""") == ["3 2"]


def test_a_stuck_bus_times_out(run, bus) -> None:
    """A device that holds the clock would stop the program for ever."""
    number, controller, _ = bus
    controller.stretch = True
    assert run(f"""
from machine import I2C
import errno, time
i2c = I2C({number}, timeout=5000)
start = time.ticks_ms()
try:
    i2c.readfrom(0x48, 1)
except OSError as error:
    print(error.errno == errno.ETIMEDOUT, 4 <= time.ticks_ms() - start <= 7)
""") == ["True True"]
    controller.stretch = False
    assert run("print(i2c.readfrom_mem(0x48, 65, 1))") == ["b'A'"]


def test_lost_arbitration(run, bus) -> None:
    """Another master on the bus would end the program instead of raising."""
    number, controller, _ = bus
    controller.lose_arbitration = True
    assert run(f"""
from machine import I2C
import errno
i2c = I2C({number})
try:
    i2c.readfrom(0x48, 1)
except OSError as error:
    print(error.errno == errno.EIO)
print(i2c.readfrom_mem(0x48, 65, 1))
""") == ["True", "b'A'"]


@pytest.mark.parametrize("freq_hz", [10_000, 50_000, 100_000, 400_000, 1_000_000])
def test_bus_clock(run, machine_board, freq_hz: int) -> None:
    """The bus would be faster than its devices allow, or needlessly slow."""
    machine_board.i2c1.attach(0x48, Registers())
    run(f"from machine import I2C\ni2c = I2C(1, freq={freq_hz})\nprint(i2c)")
    timing = machine_board.i2c1.reg["TIMINGR"]
    prescaler, data_setup, data_hold = (timing >> 28) + 1, timing >> 20 & 15, timing >> 16 & 15
    tick_s = prescaler / 54e6
    low_s, high_s = ((timing & 255) + 1) * tick_s, ((timing >> 8 & 255) + 1) * tick_s
    # The controller adds 2 x 50 .. 260 ns of filter and 4 .. 12 clocks to a period.
    assert 1 / (low_s + high_s + 2 * 50e-9 + 4 / 54e6) <= 1.05 * freq_hz
    assert 1 / (low_s + high_s + 2 * 260e-9 + 12 / 54e6) >= (0.9 if freq_hz <= 100_000 else 0.6) * freq_hz
    # UM10204, table 10: lowest times of the mode.
    least_low, least_high, least_setup = {100_000: (4.7e-6, 4.0e-6, 250e-9), 400_000: (1.3e-6, 0.6e-6, 100e-9),
                                          1_000_000: (0.5e-6, 0.26e-6, 50e-9)}[max(100_000, freq_hz)]  # fmt: skip
    filter_s = 50e-9 + 2 / 54e6
    assert low_s + filter_s >= least_low and high_s + filter_s >= least_high
    assert (data_setup + 1) * tick_s >= least_setup
    assert data_hold * tick_s <= 0.9e-6
    machine_board.i2c1.devices.clear()


def test_wrong_arguments_are_refused(run) -> None:
    """A controller that the board does not lead out would be used, or a pin that it cannot use."""
    assert run("""
from machine import I2C
for arguments in ((2, {}), (1, {"freq": 5}), (1, {"freq": 3000000}), (1, {"scl": "PA0"}), (4, {"sda": "PB9"})):
    try:
        print("made", I2C(arguments[0], **arguments[1]))
    except ValueError as error:
        print(error)
""") == ["id must be 1 or 4", "freq must be 10000..1000000", "freq must be 10000..1000000", "scl must be PB8", "sda must be PB7"]


def test_soft_i2c_drives_its_pins(run) -> None:
    """Drivers for devices on other pins would not work."""
    assert run("""
from machine import SoftI2C, Pin
i2c = SoftI2C(scl=Pin("PB8"), sda=Pin("PB9"), freq=100000)
print(i2c, i2c.scan())
try:
    i2c.writeto(0x48, b"a")
except OSError as error:
    print(error.errno)
""") == ["SoftI2C(scl=PB8, sda=PB9, freq=100000) []", "19"]
