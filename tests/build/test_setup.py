"""The set-up scripts stop with what, from where, expected and got, and leave nothing half done."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDER = Path("tools") / "setup"
# An address at which nothing listens: port 9 of this machine.
DEAD_MIRROR = "http://127.0.0.1:9/debian"


@pytest.fixture
def script(repo_root, tmp_path):
    """Runs a set-up script with a cache of its own, and gives back the ended process."""

    def run(name: str, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "HARK_CACHE": str(tmp_path / "cache"), "PYTHON": sys.executable, **env}
        for left_over in ("HARK_MICROPY_TARBALL", "HARK_DEBIAN_MIRROR"):
            if left_over not in env:
                environment.pop(left_over, None)
        command = [str(repo_root / FOLDER / name), *map(str, arguments)]
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)

    return run


def left_in(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if not path.name.startswith(".lock-")}


def test_a_wrong_tarball_stops_before_it_is_unpacked(script, tmp_path):
    """A damaged or exchanged download is built and flashed."""
    tarball = tmp_path / "sources.tar.xz"
    tarball.write_bytes(b"not what Debian signed")
    done = script("micropython.sh", tmp_path / "cache" / "mp", HARK_MICROPY_TARBALL=str(tarball))
    assert done.returncode == 1
    for word in ("MicroPython", str(tarball), "7b25be99a502f070", hashlib.sha256(tarball.read_bytes()).hexdigest(), "expected", "got"):
        assert word in done.stderr
    assert left_in(tmp_path / "cache") == set()


def test_a_missing_tarball_is_named(script, tmp_path):
    """A typing error in HARK_MICROPY_TARBALL= is not told."""
    done = script("micropython.sh", tmp_path / "cache" / "mp", HARK_MICROPY_TARBALL="/no/such/file")
    assert done.returncode == 1 and "/no/such/file" in done.stderr


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is what fetches here, and this machine has none")
def test_an_unreachable_mirror_is_named(script, tmp_path):
    """Without a network the build hangs, or fails without a word about what it wanted from where."""
    done = script("micropython.sh", tmp_path / "cache" / "mp", HARK_DEBIAN_MIRROR=DEAD_MIRROR)
    assert done.returncode == 1
    for word in ("micropython_1.25.0+ds.orig.tar.xz", DEAD_MIRROR, "expected", "got", "MICROPY_DIR"):
        assert word in done.stderr
    assert left_in(tmp_path / "cache") == set()


def test_an_unwritable_cache_is_named(script, tmp_path):
    """Somebody without a home folder gets a page of shell errors."""
    (tmp_path / "file").touch()
    done = script("micropython.sh", tmp_path / "mp", HARK_CACHE=str(tmp_path / "file" / "cache"))
    assert done.returncode == 1 and "HARK_CACHE" in done.stderr


@pytest.fixture
def bare_path(tmp_path) -> str:
    """A PATH with the shell's everyday programs and nothing that the project has to install."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("bash", "sed", "id", "dirname", "env", "cat", "mkdir", "flock"):
        (folder / program).symlink_to(shutil.which(program))
    return str(folder)


def test_missing_packages_are_named_where_nothing_can_install_them(script, bare_path):
    """On a machine without apt the user is not told which programs are missing."""
    done = script("apt.sh", "demo", PATH=bare_path)
    assert done.returncode == 1 and "espeak-ng sox" in done.stderr


def test_packages_that_are_there_are_not_installed_again(script, bare_path, tmp_path):
    """Each make asks for root though nothing is missing."""
    for program in ("espeak-ng", "sox"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    done = script("apt.sh", "demo", PATH=bare_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_apt_is_asked_for_what_is_missing_only(script, bare_path, tmp_path):
    """The set-up installs packages that it does not need, or stops at old package lists without fetching new ones."""
    apt = tmp_path / "bin" / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log\n[ "$1" = update ] || [ -e {tmp_path}/updated ] || {{ : > {tmp_path}/updated; exit 100; }}\n')
    apt.chmod(0o755)
    (tmp_path / "bin" / "sox").symlink_to("/bin/true")
    (tmp_path / "bin" / "id").unlink()
    (tmp_path / "bin" / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "bin" / "id").chmod(0o755)
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    done = script("apt.sh", "demo", PATH=bare_path)
    assert done.returncode == 0, done.stderr
    first, update, second = (tmp_path / "log").read_text().splitlines()
    assert first == second and first.startswith("install ") and first.endswith(" espeak-ng") and update.startswith("update")


def wheel(folder: Path) -> tuple[str, str]:
    """A lock's line for a package of our own making in `folder`, which stands for the index, and its SHA-256."""
    path = folder / "harktest-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("harktest.py", "value = 42\n")
        z.writestr("harktest-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harktest\nVersion: 1.0\n")
        z.writestr("harktest-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("harktest-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"harktest==1.0 --hash=sha256:{digest}\n", digest


@pytest.fixture
def offline_pip(tmp_path) -> dict[str, str]:
    index = tmp_path / "index"
    index.mkdir()
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": "/dev/null"}


def test_environment_holds_what_the_lock_pins(script, offline_pip, tmp_path):
    """`make` in a fresh clone gets no Python environment."""
    line, _ = wheel(tmp_path / "index")
    (tmp_path / "lock.txt").write_text(line)
    assert script("venv.sh", tmp_path / "lock.txt", tmp_path / "cache" / "venv", **offline_pip).returncode == 0
    python = tmp_path / "cache" / "venv" / "bin" / "python"
    assert subprocess.check_output([python, "-c", "import harktest; print(harktest.value)"]) == b"42\n"
    again = script("venv.sh", tmp_path / "lock.txt", tmp_path / "cache" / "venv", **offline_pip)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_package_of_another_hash_is_refused(script, offline_pip, tmp_path):
    """An exchanged package is installed and run."""
    line, digest = wheel(tmp_path / "index")
    (tmp_path / "lock.txt").write_text(line.replace(digest, "0" * 64))
    done = script("venv.sh", tmp_path / "lock.txt", tmp_path / "cache" / "venv", **offline_pip)
    assert done.returncode == 1
    for word in ("harktest", "0" * 64, digest, "lock.txt"):
        assert word in done.stderr
    assert left_in(tmp_path / "cache") == set()


def test_wrong_python_is_named(script, tmp_path):
    """On a machine with an old Python the user sees a page of pip's errors instead of the versions that will do."""
    done = script("venv.sh", tmp_path / "lock.txt", tmp_path / "cache" / "venv", PYTHON="/no/such/python")
    assert done.returncode == 1 and "3.11" in done.stderr and "/no/such/python" in done.stderr
