"""tools/size.py: the table adds up to the image, and a firmware above the limit fails the build."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import size

MAP = """
Discarded input sections
 .text.gone     0x00000000       0x10 /b/py/gone.o

Linker script and memory map

.text           0x08000000       0x40
 .vectors       0x08000000       0x08 /b/startup.o
 .text.mp_a     0x08000008       0x10 /b/py/a.o
 .text.a_very_long_name_indeed
                0x08000018       0x08 /b/usermod_kws/net/n.o
 *fill*         0x08000020        0x4
 .text          0x08000024        0x8 /usr/lib/libgcc.a(_x.o)
                0x0800002c                symbol = .
 .rodata.str1.1
                0x0800002c        0x4 /b/lib/littlefs/lfs2.o
                                  0x9 (size before relaxing)
"""


def test_map_lines():
    """Sections with long names, fill bytes or merged strings are lost or counted twice, and the table is wrong."""
    assert [(length, Path(obj.split("(")[0]).name) for _, length, obj in size.map_inputs(MAP)] == [
        (8, "startup.o"), (16, "a.o"), (8, "n.o"), (8, "libgcc.a"), (4, "lfs2.o")
    ]
    with pytest.raises(ValueError):
        size.map_inputs("something else")


@pytest.mark.parametrize(("obj", "room"), [
    ("/b/py/a.o", "MicroPython"), ("/b/extmod/vfs.o", "MicroPython"), ("/b/main.o", "port"), ("/b/usermod_kws/modkws.o", "kws"),
    ("/b/lib/libm/math.o", "libs"), ("/usr/lib/libgcc.a(_udivdi3.o)", "libs"), ("/b/frozen_content.o", "frozen Python"),
])
def test_rooms(obj, room):
    """A room's growth shows up at another's."""
    assert size.room_of(obj, Path("/b")) == room


def test_table_adds_up_to_the_image(firmware_elf):
    """The size table tells less than what is flashed."""
    totals, _, _ = size.measure(firmware_elf)
    assert totals["flash"].total() == firmware_elf.with_suffix(".bin").stat().st_size
    assert totals["flash"]["alignment"] < 0.01 * totals["flash"].total()


def test_firmware_fits(firmware_elf, repo_root, tmp_path):
    """The firmware without models has outgrown 512 KB of flash; or a build above a limit does not fail."""

    def table(limit_kb: int) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "tools.size", str(firmware_elf), "--limit-kb", str(limit_kb), "--report", str(tmp_path / "r.json")]
        return subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False)

    done = table(512)
    assert done.returncode == 0, done.stdout + done.stderr
    for room in ("MicroPython", "port", "kws"):
        assert room in done.stdout
    done = table(16)
    assert done.returncode == 1 and "above the limit" in done.stderr
