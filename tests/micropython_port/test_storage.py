"""stm.Flash, the littlefs on it, and the ROMFS partition."""

import hashlib
import random
from pathlib import Path

import pytest

from tools.romfs import pack
from tools.vboard import Board


@pytest.fixture
def fresh(firmware_elf: Path) -> Board:
    """A board of its own, booted with a formatted flash chip."""
    board = Board(firmware_elf)
    board.boot()
    return board


def test_blank_chip_is_formatted_once(firmware_elf: Path) -> None:
    """A new board would have no file system; or a used one would lose it at each start."""
    board = Board(firmware_elf)
    assert b"formatting /flash" in board.read_until(b">>> ")
    board.exec("with open('/flash/kept', 'w') as f:\n    f.write('x' * 10000)")
    board.reset()
    assert b"formatting" not in board.read_until(b">>> ")
    assert board.exec("import os\nprint(os.getcwd(), os.stat('kept')[6])") == "/flash 10000\n"


def test_damaged_file_system_is_left_alone(fresh: Board) -> None:
    """Files that a rescue could still read would be wiped."""
    for block in (0, 1):
        fresh.nor.write_raw(4096 * block + 20, bytes(8))  # behind the name, under the checksum
    before = fresh.nor.read(0, 8192)
    fresh.reset()
    assert b"/flash is not available" in fresh.read_until(b">>> ")
    assert fresh.nor.read(0, 8192) == before
    assert fresh.exec("print('alive')") == "alive\n"


def test_dead_chip_leaves_the_prompt(firmware_elf: Path) -> None:
    """A board with a bad flash chip could not even be examined."""
    board = Board(firmware_elf)
    board.inject("stuck_bit", register="QUADSPI->SR", mask=0x3F02, value=0)
    printed = board.read_until(b">>> ", timeout_s=5)
    assert b"/flash is not available" in printed
    assert b"formatting" not in printed


def test_blocks_read_back(fresh: Board) -> None:
    """A file would be returned with other bytes: unaligned pieces, page borders, the chip's last block."""
    assert (
        fresh.exec("""
import stm, os
flash = stm.Flash()
count = flash.ioctl(4, 0)
for block, offset, length in ((1000, 0, 4096), (1001, 3, 700), (1002, 255, 2), (count - 1, 4091, 5), (1003, 0, 1)):
    data = os.urandom(length)
    back = bytearray(length)
    flash.ioctl(6, block)
    print(flash.writeblocks(block, data, offset), flash.readblocks(block, back, offset), back == data)
print(flash.readblocks(count, bytearray(1)), flash.writeblocks(count - 1, bytearray(4097)), flash.readblocks(-1, bytearray(1)))
""")
        == "0 0 True\n" * 5 + "-22 -22 -22\n"
    )


def test_reserve_is_out_of_reach(fresh: Board) -> None:
    """What was put aside for the board's own data would be overwritten by files."""
    blocks = int(fresh.exec("import stm\nprint(stm.Flash().ioctl(4, 0))"))
    assert blocks * 4096 == 64 * 1024 * 1024 - 256 * 1024


@pytest.fixture
def image() -> bytes:
    """A ROMFS with one file, incompressible and not a multiple of anything."""
    return pack([("data.bin", random.Random(2).randbytes(70_001))])


def test_romfs_file_is_used_in_place(firmware_elf: Path, image: bytes) -> None:
    """A model would be copied to the heap, which has no room for it."""
    board = Board(firmware_elf, romfs=image)
    board.boot()
    lines = board.exec("""
import gc, hashlib, uctypes
gc.collect()
free = gc.mem_free()
data = memoryview(open('/rom/data.bin', 'rb'))
print(free - gc.mem_free() < 1000, uctypes.addressof(data) >= 0x08100000, len(data))
print(hashlib.sha256(data).digest().hex())
import sys
print('/rom' in sys.path and '/rom/lib' in sys.path)
""").split("\n")
    content = random.Random(2).randbytes(70_001)
    assert lines[:3] == ["True True 70001", hashlib.sha256(content).hexdigest(), "True"]


def test_romfs_is_written_and_read_back(fresh: Board) -> None:
    """`mpremote romfs deploy` would leave an image that differs, or stale bytes in the data cache."""
    assert (
        fresh.exec(
            """
import vfs, os
rom = vfs.rom_ioctl(2, 0)
print(vfs.rom_ioctl(1), len(rom), vfs.rom_ioctl(3, 0, 300000))
data = os.urandom(4096)
vfs.rom_ioctl(4, 0, 262144 - 2048, data)
print(rom[262144 - 2048:262144 + 2048] == data, rom[0] == 255, vfs.rom_ioctl(5, 0))
for arguments in ((3, 0, 1048577), (2, 1), (9, 0)):
    print(vfs.rom_ioctl(*arguments))
for offset, length in ((1048576, 4), (-4, 4), (2, 4), (0, 3)):
    try:
        vfs.rom_ioctl(4, 0, offset, bytes(length))
    except OSError as error:
        print(error.errno)
""",
            timeout_s=10,
        )
        == "1 1048576 16\nTrue True 0\n" + "-22\n" * 3 + "22\n" * 4
    )
