"""mpremote, unchanged, against the virtual board's pseudo-terminal and TCP port."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.romfs import pack

pytestmark = pytest.mark.xdist_group("mpremote")  # one board for all of them


@pytest.fixture(scope="module")
def port(firmware_elf: Path, repo_root: Path) -> Iterator[list[str]]:
    """[pseudo-terminal, TCP address] of a running board."""
    command = [sys.executable, "-m", "tools.vboard", str(firmware_elf), "--tcp", "0"]
    board = subprocess.Popen(command, cwd=repo_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield [board.stdout.readline().strip(), board.stdout.readline().strip()]
    finally:
        board.terminate()
        assert "virtual seconds" in board.communicate(timeout=60)[1]


@pytest.fixture
def mpremote(port: list[str]) -> Callable[..., str]:
    """mpremote(arguments...) -> what it printed."""

    def call(*arguments: str, address: str = port[0]) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", address, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_run_and_exec(mpremote: Callable[..., str], tmp_path: Path) -> None:
    """`mpremote run` is how the demo starts."""
    script = tmp_path / "hello.py"
    script.write_text("# " + "x" * 3000 + "\nprint('from a file', 6 * 7)\n")
    assert mpremote("exec", "print(1 + 1)") == "2\n"
    assert mpremote("run", str(script)) == "from a file 42\n"


def test_resume_keeps_what_runs(mpremote: Callable[..., str]) -> None:
    """Live changes of the app rest on `mpremote resume exec`."""
    mpremote("exec", "--no-follow", "kept = 5")
    assert mpremote("resume", "exec", "print(kept)") == "5\n"


def test_files_go_there_and_back(mpremote: Callable[..., str], tmp_path: Path) -> None:
    """Every byte of a copied file must arrive; 10 KB is more than any buffer on the way."""
    there, back = tmp_path / "there.bin", tmp_path / "back.bin"
    there.write_bytes(os.urandom(10_000))
    mpremote("cp", str(there), ":copy.bin")
    assert "10000 copy.bin" in mpremote("ls")
    mpremote("cp", ":copy.bin", str(back))
    assert back.read_bytes() == there.read_bytes()
    mpremote("rm", ":copy.bin")
    assert "copy.bin" not in mpremote("ls")


def test_mount_serves_the_hosts_folder(mpremote: Callable[..., str], tmp_path: Path) -> None:
    """A module in the mounted folder is imported without a copy."""
    (tmp_path / "on_the_host.py").write_text("answer = 42\n")
    assert mpremote("mount", str(tmp_path), "exec", "import on_the_host; print(on_the_host.answer)").endswith("42\n")


def test_resets(mpremote: Callable[..., str]) -> None:
    """Both resets leave a board that answers."""
    mpremote("soft-reset")
    assert mpremote("exec", "import machine; print(machine.reset_cause() == machine.SOFT_RESET)") == "True\n"
    mpremote("reset")
    assert mpremote("sleep", "0.5", "resume", "exec", "import machine; print(machine.reset_cause() == machine.HARD_RESET)") == "True\n"


def test_romfs(mpremote: Callable[..., str]) -> None:
    """The partition is found, with its size."""
    assert "1048576 bytes" in mpremote("romfs", "query")


def test_romfs_deploy(mpremote: Callable[..., str], tmp_path: Path) -> None:
    """A model that is deployed is there after the reset, whole, and mapped rather than read."""
    data = os.urandom(9_001)
    image = tmp_path / "new.romfs"
    image.write_bytes(pack([("model.bin", data)]))
    mpremote("romfs", "deploy", str(image))
    found = mpremote("exec", "m = memoryview(open('/rom/model.bin', 'rb')); import hashlib, binascii, uctypes; "
                     "print(len(m), binascii.hexlify(hashlib.sha256(m).digest()).decode(), hex(uctypes.addressof(m) >> 20))")  # fmt: skip
    assert found == f"9001 {hashlib.sha256(data).hexdigest()} 0x81\n"


def test_tcp(mpremote: Callable[..., str], port: list[str]) -> None:
    """The same over TCP, for tools on another machine or without pseudo-terminals."""
    assert mpremote("exec", "print('tcp')", address=port[1]) == "tcp\n"
