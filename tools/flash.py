"""Puts a prebuilt Hark on an STM32F769I-DISCO: the firmware at 0x08000000 and the models (ROMFS) at 0x08100000.

    python3 flash.py                      finds out how, flashes and verifies
    python3 flash.py --dry-run            prints the commands and does nothing
    python3 flash.py --method serial --port /dev/ttyUSB0

Ways (--method): openocd, st-flash (both through the ST-LINK on the board's USB socket), drive (copying to the disk that
the ST-LINK shows) and serial (the chip's ROM bootloader, with stm32flash; BOOT0 must be high at power-up).
Needs nothing but Python 3.10 or later, so it can be given away with the images.

Exit codes: 0 done, 1 an image was refused, 2 wrong arguments, 3 a program or the board is missing, 4 flashing or
verifying failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

FLASH, FLASH_LEN = 0x08000000, 2 << 20
ROMFS, ROMFS_LEN = 0x08100000, 1 << 20
FIRMWARE_LEN = ROMFS - FLASH
RAM, RAM_LEN = 0x20000000, 512 << 10
DRIVE = "DIS_F769NI"
ST_LINKS = {"374b": "ST-LINK/V2-1", "3752": "ST-LINK/V2-1", "3748": "ST-LINK/V2", "374e": "ST-LINK/V3", "374f": "ST-LINK/V3"}
METHODS = ("openocd", "st-flash", "drive", "serial")
PROGRAMS = {"openocd": "openocd", "st-flash": "st-flash", "serial": "stm32flash"}  # method -> program
PACKAGES = {"openocd": "openocd", "st-flash": "stlink-tools", "stm32flash": "stm32flash"}  # program -> Debian's package
REFUSED, MISSING, FAILED = 1, 3, 4


class Stop(Exception):
    """Ends the program with a message and an exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Images:
    firmware: Path
    romfs: Path | None

    def parts(self) -> list[tuple[int, Path]]:
        """(address, file), the firmware last: an interrupted run leaves no new firmware without its models."""
        return ([(ROMFS, self.romfs)] if self.romfs else []) + [(FLASH, self.firmware)]


@dataclass
class Machine:
    """What this computer has. `root` stands for / in the tests."""

    root: Path = Path("/")
    st_links: list[str] = field(default_factory=list)
    drive: Path | None = None
    ports: list[str] = field(default_factory=list)

    def look(self) -> Machine:
        for device in sorted(self.root.glob("sys/bus/usb/devices/*")):
            if _text(device / "idVendor") != "0483":
                continue
            if name := ST_LINKS.get(_text(device / "idProduct")):
                self.st_links.append(name)
                self.ports += [f"/dev/{tty.name}" for tty in sorted(device.glob("*/tty/tty*"))]
        for line in _text(self.root / "proc/mounts").splitlines():
            folder = line.split()[1].replace("\\040", " ")
            if Path(folder).name.startswith(DRIVE):
                self.drive = self.root / folder.lstrip("/")
        return self

    def describe(self) -> str:
        tools = [program for program in PROGRAMS.values() if shutil.which(program)]
        return "\n".join(
            f"  {what:12} {found}"
            for what, found in (
                ("ST-LINK", ", ".join(self.st_links) or "none on USB"),
                ("its drive", str(self.drive) if self.drive else f"no mounted disk {DRIVE}"),
                ("serial ports", ", ".join(self.ports) or "none of an ST-LINK"),
                ("programs", ", ".join(tools) or "none of " + ", ".join(PROGRAMS.values())),
            )
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


# --- the images


def find_images(folder: Path) -> Images:
    """The images of a folder, refused unless they are what they should be. SHA256SUMS counts where there is one."""
    firmware, romfs = folder / "firmware.bin", folder / "romfs.img"
    if not firmware.is_file():
        raise Stop(REFUSED, f"{firmware}: there is no such file; 'make firmware romfs' makes it, --images names the folder with firmware.bin and romfs.img")
    images = Images(firmware, romfs if romfs.is_file() else None)
    sums = {name.lstrip("*"): digest for digest, name in (line.split(None, 1) for line in _text(folder / "SHA256SUMS").splitlines())}
    for _, path in images.parts():
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if sums and sums.get(path.name) != got:
            raise Stop(REFUSED, f"{path}: SHA-256 differs from SHA256SUMS\n  expected {sums.get(path.name, 'to find its name there')}\n  got      {got}")
    _check_firmware(firmware)
    if images.romfs:
        _check_romfs(images.romfs)
    return images


def _check_firmware(path: Path) -> None:
    data = path.read_bytes()
    if not 1024 <= len(data) <= FIRMWARE_LEN:
        raise Stop(REFUSED, f"{path}: {len(data)} bytes; a firmware image has 1024 to {FIRMWARE_LEN}")
    stack, reset = struct.unpack_from("<II", data)
    if not RAM < stack <= RAM + RAM_LEN or stack % 8:
        raise Stop(REFUSED, f"{path}: the first word of the vector table, {stack:#010x}, is no stack in this chip's RAM")
    if not FLASH <= reset - 1 < FLASH + len(data) or not reset & 1:
        raise Stop(REFUSED, f"{path}: the reset vector, {reset:#010x}, does not point into the image")


def _check_romfs(path: Path) -> None:
    data = path.read_bytes()
    if data[:3] != b"\xd2\xcd\x31":
        raise Stop(REFUSED, f"{path}: not a ROMFS image")
    if len(data) > ROMFS_LEN:
        raise Stop(REFUSED, f"{path}: {len(data)} bytes; the partition has {ROMFS_LEN}")


# --- the ways


def choose(machine: Machine, method: str | None, port: str | None, dry_run: bool) -> str:
    """The method to use; what it lacks stops a real run and is only told in a dry one."""
    found = method or next((m for m in ("openocd", "st-flash", "drive") if not lacks(machine, m, port)), None)
    if not found and dry_run:
        found = next((m for m in ("openocd", "st-flash") if shutil.which(PROGRAMS[m])), None)
    if not found:
        needs = "\n".join(f"  {m:12} {lacks(machine, m, port)}" for m in METHODS)
        raise Stop(MISSING, f"nothing to flash with. This is here:\n{machine.describe()}\nand this is missing, for each way:\n{needs}")
    if lack := lacks(machine, found, port):
        if not dry_run:
            raise Stop(MISSING, f"{found}: {lack}")
        print(f"# {found}: {lack}", file=sys.stderr)
    return found


def lacks(machine: Machine, method: str, port: str | None) -> str:
    """What is missing for a method, in words; empty when nothing is."""
    lack = []
    program = PROGRAMS.get(method)
    if program and not shutil.which(program):
        lack.append(f"the program {program} is not installed (Debian package {PACKAGES[program]})")
    if method in ("openocd", "st-flash") and not machine.st_links:
        lack.append("no ST-LINK on USB: connect the socket marked USB ST-LINK, with a cable that carries data")
    if method == "drive" and not machine.drive:
        lack.append(f"the ST-LINK's disk {DRIVE} is not mounted")
    if method == "serial" and not port:
        lack.append(f"--port is needed (an ST-LINK's: {', '.join(machine.ports) or 'none here'}), and BOOT0 must be high at power-up")
    return "; ".join(lack)


def commands(method: str, images: Images, port: str | None) -> list[list[str]]:
    """The commands that flash and verify; for `drive`, what is done in their place."""
    parts = images.parts()
    if method == "openocd":
        program = [f"program {{{path}}} {address:#010x} verify" for address, path in parts]
        steps = [word for step in [*program, "reset run", "shutdown"] for word in ("-c", step)]
        return [["openocd", "-f", "interface/stlink.cfg", "-f", "target/stm32f7x.cfg", *steps]]
    if method == "st-flash":  # it reads back and compares by itself
        reset = [[]] * (len(parts) - 1) + [["--reset"]]
        return [["st-flash", *r, "write", str(path), f"{address:#010x}"] for r, (address, path) in zip(reset, parts, strict=True)]
    if method == "serial":  # -c: the bootloader answers its greeting only once
        port = port or "PORT"
        greet, go = [[]] + [["-c"]] * (len(parts) - 1), [[]] * (len(parts) - 1) + [["-g", f"{FLASH:#010x}"]]
        return [
            ["stm32flash", "-b", "115200", *c, "-w", str(path), "-v", "-S", f"{address:#010x}", *g, port]
            for c, g, (address, path) in zip(greet, go, parts, strict=True)
        ]
    return [["copy", *(f"{address:#010x}:{path}" for address, path in parts), "to", DRIVE]]


def run(command: list[str]) -> None:
    print("+", shlex.join(command), flush=True)
    if code := subprocess.call(command):
        raise Stop(FAILED, f"{command[0]} ended with exit code {code}; its own words are above. The board may be half written: run this again.")


def copy_to_drive(images: Images, drive: Path, wait_s: float = 60.0) -> None:
    """One image from 0x08000000 on, as the ST-LINK's disk takes no address; it flashes, verifies and mounts itself anew."""
    whole = images.firmware.read_bytes()
    if images.romfs:
        whole = whole.ljust(ROMFS - FLASH, b"\xff") + images.romfs.read_bytes()
    target = drive / "hark.bin"
    with target.open("wb") as out:
        for at in range(0, len(whole), 65536):
            out.write(whole[at : at + 65536])
            out.flush()
            os.fsync(out.fileno())
            print(f"\r  copying {min(at + 65536, len(whole)) * 100 // len(whole):3d} %", end="", flush=True)
    print("\n  waiting for the ST-LINK to write and verify it", flush=True)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if _text(drive / "FAIL.TXT"):
            raise Stop(FAILED, f"the ST-LINK refused the image: {_text(drive / 'FAIL.TXT')}")
        if drive.is_dir() and not target.exists():
            return
        time.sleep(0.5)
    raise Stop(FAILED, f"the ST-LINK's disk did not come back within {wait_s:.0f} s; look for FAIL.TXT on it")


def main(arguments: list[str] | None = None) -> int:
    here = Path(__file__).resolve().parent
    if not (here / "firmware.bin").exists():  # not in a release folder but in the sources
        here = here.parent / "build" / "STM32F769I_DISCO"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=here, help="folder with firmware.bin and romfs.img (default: this program's own, or what make has built)")
    parser.add_argument("--method", choices=METHODS, help="default: what is there")
    parser.add_argument("--port", help="serial port, for --method serial")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, touch nothing")
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    try:
        images = find_images(args.images)
        machine = Machine(args.root).look()
        method = choose(machine, args.method or ("serial" if args.port else None), args.port, args.dry_run)
        for address, path in images.parts():
            print(f"# {path.stat().st_size:8d} bytes to {address:#010x}  {path}", file=sys.stderr)
        for command in commands(method, images, args.port):
            if args.dry_run:
                print(shlex.join(command))
            elif method == "drive":
                try:
                    copy_to_drive(images, machine.drive)
                except OSError as error:
                    raise Stop(FAILED, f"copying to {machine.drive} failed: {error}. The board may be half written: run this again.") from None
            else:
                run(command)
    except Stop as stop:
        print(f"flash: {stop}", file=sys.stderr)
        return stop.code
    if not args.dry_run:
        print("done: flashed and verified; the prompt is on the ST-LINK's serial port, 115200 baud")
    return 0


if __name__ == "__main__":
    sys.exit(main())
