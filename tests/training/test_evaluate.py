"""Evaluation of blobs whose labels are not the released models', and what it draws and writes."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training.test_continuous import random_blob
from training import evaluate
from training.folders import KEYWORDS

LABELS = [*reversed(KEYWORDS), "cat", "_unknown_"]


def test_clips_get_the_blobs_own_labels(split_folders: Callable[..., Path]) -> None:
    """A model of other words, or of the same in another order, would look as if it heard nothing."""
    split = evaluate.split_for(random_blob(labels=LABELS), split_folders(), progress=False)
    assert split.labels == tuple(LABELS) and len(split) == 24, "no silence: the model has no such class"
    for word, label in zip(split.word, split.label, strict=True):
        assert LABELS[label] == (word if word in LABELS else "_unknown_")
    assert split.counts() == dict.fromkeys(LABELS, 2)


def test_longer_windows_have_the_clip_in_their_middle(split_folders: Callable[..., Path]) -> None:
    """A network that looks at more than a second would be refused, or see each word where it never is in training."""
    blob, root = random_blob(frames=65, labels=LABELS), split_folders()
    split, second = (evaluate.split_for(one, root, progress=False) for one in (blob, random_blob(labels=LABELS)))
    assert split.pcm.shape[1] == evaluate.window_samples(blob) == 16000 + 2 * 2480
    assert np.array_equal(split.pcm[:, 2480:-2480], second.pcm) and not split.pcm[:, :2480].any() and not split.pcm[:, -2480:].any()
    assert np.array_equal(split.span, second.span + 2480)
    assert evaluate.predict(blob, split.pcm).shape == (24, 12)


def test_figures_and_matrix_are_written(split_folders: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The recall of each class is what tells a model that never says "go" from one that is a little worse everywhere."""
    model, out = tmp_path / "odd.kws", tmp_path / "odd.json"
    model.write_bytes(random_blob(labels=LABELS))
    monkeypatch.setattr(sys, "argv", ["evaluate", str(model), "--data", str(split_folders()), "--json", str(out), "--plot", str(tmp_path / "odd.png")])
    assert evaluate.main() == 0
    found = json.loads(out.read_text())
    table = found["confusion"]
    assert found["clips"] == sum(map(sum, table)) == 24 and found["labels"] == LABELS and list(found["recall_percent"]) == LABELS
    assert [found["recall_percent"][label] for label in LABELS] == [100 * row[i] / 2 for i, row in enumerate(table)]
    assert found["unheard_speakers"]["clips"] == 24
    assert (tmp_path / "odd.png").stat().st_size > 1000 and "accuracy" in capsys.readouterr().out


def test_speakers_that_training_heard_are_told_apart(split_folders: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An accuracy on voices that were trained with says too much of what strangers get, whichever word it was."""
    root, model, out = split_folders(), tmp_path / "odd.kws", tmp_path / "odd.json"
    model.write_bytes(random_blob(labels=LABELS))
    known = [next((root / "test" / word).iterdir()) for word in ("yes", "no", "bird")]
    for i, path in enumerate(known):
        first = root / "train" / "cat" / f"0000000{i}_nohash_0.flac"
        first.rename(first.with_name(f"feed{i}_nohash_0.flac"))
        path.rename(path.with_name(f"feed{i}_nohash_1.flac"))
    monkeypatch.setattr(sys, "argv", ["evaluate", str(model), "--data", str(root), "--json", str(out)])
    assert evaluate.main() == 0
    result = json.loads(out.read_text())
    split = evaluate.split_for(model.read_bytes(), root, progress=False)
    kept = np.array(["feed" not in path for path in split.path])
    right = evaluate.predict(model.read_bytes(), split.pcm).argmax(axis=1) == split.label
    assert result["clips"] == 24
    assert result["unheard_speakers"] == {"clips": 21, "accuracy_percent": round(100 * float(right[kept].mean()), 2)}
    printed = capsys.readouterr().out
    assert "of the 21 clips of speakers who say nothing in the train split" in printed and "'stop'" not in printed


def test_without_speakers_in_the_names_nothing_is_said_of_them(split_folders: Callable[..., Path]) -> None:
    """Nobody knows then who was heard, and all clips would pass as strangers'."""
    root = split_folders()
    for path in (root / "test").rglob("*.flac"):
        path.rename(path.with_name(path.name.replace("_nohash_", "_")))
    assert "unheard_speakers" not in evaluate.of_folder(random_blob(labels=LABELS), root)[0]


def test_a_blob_without_keywords_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, not a traceback, and not an accuracy of nothing."""
    model = tmp_path / "none.kws"
    model.write_bytes(random_blob(labels=[f"_{i}" for i in range(12)]))
    monkeypatch.setattr(sys, "argv", ["evaluate", str(model)])
    assert evaluate.main() == 1 and "the model has no keywords" in capsys.readouterr().err
