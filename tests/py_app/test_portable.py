"""Detector and settings behave alike on CPython and on MicroPython, whose ints, JSON and files differ in detail."""

import subprocess
from pathlib import Path

import detector_cases
import pytest
import settings_cases

PORTABLE = Path(__file__).parent / "portable"
MODULES = (detector_cases, settings_cases)
CASES = [(module, name) for module in MODULES for name in dir(module) if name.startswith("case_")]


@pytest.mark.parametrize("module, name", CASES, ids=[name for _, name in CASES])
def test_under_cpython(module, name, tmp_path, monkeypatch):
    """A failure names the rule of the detector or of the settings file that no longer holds."""
    monkeypatch.chdir(tmp_path)
    getattr(module, name)()


def test_under_micropython(tmp_path, linux_micropython, repo_root):
    """The same cases on the interpreter that the board runs: a failure there is a failure on the board."""
    names = [module.__name__ for module in MODULES]
    done = subprocess.run(
        [linux_micropython, PORTABLE / "run_cases.py", repo_root / "py_app", PORTABLE, *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"passed: {len(CASES)}" in done.stdout
