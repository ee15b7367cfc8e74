"""What the demonstration says about a model of the user's own before it starts, and which sentences it plays to it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tools import romfs
from tools.blob import BlobWriter, FrontendConfig, Quant
from tools.demo import __main__ as demo
from tools.demo import speech


def blob(path: Path, labels: list[str], frontend: bool = True, n: int = 48) -> Path:
    config = FrontendConfig(f_high_hz=7600).section() if frontend else b""
    classes = len(labels) or 3
    writer = BlobWriter(frontend=config, labels=labels, decision_hop_frames=4 if frontend else 0)
    x = writer.input((n, 10, 1), Quant(0.1, 0))
    weights = np.random.default_rng(1).integers(-9, 9, (classes, 10 * n)).astype(np.int8)
    writer.fully_connected(x, weights, np.zeros(classes, np.int32), np.full(classes, 0.01), Quant(0.1, 0))
    path.write_bytes(writer.finish())
    return path


def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path) -> tuple[int, str]:
    """Exit status and output."""
    monkeypatch.setattr(sys, "argv", ["demo", "--model", str(model)])
    status = demo.main()
    return status, capsys.readouterr().out


def test_refusals_say_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A model that cannot be demonstrated must not end in a traceback, and the sentence must say what to do."""
    tflite = tmp_path / "a.tflite"
    tflite.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    for path, words in (
        (tflite, "tools.import_tflite"),
        (blob(tmp_path / "bare.kws", ["yes", "no"], frontend=False), "no front end"),
        (blob(tmp_path / "mute.kws", []), "no labels"),
        (blob(tmp_path / "other.kws", ["marvin", "sheila"]), "(marvin, sheila)"),
        (blob(tmp_path / "large.kws", [f"w{i}" for i in range(1100)], n=100), "too many for the board's ROMFS"),
        (Path("dscmm"), "dscmm: neither a file nor a released model; those are: "),
        (Path("no/such/dscnn"), "neither a file nor a released model"),
    ):
        status, out = main(monkeypatch, capsys, path)
        assert status == 2 and words in out and out.count("\n") == 1, out


def test_a_released_model_goes_by_its_name(monkeypatch: pytest.MonkeyPatch, repo_root: Path, tmp_path: Path) -> None:
    """`make demo MODEL=dscnn` must not ask where the file lies; a file of the user's of that name goes first."""
    for path in sorted((repo_root / "py_app" / "models").glob("*.kws")):
        assert demo.find_model(Path(path.stem)) == demo.find_model(Path(path.name)) == demo.find_model(path) == path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dscnn.kws").touch()
    assert demo.find_model(Path("dscnn.kws")) == Path("dscnn.kws")


def test_the_image_holds_the_model(tmp_path: Path) -> None:
    """What fits is put where the app looks for it."""
    path = blob(tmp_path / "mine.kws", ["yes"])
    image = demo.user_image(path)
    places = {name: image[at : at + size] for name, at, size in romfs.unpack(image)}
    assert places["mine.kws"] == path.read_bytes()


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_only_words_of_the_model_are_said(tmp_path: Path) -> None:
    """A model of two words cannot find the other eight: counting those as missed would speak against it."""
    track = speech.cached(tmp_path / "demo.wav", ["yes", "no"])
    assert {word.keyword for word in track.words} == {"", "yes", "no"}
    assert sum(bool(word.keyword) for word in track.words) == 4
    again = speech.cached(tmp_path / "demo.wav", ["yes", "no"])
    assert np.array_equal(again.pcm, track.pcm) and [w.text for w in again.words] == [w.text for w in track.words]
    assert not (tmp_path / "demo.wav").exists(), "the file of all sentences is another one"


def test_make_passes_the_refusal_on(repo_root: Path, tmp_path: Path) -> None:
    """As a program of its own, too, it ends with status 2 and without a traceback."""
    path = blob(tmp_path / "large.kws", [f"w{i}" for i in range(1100)], n=100)
    done = subprocess.run([sys.executable, "-m", "tools.demo", "--model", path], cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stdout + done.stderr
