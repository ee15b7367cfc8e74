"""A booted board for the tests of one file: they leave it at the prompt, with every peripheral stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def machine_board(firmware_elf: Path) -> Iterator:
    """A virtual board at the prompt, shared by a file's tests."""
    from tools.vboard import Board

    board = Board(firmware_elf)
    board.boot()
    yield board


@pytest.fixture
def run(machine_board):
    """run(code, timeout_s=5.0): what the code prints on the shared board, as a list of lines; a soft reset follows the test."""

    def execute(code: str, timeout_s: float = 5.0) -> list[str]:
        return machine_board.exec(code, timeout_s).splitlines()

    yield execute
    machine_board.write(b"\x03\x04")
    machine_board.read_until(b"soft reboot")
    machine_board.read_until(b">>> ")
