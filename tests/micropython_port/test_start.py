"""Start-up, reset causes and faults of the firmware."""

import struct
from pathlib import Path

import pytest

from tools.vboard import Board

CAUSE = "import machine\nprint([n for n in dir(machine) if n.endswith('_RESET') and getattr(machine, n) == machine.reset_cause()][0])"


@pytest.fixture
def fresh(firmware_elf: Path) -> Board:
    """A board of its own, booted with a formatted flash chip."""
    board = Board(firmware_elf)
    board.boot()
    return board


def restart(board: Board, command: bytes) -> bytes:
    """Types a command that resets the chip and returns what was printed up to the next prompt."""
    board.write(command + b"\r")
    printed = board.read_until(b"MicroPython")
    return printed + board.read_until(b">>> ")


def test_prompt_is_there_in_a_tenth_of_a_second(fresh: Board) -> None:
    """A device that is switched on would miss what is said to it."""
    fresh.reset()
    assert fresh.boot() <= 0.1


def test_core_runs_at_216_mhz(fresh: Board) -> None:
    """Every budget of the application would be wrong, and the serial port's speed with it."""
    assert fresh.clock.hclk_hz == 216_000_000
    assert fresh.exec("import machine\nprint(machine.freq())") == "216000000\n"


def test_dead_crystal_is_survived_and_said(firmware_elf: Path) -> None:
    """A board with a broken crystal would not start at all, or nobody would know why its time is off."""
    board = Board(firmware_elf)
    board.inject("dead_crystal")
    assert b"The crystal did not start" in board.read_until(b">>> ", timeout_s=2)
    assert board.exec("print(1 + 1)") == "2\n"


def test_crystal_that_dies_later_leads_to_a_start_without_it(fresh: Board) -> None:
    """The serial port would fall silent for good, its divider made for another clock."""
    fresh.inject("dead_crystal", after_s=0.01)
    assert b"The crystal did not start" in fresh.read_until(b">>> ", timeout_s=2)
    assert fresh.exec(CAUSE) == "FAULT_RESET\n"


def test_reset_causes(fresh: Board) -> None:
    """An application could not tell a power cut from a crash."""
    assert fresh.exec(CAUSE) == "PWRON_RESET\n"
    restart(fresh, b"import machine; machine.reset()")
    assert fresh.exec(CAUSE) == "HARD_RESET\n"
    restart(fresh, b"\x04")
    assert fresh.exec(CAUSE) == "SOFT_RESET\n"
    fresh.reset()
    fresh.boot()
    assert fresh.exec(CAUSE) == "HARD_RESET\n"


def test_fault_says_where_and_resets(fresh: Board) -> None:
    """A crash in the field would leave no trace; and a null pointer would be read as if it were data."""
    printed = restart(fresh, b"import machine; machine.mem32[0x10]").decode()
    report = printed[printed.index("FAULT: ") :].splitlines()[0]
    fields = dict(field.split("=") for field in report.split()[2:])
    assert report.startswith("FAULT: MEMORY PC=0x08")
    assert "machine_mem" in fresh.symbols.name_at(int(fields["PC"], 16))
    assert int(fields["CFSR"], 16) & 0x82 == 0x82  # data access violation, address valid
    assert int(fields["ADDRESS"], 16) == 0x10
    assert fresh.exec(CAUSE) == "FAULT_RESET\n"


@pytest.mark.parametrize("address", [0x0800_0000, 0x9000_0000, 0x6000_0000, 0x1FFF_FFFC])
def test_forbidden_memory_faults(fresh: Board, address: int) -> None:
    """A stray write would change the program, or touch an external memory that hangs the bus."""
    assert b"FAULT: MEMORY" in restart(fresh, f"import machine; machine.mem32[{address}] = 0".encode())


def test_stack_overflow_is_reported(fresh: Board) -> None:
    """The report itself would fault on the exhausted stack, and the chip would lock up."""
    # Thumb code that pushes for ever, so that MicroPython's own check has no chance.
    code = b"exec('@micropython.asm_thumb\\ndef f():\\n label(a)\\n push({r0,r1,r2,r3})\\n b(a)'); f()"
    printed = restart(fresh, code)
    assert b"(stack overflow) CFSR=0x" in printed
    assert fresh.exec(CAUSE) == "FAULT_RESET\n"


def test_deep_recursion_is_an_exception(fresh: Board) -> None:
    """A program's mistake would reset the board."""
    assert (
        fresh.exec("""
def f(): f()
try:
    f()
except RuntimeError as error:
    print(error)
""")
        == "maximum recursion depth exceeded\n"
    )


def test_bootloader_is_entered(fresh: Board) -> None:
    """A board without a debugger could not be flashed over its serial port."""
    # Stands for ST's ROM: a stack pointer, an entry, and there a branch to itself.
    fresh.cpu.uc.mem_map(0x1FF0_0000, 0x1000)
    fresh.cpu.uc.mem_write(0x1FF0_0000, struct.pack("<IIH", 0x2002_0000, 0x1FF0_0009, 0xE7FE))
    fresh.write(b"import machine; machine.bootloader()\r")
    fresh.run(0.1)
    assert fresh.cpu.get("PC") & ~1 == 0x1FF0_0008
    assert fresh.cpu.get("SP") == 0x2002_0000
    fresh.reset()
    assert fresh.boot() < 0.1


def test_unique_id_and_random(fresh: Board) -> None:
    """Two boards would have the same name, or play the same game of dice."""
    lines = fresh.exec("import machine, random, os\nprint(len(machine.unique_id()))\nprint(os.urandom(8) != os.urandom(8))").split()
    assert lines == ["12", "True"]


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
def test_soft_reset_in_a_start_file(fresh: Board, name: str) -> None:
    """A program that starts itself anew would end at the prompt instead."""
    fresh.exec(f"""
with open('/flash/{name}', 'w') as f:
    f.write("import machine, os\\nif not 'again' in os.listdir('/flash'):\\n open('/flash/again', 'w').close()\\n machine.soft_reset()\\nprint('twice')")
""")
    fresh.reset()
    printed = fresh.read_until(b">>> ", timeout_s=2)
    assert b"soft reboot" in printed and b"twice" in printed
    assert fresh.exec(CAUSE) == "SOFT_RESET\n"
