"""Runs the tests that feed extremes and damage to the C code again, on its sanitised build."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import kwslib

FILES = ("test_frontend_section.py", "test_frontend_stages.py", "test_frontend_accuracy.py")


@pytest.mark.parametrize("file", FILES)
def test_nothing_overflows_or_strays(file: str, repo_root: Path) -> None:
    """When this fails, some input overflows an integer or touches memory that is not the front end's."""
    library = kwslib.build("sanitised") / "sanitised" / "libkws.so"
    asan = subprocess.run(["cc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True).stdout.strip()
    environment = {
        **os.environ,
        "KWSLIB": str(library),
        "LD_PRELOAD": asan,
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "not speech", Path(__file__).with_name(file)]
    done = subprocess.run(command, check=False, cwd=repo_root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "passed" in done.stdout, (done.stdout + done.stderr)[-3000:]
