"""Fixtures that every test folder shares: where things are, the firmware that is tested, and a booted virtual board."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parent.parent
BOARD = "STM32F769I_DISCO"
sys.path.insert(0, str(REPO))

# A checking machine tries the same cases for the same code; at a developer's, each run looks at others.
settings.register_profile("ci", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder of this checkout."""
    return REPO


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The optional folder beside the checkout with real recordings and device facts; without it the test is skipped."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip("there is no ../shared beside this checkout (recordings and device facts)")
    return folder


@pytest.fixture(scope="session")
def make() -> Callable[..., None]:
    """Runs `make TARGET...`, one at a time over all pytest workers; a failure shows the end of what make said."""

    def run(*targets: str) -> None:
        (REPO / "build").mkdir(exist_ok=True)
        with (REPO / "build" / ".make.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(["make", *targets], check=False, cwd=REPO, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"make {' '.join(targets)}: exit {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}", pytrace=False)

    return run


def _built(path: Path, make: Callable[..., None], target: str) -> Path:
    # `make test` has built everything before pytest starts; somebody who calls pytest alone gets what is missing.
    if not path.exists():
        make(target)
    return path


@pytest.fixture(scope="session")
def firmware_elf(make: Callable[..., None]) -> Path:
    """build/STM32F769I_DISCO/firmware.elf, built when it is not there (an old one is used as it is)."""
    return _built(REPO / "build" / BOARD / "firmware.elf", make, "firmware")


@pytest.fixture(scope="session")
def romfs_image(make: Callable[..., None]) -> Path:
    """build/STM32F769I_DISCO/romfs.img: the models of py_app/models."""
    return _built(REPO / "build" / BOARD / "romfs.img", make, "romfs")


@pytest.fixture(scope="session")
def linux_micropython(make: Callable[..., None]) -> Path:
    """build/linux/micropython, the interpreter for this machine."""
    return _built(REPO / "build" / "linux" / "micropython", make, "linux")


@pytest.fixture(scope="session")
def aarch64_micropython(make: Callable[..., None]) -> list[str]:
    """The command that runs build/linux-aarch64/micropython here: as it is on 64-bit Arm, else under qemu."""
    program = str(_built(REPO / "build" / "linux-aarch64" / "micropython", make, "linux"))
    return [program] if os.uname().machine == "aarch64" else ["qemu-aarch64", program]


@pytest.fixture(scope="session")
def micropython_dir() -> Path:
    """The MicroPython sources that the build uses."""
    if own := os.environ.get("MICROPY_DIR"):
        return Path(own)
    cache = os.environ.get("HARK_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hark"
    return Path(cache) / "micropython-1.25.0"


@pytest.fixture
def board(firmware_elf: Path, romfs_image: Path) -> Iterator:
    """A fresh virtual board, booted to the prompt, with the models in its ROMFS and an empty flash chip."""
    from tools.vboard import Board

    one = Board(firmware_elf, romfs=romfs_image)
    one.boot()
    yield one
    close = getattr(one, "close", None)
    if close:
        close()
