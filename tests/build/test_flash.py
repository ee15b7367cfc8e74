"""tools/flash.py: the right command for what is connected, nothing written that is not a firmware, plain words otherwise."""

import hashlib
import os
import shlex
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tools import flash


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder with a small firmware that looks like one, and a ROMFS image."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "firmware.bin").write_bytes(struct.pack("<II", 0x20008000, 0x08000401).ljust(2048, b"\x55"))
    (folder / "romfs.img").write_bytes(b"\xd2\xcd\x31\x80\x80\x80\x80\x00" + bytes(8))
    return folder


class Computer:
    """A pretended computer: its USB devices, mounts and programs. Programs note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.bin = folder / "bin"
        self.log = folder / "log"
        for new in (self.root / "sys/bus/usb/devices", self.root / "proc", self.bin):
            new.mkdir(parents=True)
        (self.root / "proc/mounts").write_text("")

    def plug_st_link(self) -> None:
        tty = self.root / "sys/bus/usb/devices/1-2/1-2:1.2/tty/ttyACM0"
        tty.mkdir(parents=True)
        (tty.parents[2] / "idVendor").write_text("0483\n")
        (tty.parents[2] / "idProduct").write_text("374b\n")

    def mount_drive(self) -> Path:
        (self.root / "media/me/DIS_F769NI").mkdir(parents=True)
        (self.root / "proc/mounts").write_text("/dev/sdz /media/me/DIS_F769NI vfat rw 0 0\n")
        return self.root / "media/me/DIS_F769NI"

    def install(self, program: str, code: int = 0) -> None:
        (self.bin / program).write_text(f'#!/bin/sh\necho "{program} $*" >> {self.log}\nexit {code}\n')
        (self.bin / program).chmod(0o755)

    def flash(self, images: Path, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, flash.__file__, "--root", str(self.root), "--images", str(images), *arguments]
        return subprocess.run(command, env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def computer(tmp_path) -> Computer:
    return Computer(tmp_path)


def dry(computer: Computer, images: Path, *arguments: str) -> list[list[str]]:
    done = computer.flash(images, "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    assert not computer.log.exists(), "a dry run has run something"
    return [shlex.split(line) for line in done.stdout.splitlines()]


def test_openocd(computer, images):
    """OpenOCD writes to the wrong place, does not verify, or leaves the chip halted."""
    computer.plug_st_link()
    computer.install("openocd")
    computer.install("st-flash")
    [command] = dry(computer, images)
    assert command[0] == "openocd" and command[1:5] == ["-f", "interface/stlink.cfg", "-f", "target/stm32f7x.cfg"]
    assert command[5:] == [
        "-c", f"program {{{images}/romfs.img}} 0x08100000 verify",
        "-c", f"program {{{images}/firmware.bin}} 0x08000000 verify",
        "-c", "reset run", "-c", "shutdown",
    ]


def test_st_flash(computer, images):
    """st-flash writes to the wrong place, or the board does not start afterwards."""
    computer.plug_st_link()
    computer.install("st-flash")
    assert dry(computer, images) == [
        ["st-flash", "write", f"{images}/romfs.img", "0x08100000"],
        ["st-flash", "--reset", "write", f"{images}/firmware.bin", "0x08000000"],
    ]


def test_serial(computer, images):
    """The way over the serial port greets the bootloader twice, which it does not answer, or does not verify."""
    computer.install("stm32flash")
    assert dry(computer, images, "--port", "/dev/ttyUSB7") == [
        ["stm32flash", "-b", "115200", "-w", f"{images}/romfs.img", "-v", "-S", "0x08100000", "/dev/ttyUSB7"],
        ["stm32flash", "-b", "115200", "-c", "-w", f"{images}/firmware.bin", "-v", "-S", "0x08000000", "-g", "0x08000000", "/dev/ttyUSB7"],
    ]


def test_firmware_alone(computer, images):
    """A folder without models cannot be flashed."""
    (images / "romfs.img").unlink()
    computer.plug_st_link()
    computer.install("st-flash")
    assert dry(computer, images) == [["st-flash", "--reset", "write", f"{images}/firmware.bin", "0x08000000"]]


def test_real_run_and_its_exit_codes(computer, images):
    """A failed flashing looks like a good one."""
    computer.plug_st_link()
    computer.install("st-flash")
    assert computer.flash(images).returncode == 0
    assert len(computer.log.read_text().splitlines()) == 2
    computer.install("st-flash", code=1)
    done = computer.flash(images)
    assert done.returncode == flash.FAILED and "st-flash" in done.stderr
    assert len(computer.log.read_text().splitlines()) == 3, "it went on after a failure"


def test_what_is_missing_is_said(computer, images):
    """A user without the right program, cable or jumper does not learn which of them it is."""
    done = computer.flash(images)
    assert done.returncode == flash.MISSING
    for word in ("none on USB", "openocd", "stlink-tools", "DIS_F769NI", "--port", "BOOT0"):
        assert word in done.stderr
    computer.install("openocd")
    done = computer.flash(images, "--method", "openocd")
    assert done.returncode == flash.MISSING and "USB ST-LINK" in done.stderr
    computer.plug_st_link()
    done = computer.flash(images, "--method", "serial")
    assert done.returncode == flash.MISSING and "stm32flash" in done.stderr


def test_serial_names_the_ports_there_are(computer, images):
    """The user has to find out the serial port's name alone."""
    computer.plug_st_link()
    computer.install("stm32flash")
    assert "/dev/ttyACM0" in computer.flash(images, "--method", "serial").stderr


def test_drive_gets_one_image_from_the_start_of_flash(computer, images, monkeypatch):
    """Copying to the ST-LINK's disk puts the models at the wrong place, or success is told before it verified."""
    disk = computer.mount_drive()
    written = []

    def st_link_takes_it(_):
        written.append((disk / "hark.bin").read_bytes())
        (disk / "hark.bin").unlink()

    monkeypatch.setattr(flash.time, "sleep", st_link_takes_it)
    monkeypatch.setenv("PATH", str(computer.bin))
    assert flash.main(["--root", str(computer.root), "--images", str(images)]) == 0
    firmware, romfs = (images / "firmware.bin").read_bytes(), (images / "romfs.img").read_bytes()
    assert written == [firmware.ljust(0x100000, b"\xff") + romfs]


def test_drive_reports_what_the_st_link_refused(computer, images, monkeypatch, capsys):
    """The ST-LINK's FAIL.TXT goes unread."""
    (computer.mount_drive() / "FAIL.TXT").write_text("The interface firmware FAILED to program")
    monkeypatch.setenv("PATH", str(computer.bin))
    assert flash.main(["--root", str(computer.root), "--images", str(images)]) == flash.FAILED
    assert "FAILED to program" in capsys.readouterr().err


def test_a_disk_that_cannot_be_written_is_named(computer, images, monkeypatch, capsys):
    """A full or read-only disk ends in a traceback, and with the exit code for a bad image."""
    disk = computer.mount_drive()
    (disk / "hark.bin").mkdir()  # cannot be opened, not even by root
    monkeypatch.setenv("PATH", str(computer.bin))
    assert flash.main(["--root", str(computer.root), "--images", str(images)]) == flash.FAILED
    assert str(disk) in capsys.readouterr().err


BAD = {
    "empty": lambda good: b"",
    "text": lambda good: b"<html>404 not found</html>".ljust(2000),
    "too long": lambda good: good.ljust(0x100001, b"\0"),
    "stack outside RAM": lambda good: struct.pack("<I", 0x30000000) + good[4:],
    "reset vector outside": lambda good: good[:4] + struct.pack("<I", 0x08100001) + good[8:],
    "reset vector even": lambda good: good[:4] + struct.pack("<I", 0x08000400) + good[8:],
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_no_firmware_is_refused(computer, images, fault):
    """A wrong file is flashed, and the board is dead until somebody finds out."""
    computer.plug_st_link()
    computer.install("openocd")
    path = images / "firmware.bin"
    path.write_bytes(BAD[fault](path.read_bytes()))
    done = computer.flash(images)
    assert done.returncode == flash.REFUSED and "firmware.bin" in done.stderr
    assert not computer.log.exists()


@pytest.mark.parametrize("content", [b"", b"RM1", b"\xd2\xcd\x31".ljust((1 << 20) + 1, b"\0")])
def test_what_is_no_romfs_is_refused(computer, images, content):
    """The board finds no models after flashing."""
    (images / "romfs.img").write_bytes(content)
    assert computer.flash(images, "--dry-run").returncode == flash.REFUSED


def test_checksums_count(computer, images):
    """A damaged download is flashed although SHA256SUMS lies beside it."""
    computer.plug_st_link()
    computer.install("openocd")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(images.iterdir())]
    (images / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    assert dry(computer, images)
    with (images / "romfs.img").open("r+b") as f:
        f.seek(-1, os.SEEK_END)
        f.write(b"\x01")
    done = computer.flash(images)
    assert done.returncode == flash.REFUSED and "expected" in done.stderr and "got" in done.stderr
