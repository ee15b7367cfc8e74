"""`python -m tools.import_tflite` as somebody types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from fuzz_seeds import seeds
from tflite_graphs import GraphBuilder, Pad

from tools.blob.reader import read
from tools.import_tflite import import_model, labels
from tools.import_tflite.frontend import configured
from tools.import_tflite.show import warnings
from tools.kwslib import Frontend, Model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Input int8 [1, 24], reshaped to 6 rows of 4."""
    path = tmp_path / "moves.tflite"
    path.write_bytes(seeds()[1])
    return path


def run(repo: Path, *args: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "tools.import_tflite", *map(str, args)], cwd=repo, capture_output=True, text=True, check=False)


def test_bare(repo_root: Path, model: Path) -> None:
    """A network without a front end runs; what was said of it is kept in the blob."""
    done = run(repo_root, model, "-o", model.with_suffix(".kws"), "--meta", "note=a b=c")
    assert done.returncode == 0, done.stderr
    info = read(model.with_suffix(".kws").read_bytes())
    assert info.meta["note"] == "a b=c" and info.meta["source"] == "moves.tflite" and len(info.meta["source_sha256"]) == 64
    assert info.meta["input"] == {"type": "int8", "scale": pytest.approx(0.1), "zero_point": 5}
    assert not info.frontend and "arena" in done.stdout and "transpose" not in done.stderr
    Model(model.with_suffix(".kws").read_bytes())


def test_frontend(repo_root: Path, model: Path, tmp_path: Path) -> None:
    """With a front end the blob takes sound: features in the scale that the network's input has."""
    first, second = tmp_path / "first.kws", tmp_path / "second.kws"
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"word {i}\n" for i in range(12)))
    config = tmp_path / "frontend.json"
    config.write_text(json.dumps({"n_mels": 20, "n_dct": 4, "mean": [1.0, 2.0, 3.0, 4.0], "std": 2.5}))
    done = run(repo_root, model, "-o", first, "--labels-file", labels, "--frontend", config, "--decision-hop", 3)
    assert done.returncode == 0, done.stderr
    ours = Model(first.read_bytes())
    assert ours.input_shape == (6, 1, 4) and ours.decision_hop_frames == 3 and ours.labels[11] == "word 11"
    fe = Frontend(read(first.read_bytes()).frontend)
    pcm = np.random.default_rng(1).integers(-3000, 3000, 8000).astype(np.int16)
    raw = fe.raw(pcm) / 2**fe.raw_frac_bits
    expected = np.clip((raw - [1, 2, 3, 4]) / 2.5 / 0.1 + 5, -128, 127)
    assert np.abs(fe.features(pcm) - expected).max() < 1.01
    done = run(repo_root, model, "-o", second, "--frontend-from", first, "--stream", "off", "--labels", ",".join("abcdefghijkl"))
    assert done.returncode == 0, done.stderr
    assert read(second.read_bytes()).frontend == read(first.read_bytes()).frontend and not Model(second.read_bytes()).streaming


def test_nothing_is_written(repo_root: Path, model: Path, tmp_path: Path) -> None:
    """A refused model leaves the file of before as it was, and no other file."""
    out = tmp_path / "out.kws"
    out.write_bytes(b"before")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(model.read_bytes()[:-40])
    b = GraphBuilder()
    x, y = b.tensor((1, 24), 0.1, 0), b.tensor((1, 24), 0.1, 0)
    b.add("CUMSUM", [x], y)
    unsupported = tmp_path / "unsupported.tflite"
    unsupported.write_bytes(b.bytes([x], [y]))
    broken, binary = tmp_path / "broken.json", tmp_path / "labels.bin"
    broken.write_text('{"n_mels": ')
    binary.write_bytes(b"yes\n\xff\xfe")
    before = sorted(p.name for p in tmp_path.iterdir())
    for arguments, text in [
        ([damaged], "damaged"),
        ([unsupported], "operator 0 (CUMSUM"),
        ([tmp_path / "none.tflite"], "No such file"),
        ([model, "--frontend", "n_mels=20,n_dct=5"], "24 values, which are not rows of the front end's 5 features"),
        ([model, "--frontend", "n_mel=20"], "unknown n_mel"),
        ([model, "--frontend", "n_mels=20.5"], "n_mels"),
        ([model, "--frontend", "n_mels=many"], "--frontend n_mels=many: n_mels = 'many' is no number"),
        ([model, "--frontend", "n_dct=inf"], "--frontend n_dct=inf: n_dct = inf is no whole number"),
        ([model, "--frontend", "n_dct=4,,mean=1"], "KEY=VALUE is expected, not ''"),
        ([model, "--frontend", "n_dct=4,std=0"], "std = 0: a standard deviation is above 0"),
        ([model, "--frontend", "n_dct=4,mean=nan"], "mean = nan is no number"),
        ([model, "--frontend", ""], "--frontend "),
        ([model, "--frontend", "fluted"], "--frontend 'fluted': neither"),
        ([model, "--frontend", broken], f"--frontend {broken}: "),
        ([model, "--frontend-from", broken], f"--frontend-from {broken}: "),
        ([model, "--decision-hop", -1], "--decision-hop -1: 1 to 65535"),
        ([model, "--decision-hop", 0, "--frontend", "n_dct=4"], "--decision-hop 0: 1 to 65535"),
        ([model, "--decision-hop", 70000, "--frontend", "n_dct=4"], "--decision-hop 70000: 1 to 65535"),
        ([model, "--decision-hop", 2], "--decision-hop 2: a network without a front end"),
        ([model, "--labels", ""], "--labels: no labels"),
        ([model, "--labels", "a, ,b"], "--labels: label 2 of 3 is empty"),
        ([model, "--labels", "a, b,a "], "--labels: 'a' is there 2 times"),
        ([model, "--labels-file", binary], f"--labels-file {binary}: no text"),
        (["/dev/zero"], "more than 67108864 bytes"),
        ([model, "--frontend-from", model], f"--frontend-from {model}: "),
        ([model, "--labels", "a,b"], "2 labels for 12 classes"),
        ([model, "--meta", "note"], "KEY=VALUE"),
    ]:
        done = run(repo_root, *arguments, "-o", out)
        assert done.returncode == 1 and text in done.stderr and "Traceback" not in done.stderr, (arguments, done.stderr)
        assert out.read_bytes() == b"before" and sorted(p.name for p in tmp_path.iterdir()) == before


def test_where_it_is_written(repo_root: Path, model: Path, tmp_path: Path) -> None:
    """A device or a link in the place of the output stays what it is; the model is not written over; errors name the output."""
    real, link, pipe = tmp_path / "real.kws", tmp_path / "link.kws", tmp_path / "pipe"
    real.write_bytes(b"before")
    link.symlink_to(real)
    assert run(repo_root, model, "-o", link).returncode == 0
    assert link.is_symlink() and real.read_bytes()[:4] == b"HARK"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = run(repo_root, model, "-o", pipe)
    assert done.returncode == 0 and os.read(reader, 4) == b"HARK" and pipe.is_fifo()
    os.close(reader)
    for output, text in [
        (model, "is the same file as the input"),
        (tmp_path / "none" / "out.kws", f"'{tmp_path / 'none' / 'out.kws'}'"),
        (tmp_path, f"'{tmp_path}'"),
        (Path("/dev/full"), "'/dev/full'"),
    ]:
        done = run(repo_root, model, "-o", output)
        assert done.returncode == 1 and text in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert model.read_bytes() == seeds()[1] and Path("/dev/full").is_char_device()


def temporal(padding: str, scores: str) -> bytes:
    """8 frames of 4: a convolution over 3 of them, a mean over time, and softmax or not."""
    b = GraphBuilder()
    x = source = b.tensor((1, 8, 1, 4), 0.1, 0)
    if padding == "causal":
        x = b.add("PAD", [x, b.ints([[0, 0], [2, 0], [0, 0], [0, 0]])], b.tensor((1, 10, 1, 4), 0.1, 0))
    w = b.tensor((3, 3, 1, 4), 0.01, data=np.ones((3, 3, 1, 4), np.int8))
    rows = 6 if padding == "valid" else 8
    kind = Pad.SAME if padding == "same" else Pad.VALID
    y = b.add("CONV_2D", [x, w, -1], b.tensor((1, rows, 1, 3), 0.1, 0), strideH=1, strideW=1, padding=kind, dilationHFactor=1, dilationWFactor=1)
    y = b.add("MEAN", [y, b.ints([1, 2])], b.tensor((1, 3), 0.1, 0), keepDims=False)
    if scores == "softmax":
        y = b.add("SOFTMAX", [y], b.tensor((1, 3), 1 / 256, -128), beta=1.0)
    return b.bytes([source], [y])


BEFORE = "layer 0 pads the front of time: a stream sees the sound before the window there, so its scores are not the window's"
NO_LABELS, NO_SOFTMAX = "warning: no labels: kws.Stream works, the app and make demo need --labels", "warning: the output is no softmax"
REPORTS = {
    "causal": (["causal", "softmax"], [], ["streams", "keeps", BEFORE, NO_LABELS, "a step for each frame runs"], [NO_SOFTMAX]),
    "valid": (["valid", "logits"], ["--labels", "a,b,c"], ["a mean over time (nothing to do: it is cheap)", NO_SOFTMAX], ["front of time", NO_LABELS]),
    "same": (["same", "softmax"], [], ["use padding 'valid' or causal", "no step program: no layer streams", "for each 4 frames"], ["keeps", "op 0"]),
    "off": (["causal", "softmax"], ["--stream", "off"], ["window mode only"], ["keeps", "because", "front of time"]),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report(repo_root: Path, tmp_path: Path, name: str) -> None:
    """What the designer of a network must know before it runs on a board, and nothing that is not so."""
    network, options, there, missing = REPORTS[name]
    path = tmp_path / "model.tflite"
    path.write_bytes(temporal(*network))
    command = [sys.executable, "-m", "tools.import_tflite", path, "-o", tmp_path / "model.kws", "--frontend", "n_mels=8,n_dct=4", *options]
    done = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "180"})
    assert done.returncode == 0, done.stderr
    for text in there:
        assert text in done.stdout, (text, done.stdout)
    for text in missing:
        assert text not in done.stdout, (text, done.stdout)


def test_a_model_larger_than_the_board() -> None:
    """Flashing would fail, or leave no room for the app."""
    b = GraphBuilder()
    x, w = b.tensor((1, 1100), 0.1, 0), b.tensor((1000, 1100), 0.01, data=np.ones((1000, 1100), np.int8))
    blob = import_model(b.bytes([x], [b.add("FULLY_CONNECTED", [x, w, -1], b.tensor((1, 1000), 0.1, 0))])).blob
    assert [text for text in warnings(read(blob)) if "ROMFS has 1,048,576 bytes" in text]


def test_labels(tmp_path: Path) -> None:
    """Blanks, an editor's byte order mark and an empty last line are no part of a name; a gap is told of."""
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffyes \r\n no\n\n".encode())
    assert labels.from_file(path) == labels.from_text(" yes, no ") == ["yes", "no"]
    path.write_text("yes\n\nno\n")
    with pytest.raises(ValueError, match=r"--labels-file .*: label 2 of 3 is empty"):
        labels.from_file(path)


def test_frontend_values() -> None:
    """Front ends that cannot be are told of by their field."""
    for values, text in [
        ({"mean": [1.0, 2.0], "n_dct": 4}, "mean has 2 numbers"),
        ({"mean": "x"}, "mean"),
        ({"std": [1, -1, 1, 1], "n_dct": 4}, "std = -1"),
        ({"fft_len": 500}, "fft_len"),
        ({"fft_len": 256, "window_len": 256, "hop_len": 160, "n_mels": 100}, "no FFT bin"),
        ({"floor": True}, "floor"),
    ]:
        with pytest.raises(ValueError, match=text):
            configured(values)
