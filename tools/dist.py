"""Packs a release folder: firmware images, the ROMFS image with the models, checksums, the flasher and one page on using it.

    python -m tools.dist --images build/STM32F769I_DISCO --board STM32F769I_DISCO --version 0.1.0 --out build/dist

The folder is made aside and renamed, so that a half packed one is never found. Equal inputs give equal bytes.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from tools.romfs import unpack

REPO = Path(__file__).resolve().parent.parent
IMAGES = ("firmware.elf", "firmware.bin", "firmware.hex", "firmware.dfu", "romfs.img")
PAPERS = ("LICENSE", "NOTICE")

PAGE = """\
Hark {version} for {board}: keyword spotting, flashed in one step
=================================================================

With a Linux computer, this folder and Python 3.10 or later:

    python3 flash.py

It looks for a way to reach the board, writes the firmware and the models, and verifies both. When something is missing
it says what. `python3 flash.py --dry-run` only shows the commands. Check the download first:  sha256sum -c SHA256SUMS

Connect the USB socket of the ST-LINK. Any one of these ways is enough:

  openocd    OpenOCD (Debian: apt install openocd)            python3 flash.py --method openocd
  st-flash   stlink-tools (Debian: apt install stlink-tools)  python3 flash.py --method st-flash
  drive      no program: the disk DIS_F769NI must be mounted  python3 flash.py --method drive
  serial     stm32flash and the chip's ROM bootloader, started
             with BOOT0 high at power-up                      python3 flash.py --method serial --port /dev/ttyUSB0

By hand:     firmware.bin goes to 0x08000000, romfs.img (the app and the models) to 0x08100000.
DFU:         firmware.dfu, for the ROM bootloader on the USB user socket:  dfu-util -a 0 -D firmware.dfu

Then         open the ST-LINK's serial port at 115200 baud, for example with:  mpremote connect /dev/ttyACM0 repl
and type     import main            (or: mpremote run main.py, from the sources)
then Ctrl-C  main.app.set("gain_db", 26); main.app.save()      once: the board's microphones are quiet at 0 dB, the default

Models alone, over the serial port and without a flasher:  mpremote romfs deploy romfs.img

What is in the ROMFS image:
{contents}

What is in this folder:
{files}
"""


def make_dist(images: Path, board: str, version: str, out: Path) -> Path:
    """Makes out/hark-<version> and returns it. FileNotFoundError names an image that was not built."""
    target = out / f"hark-{version}"
    aside = out / f".hark-{version}.part"
    for folder in (aside, target):
        if folder.exists():
            shutil.rmtree(folder)
    aside.mkdir(parents=True)
    for source in [images / name for name in IMAGES] + [REPO / name for name in PAPERS if (REPO / name).exists()]:
        if not source.is_file():
            raise FileNotFoundError(f"{source} is not there; `make firmware romfs` builds it")
        shutil.copyfile(source, aside / source.name)
    shutil.copyfile(REPO / "tools" / "flash.py", aside / "flash.py")
    files = sorted(path for path in aside.iterdir())
    contents = [f"  {length:8d} bytes  /rom/{path}" for path, _, length in unpack((images / "romfs.img").read_bytes())]
    sizes = [f"  {path.stat().st_size:8d} bytes  {path.name}" for path in files]
    page = PAGE.format(version=version, board=board, contents="\n".join(contents), files="\n".join(sizes))
    (aside / "FLASHING.txt").write_text(page)
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(aside.iterdir()))
    (aside / "SHA256SUMS").write_text("".join(sums))
    aside.rename(target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.dist", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder with firmware.* and romfs.img")
    parser.add_argument("--board", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        target = make_dist(args.images, args.board, args.version, args.out)
    except FileNotFoundError as e:
        print(e, file=sys.stderr)
        return 1
    print(f"release folder: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
