"""Evaluation of blobs whose labels are not the released models', and what it draws and writes."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

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
    assert (tmp_path / "odd.png").stat().st_size > 1000 and "accuracy" in capsys.readouterr().out


def test_a_blob_without_keywords_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, not a traceback, and not an accuracy of nothing."""
    model = tmp_path / "none.kws"
    model.write_bytes(random_blob(labels=[f"_{i}" for i in range(12)]))
    monkeypatch.setattr(sys, "argv", ["evaluate", str(model)])
    assert evaluate.main() == 1 and "the model has no keywords" in capsys.readouterr().err
