"""The release folder: everything is in it, its checksums hold, and its flasher works without the repository."""

import struct
import subprocess
import sys

import pytest

from tools.dist import make_dist
from tools.romfs import pack


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    firmware = struct.pack("<II", 0x20008000, 0x08000401).ljust(4096, b"\x11")
    for name in ("firmware.elf", "firmware.bin", "firmware.hex", "firmware.dfu"):
        (folder / name).write_bytes(firmware)
    (folder / "romfs.img").write_bytes(pack([("dscnn.kws", b"model" * 99)]))
    return folder


@pytest.fixture
def release(images, tmp_path):
    return make_dist(images, "STM32F769I_DISCO", "9.8.7", tmp_path / "out")


def test_contents(release):
    """Somebody downloads a release and cannot flash it, or does not find out what is in it."""
    names = {path.name for path in release.iterdir()}
    assert release.name == "hark-9.8.7"
    assert {"firmware.elf", "firmware.bin", "firmware.hex", "firmware.dfu", "romfs.img", "SHA256SUMS", "FLASHING.txt", "flash.py", "LICENSE"} <= names
    page = (release / "FLASHING.txt").read_text()
    assert "hark 9.8.7" in page.lower() and "/rom/dscnn.kws" in page
    assert len(page.splitlines()) <= 60, "more than one page"
    for name in names - {"FLASHING.txt"}:
        assert name in page or name == "SHA256SUMS", name


def test_checksums(release):
    """`sha256sum -c SHA256SUMS`, which the page tells to run, fails or leaves files unchecked."""
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK") == len(list(release.iterdir())) - 1


def test_its_flasher_works_alone(release, tmp_path):
    """The flasher of a release needs the repository after all."""
    done = subprocess.run([sys.executable, "-I", str(release / "flash.py"), "--dry-run", "--method", "openocd"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "firmware.bin} 0x08000000 verify" in done.stdout, done.stderr


def test_equal_inputs_give_equal_folders(images, release, tmp_path):
    """Nobody can check a release by building it again."""
    again = make_dist(images, "STM32F769I_DISCO", "9.8.7", tmp_path / "again")
    assert {p.name: p.read_bytes() for p in release.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}


def test_missing_image_is_named_and_nothing_is_packed(images, tmp_path):
    """A release without firmware.dfu is published."""
    (images / "firmware.dfu").unlink()
    with pytest.raises(FileNotFoundError, match="firmware.dfu"):
        make_dist(images, "STM32F769I_DISCO", "1", tmp_path / "new")
    assert not (tmp_path / "new" / "hark-1").exists()
