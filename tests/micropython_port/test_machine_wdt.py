"""machine.WDT: a program that hangs is ended, and machine.reset_cause() says so."""

from pathlib import Path

import pytest


@pytest.fixture
def fresh_board(firmware_elf: Path):
    """A board of its own: once started, a watchdog only ends with a reset."""
    from tools.vboard import Board

    board = Board(firmware_elf)
    board.boot()
    return board


def test_watchdog_resets_a_hung_program(fresh_board) -> None:
    """A device in the field would hang for ever, or be reset although it is well."""
    fresh_board.exec("from machine import WDT\nimport time\nwdt = WDT(timeout=200)")
    fresh_board.exec("for _ in range(10):\n    time.sleep_ms(100)\n    wdt.feed()", timeout_s=3)
    start = fresh_board.now_s
    fresh_board.write(b"while True: pass\r\r")
    fresh_board.read_until(b"MicroPython", timeout_s=1)
    fresh_board.read_until(b">>> ")
    assert 0.1 < fresh_board.now_s - start < 0.4
    assert fresh_board.exec("import machine\nprint(machine.reset_cause() == machine.WDT_RESET)") == "True\n"


def test_wrong_timeouts_are_refused(fresh_board) -> None:
    """A timeout that the hardware cannot hold would become a short one."""
    assert fresh_board.exec("""
from machine import WDT
for arguments in ({"timeout": 0}, {"timeout": 40000}, {"id": 1}):
    try:
        WDT(**arguments)
        print("made")
    except ValueError as error:
        print(error)
""") == "timeout must be 1..32768 ms\ntimeout must be 1..32768 ms\nid must be 0\n"
