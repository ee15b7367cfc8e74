"""The library's promises: the same run every time, snapshots, power cuts, profile, time-outs."""

from __future__ import annotations

import pytest

from tools.vboard import Board, ExecError, PowerCut, VBoardTimeout

WORK = "import os\nf=open('/flash/log','w')\nfor i in range(20): f.write(str(os.urandom(8)))\nf.close()\nprint(os.urandom(4), len(open('/flash/log').read()))"


@pytest.fixture
def booted(firmware_elf):
    board = Board(firmware_elf)
    board.boot()
    return board


def state(board: Board) -> tuple:
    return (board.instructions, board.now_ticks(), board.asleep_cycles, bytes(board.usart1.output),
            bytes(board.cpu.memory.ram.view), dict(board.nor.sectors))  # fmt: skip


def test_two_runs_are_the_same_to_the_last_instruction(firmware_elf):
    """Without that, a failure seen once may never be seen again, and figures would wander."""
    ends = []
    for _ in range(2):
        board = Board(firmware_elf)
        board.boot()
        board.exec(WORK)
        ends.append(state(board))
    assert ends[0] == ends[1]


def test_stopping_to_look_changes_nothing(firmware_elf):
    """A test that looks at a pin every millisecond must see the same program as one that does not."""
    ends = []
    for step in (0.05, 0.0007):
        board = Board(firmware_elf)
        board.write(b"print(1)\r")
        while board.now_s < 0.2:
            board.run(min(step, 0.2 - board.now_s + 1e-9))
        ends.append((board.read(), board.instructions, dict(board.nor.sectors)))
    assert ends[0] == ends[1]


def test_a_snapshot_comes_back_exactly(booted):
    """The power-cut tests go back to one moment hundreds of times."""
    start = booted.snapshot()
    before = state(booted)
    booted.exec(WORK)
    first = state(booted)
    for _ in range(2):
        booted.restore(start)
        assert state(booted) == before
        booted.exec(WORK)
        assert state(booted) == first


def test_a_power_cut_keeps_flash_and_loses_ram(booted):
    """After power_on the board is the one that lost power, not a new one and not the old one."""
    booted.exec("x = 1\nf=open('/flash/kept','w');f.write('here');f.close()")
    booted.power_cut_at(booted.instructions + 1000)
    with pytest.raises(PowerCut):
        booted.run(1.0)
    booted.power_on()
    booted.boot()
    assert booted.exec("print(open('/flash/kept').read(), 'x' in globals())") == "here False\n"


def test_profile_counts_where_the_time_goes(booted):
    """make bench rests on these counts: they must sum up to all instructions."""
    booted.profile_start()
    before = booted.instructions
    booted.exec("for i in range(20000): i*i")
    counts = booted.profile()
    assert sum(counts.values()) == booted.instructions - before
    assert next(iter(counts)) == "mp_execute_bytecode"


def test_errors_and_silence_are_reported(booted):
    """A test that waits for what never comes must end, and say what it saw."""
    with pytest.raises(ExecError, match="ZeroDivisionError"):
        booted.exec("1/0")
    booted.write(b"print('here')\r")
    with pytest.raises(VBoardTimeout, match="here"):
        booted.read_until(b"never", timeout_s=0.1)


def test_stuck_bits_are_seen_and_healed(booted):
    """A NOR that never gets ready must not hang the firmware for ever."""
    booted.inject("stuck_bit", register="USART1->ISR", mask=0x80, value=0)
    booted.write(b"1\r")
    booted.run(0.002)  # an interrupt storm: as slow here as it is useless there
    assert booted.read() == b""
    booted.inject("heal")
    booted.read_until(b">>> ")
