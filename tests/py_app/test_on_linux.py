"""The whole app on the Linux build, with a recording as the microphone."""

import os
import shutil
import subprocess

import pytest
import soundfile

from tools.bench_live.board import parse_events
from tools.bench_live.host import CHUNK_MS, RATE_HZ, HostModel, decide, detect, make_detector
from tools.demo import speech


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_main_prints_what_the_host_computes(linux_micropython, repo_root, tmp_path):
    """`HARK_AUDIO=speech.wav micropython py_app/main.py` must find the keywords that tuning found, or tuning is in vain."""
    step = RATE_HZ * CHUNK_MS // 1000
    pcm = speech.sentences(rounds=1).pcm[: 500 * step]
    wav = tmp_path / "speech.wav"
    soundfile.write(wav, pcm, RATE_HZ, subtype="PCM_16")
    done = subprocess.run(
        [linux_micropython, "py_app/main.py"], cwd=repo_root, env=os.environ | {"HARK_AUDIO": str(wav)}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    model = HostModel((repo_root / "py_app" / "models" / "dscnn.kws").read_bytes())
    expected = [(keyword, time_s) for keyword, _, time_s in detect(make_detector(model), decide(model, pcm))]
    found = [(keyword, time_s) for keyword, _, time_s in parse_events(done.stdout)]
    assert len(expected) >= 3
    assert found == [(keyword, pytest.approx(time_s, abs=0.006)) for keyword, time_s in expected]
