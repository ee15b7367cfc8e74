"""The same sources give the same bytes, wherever and whenever they are built."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.xdist_group("firmware_build")
def test_two_folders_give_the_same_bytes(repo_root, make, tmp_path):
    """Nobody can check a release by building it; a path, a date or an order of this machine is in the image."""
    make("firmware", "romfs")
    other = tmp_path / "a folder of another name".replace(" ", "-")
    ignored = shutil.ignore_patterns("build", ".git", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(repo_root, other, ignore=ignored, symlinks=True)
    done = subprocess.run(["make", "firmware", "romfs"], cwd=other, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]

    def digests(root: Path) -> dict[str, str]:
        folder = root / "build" / "STM32F769I_DISCO"
        names = ("firmware.bin", "firmware.elf", "firmware.hex", "firmware.dfu", "romfs.img")
        return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}

    assert digests(repo_root) == digests(other)
