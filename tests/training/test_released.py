"""The released model: its figures are those of its bytes."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tools.blob import read
from training.data import load
from training.evaluate import evaluate
from training.folders import KEYWORDS, labels_of

GOAL_PERCENT = 91.0


@pytest.fixture
def model(repo_root: Path) -> Path:
    return repo_root / "py_app" / "models" / "dscnn.kws"


def test_manifest_is_the_blobs(model: Path) -> None:
    """A manifest of other bytes tells users figures that their model does not have."""
    manifest, blob = json.loads(model.with_suffix(".json").read_text()), model.read_bytes()
    assert manifest["sha256"] == hashlib.sha256(blob).hexdigest() and manifest["blob_bytes"] == len(blob)
    info = read(blob)
    assert {key: manifest[key] for key in info.meta} == info.meta
    assert manifest["command"].startswith("python -m training.train") and isinstance(manifest["seed"], int)
    assert "CC BY 4.0" in manifest["data"] and "stop" in manifest["note_on_stop"]
    assert list(info.labels) == list(labels_of()) == manifest["labels"]


def test_detector_defaults_are_complete(model: Path) -> None:
    """The app starts with these; a missing keyword would have no tuned threshold."""
    detector = read(model.read_bytes()).meta["detector"]
    assert 1 <= detector["window"] <= 32 and detector["refractory_ms"] >= 0
    assert set(detector["threshold"]) == set(KEYWORDS) and all(0 < t < 1 for t in detector["threshold"].values())


@pytest.mark.needs_shared
def test_accuracy_on_the_test_split_is_what_the_manifest_says(model: Path, shared_dir: Path) -> None:
    """The promise of the release: at least 91 % through the C core, float and int8 as stated."""
    manifest = json.loads(model.with_suffix(".json").read_text())
    test = load(shared_dir / "data" / "speech", ("test",), progress=False).splits["test"]
    figures, _ = evaluate(model.read_bytes(), test)
    assert figures["accuracy_percent"] == manifest["test"]["accuracy_int8_percent"] >= GOAL_PERCENT
    assert figures["recall_percent"] == manifest["test"]["recall_int8_percent"]
    assert figures["clips"] == manifest["test"]["clips"] == 2356
    assert abs(manifest["test"]["accuracy_float_percent"] - figures["accuracy_percent"]) < 1.0
