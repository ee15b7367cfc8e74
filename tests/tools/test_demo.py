"""`make demo` as a program: the virtual board, mpremote and the app together, and what it says when it cannot start."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tools.demo import speech


def run(repo_root, *arguments, timeout=400):
    command = [sys.executable, "-m", "tools.demo", *map(str, arguments)]
    done = subprocess.run(command, cwd=repo_root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.xdist_group("demo")
@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_demo_of_a_recording(repo_root, firmware_elf, romfs_image, tmp_path):
    """Without a terminal, from a stereo file at another rate: it says so, finds keywords, loses no sample, draws the picture."""
    said = [speech.say(word, *speech.VOICES[0]) for word in ("yes", "right", "off")]
    pcm = np.concatenate([np.concatenate([np.zeros(16000), word, np.zeros(8000)]) for word in said])
    pcm = pcm + 0.001 * np.random.default_rng(1).standard_normal(len(pcm))
    wav, png = tmp_path / "mine.wav", tmp_path / "mine.png"
    soundfile.write(wav, np.stack([pcm, pcm], axis=1) * 0.5, 16000)
    status, out = run(repo_root, "--wav", wav, "--picture", png)
    assert status == 0, out
    assert "2 channels" in out
    found = re.findall(r"\d+\.\d\d s +(\S+) +\d\.\d\d", out)
    assert len(set(found) & {"yes", "right", "off"}) >= 2, out
    assert re.search(r"samples lost\W+0\b", out) and "x real time" in out
    assert png.read_bytes()[:4] == b"\x89PNG"


def test_demo_refuses_with_the_reason(repo_root, tmp_path):
    """A wrong file or model ends at once, with exit status 2 and a sentence."""
    bad = tmp_path / "bad.kws"
    bad.write_bytes(b"HARK\2\0\0\0")
    for arguments, words in (
        (("--wav", tmp_path / "none.wav"), "no such file"),
        (("--model", bad), "bytes are less"),
        (("--wav", "a.wav", "--mic"), "exclude each other"),
    ):
        status, out = run(repo_root, *arguments)
        assert status == 2 and words in out.replace("\n", " "), out
        assert "Traceback" not in out


def test_a_killed_demo_takes_its_board_with_it(repo_root, firmware_elf):
    """A virtual board that nobody knows of would keep a core of the PC busy for ever."""
    script = "import sys, time; from tools.demo.session import VirtualBoard as V; b = V(sys.argv[1:]); print(b._process.pid, flush=True); time.sleep(600)"
    demo = subprocess.Popen([sys.executable, "-c", script, str(firmware_elf)], cwd=repo_root, stdout=subprocess.PIPE, text=True)
    board = Path("/proc") / demo.stdout.readline().strip()
    assert "tools.vboard" in (board / "cmdline").read_text()
    demo.kill()
    demo.wait()
    until = time.monotonic() + 20
    while board.exists() and " Z " not in (board / "stat").read_text():
        assert time.monotonic() < until, "the board is still there"
        time.sleep(0.05)
