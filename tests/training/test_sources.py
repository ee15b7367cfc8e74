"""Runs that a run starts or learns from: what cannot be used is told by key and folder, before recordings are read."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training import train
from training.config import parse, to_json
from training.sources import check_sources

Maker = Callable[..., str]
SOURCE = ("keywords=yes", "epochs=2")


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Makes a folder as a run of these overrides leaves it, less its contents, and says where."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, *overrides: str, epochs: int = 2, without: str = "") -> str:
        folder = Path("build/runs") / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(to_json(parse([*SOURCE, *overrides, f"name={name}"]))))
        if epochs:
            np.savez(folder / "checkpoint.npz", history=json.dumps([{"loss": 1.0}] * epochs))
        for file in ("frontend.bin", "float.npz"):
            (folder / file).touch()
        if without:
            (folder / without).unlink()
        return str(folder)
    return make


def test_usable_runs_are(finished: Maker) -> None:
    check_sources(parse(["keywords=yes", f"start={finished('begun')}", f"teacher={finished('plain')} {finished('knows_more', 'told_apart=cat')}"]))
    check_sources(parse(["keywords=yes", "channels=64", "start=build/runs/begun"]))                 # which is the default
    check_sources(parse(["keywords=yes", "told_apart=cat", f"teacher={finished('another', 'keywords=yes cat')}", "around_ms=100"]))


@pytest.mark.parametrize(("key", "made", "message"), [
    ("start", {"without": "config.json"}, "start=build/runs/source is no finished run: build/runs/source/config.json is not there"),
    ("start", {"without": "frontend.bin"}, "source/frontend.bin is not there"),
    ("teacher", {"without": "float.npz"}, "teacher=build/runs/source is no finished run: build/runs/source/float.npz is not there"),
    ("teacher", {"epochs": 1}, "teacher=build/runs/source has 1 of its 2 epochs"),
    ("start", {"epochs": 0}, "start=build/runs/source has 0 of its 2 epochs"),
])
def test_unfinished_run(finished: Maker, key: str, made: dict, message: str) -> None:
    """Half-trained teachers would be believed, and the manifest would name commands that make something else."""
    with pytest.raises(ValueError, match=message):
        check_sources(parse(["keywords=yes", f"{key}={finished('source', **made)}"]))


@pytest.mark.parametrize(("key", "overrides", "message"), [
    ("start", ["model=tc_resnet8"], "has model=tc_resnet8 channels=0, this run has model=ds_cnn channels=0"),
    ("start", ["channels=8"], "channels=8, this run has model=ds_cnn channels=16: its weights do not fit"),
    ("start", ["keywords=no"], "listens for no; a run that goes on from it has the same keywords"),
    ("teacher", ["around_ms=100"], "teacher=build/runs/source hears more of a window than around_ms=0 leaves"),
    ("teacher", ["keywords=no"], "does not know yes; a teacher knows all words of its student"),
])
def test_run_that_does_not_fit(finished: Maker, key: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_sources(parse(["keywords=yes", "channels=16" if "channels=8" in overrides else "channels=0", f"{key}={finished('source', *overrides)}"]))


def test_refused_run_reads_and_leaves_nothing(finished: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Half a minute of reading recordings before a misspelt folder is told; a folder that then counts as a run."""
    finished("other")
    for arguments, message in ((["teacher=nobody"], "teacher=nobody is no finished run"), (["start=build/runs/other", "keywords=no"], "listens for yes")):
        monkeypatch.setattr(sys, "argv", ["train", "data=nowhere", "name=refused", *arguments])
        assert train.main() == 1
        assert message in capsys.readouterr().err
    assert not Path("build/runs/refused").exists()
