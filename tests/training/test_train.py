"""Training: a run that is killed goes on as if it had not been, and bad input stops before the work."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.kwslib import Model
from training import run_folder, train
from training.average import average
from training.config import parse
from training.data import load
from training.evaluate import evaluate
from training.export import make, untuned
from training.manifest import is_part_of_speech_commands, source_of, write_manifest
from training.run_folder import commands, load_config, load_weights

SMALL = ["epochs=3", "epoch_size=240", "batch=40", "channels=8", "warmup_epochs=0.5", "weight_average=0.9",
         "learning_rate=0.01", "augment.sliding=0", "augment.speed=0"]


@pytest.fixture
def data(split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return split_folders()


def test_killed_run_ends_as_the_uninterrupted_one(repo_root: Path, data: Path) -> None:
    """A night's training would be lost, or end with other weights than its seed stands for."""
    env = os.environ | {"PYTHONPATH": str(repo_root), "PYTHONUNBUFFERED": "1"}
    killed = subprocess.Popen([sys.executable, "-m", "training.train", *SMALL, f"data={data}", "name=killed"], env=env,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in killed.stdout:
        if line.startswith("epoch   1/3"):
            killed.send_signal(signal.SIGKILL)
            break
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    dataset = load(data, progress=False)
    runs = [train.train(parse([*SMALL, f"data={data}", f"name={name}"]), dataset) for name in ("killed", "whole")]
    assert [run.epoch for run in runs] == [3, 3]
    for a, b in zip(*(load_weights(run.folder) for run in runs), strict=True):
        assert np.array_equal(a, b)
    assert json.loads((runs[0].folder / "log.json").read_text()) == json.loads((runs[1].folder / "log.json").read_text())
    assert (runs[0].folder / "curves.png").stat().st_size > 1000


def test_run_may_start_from_another(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fine-tuning run that began with other weights or normalisation would have nothing to do with the first."""
    dataset = load(data, progress=False)
    first = train.train(parse([*SMALL, "epochs=1", f"data={data}", "name=first"]), dataset)
    second = train.train(parse([*SMALL, "epochs=1", f"data={data}", f"start={first.folder}", "learning_rate=0", "augment.noise=1"]), dataset)
    assert (second.folder / "frontend.bin").read_bytes() == (first.folder / "frontend.bin").read_bytes()
    kernels = [[w for w in load_weights(run.folder) if w.ndim > 1] for run in (first, second)]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(*kernels, strict=True))

    third = train.train(parse([*SMALL, "epochs=1", f"data={data}", f"start={first.folder}", "name=third", "seed=2"]), dataset)
    mean = load_weights(average("mean", [first.folder, third.folder]))
    for a, b, m in zip(load_weights(first.folder), load_weights(third.folder), mean, strict=True):
        if m.ndim > 1:
            assert np.allclose(m, (a + b) / 2, atol=1e-6) and not np.allclose(a, b, atol=1e-6)
    made = commands(Path("build/runs/mean"))
    assert ["training.average" in command for command in made] == [False, False, True] and "start=" in made[1]
    monkeypatch.setattr(run_folder, "RECIPES", data.parent)
    (data.parent / "mean.json").write_text(json.dumps({"average": f"{first.folder} {third.folder}"}))
    assert commands(Path("build/runs/mean")) == made                # its runs are of no recipe
    for run in (first, third):
        (data.parent / f"{run.config.name}.json").write_text((run.folder / "config.json").read_text())
    assert commands(Path("build/runs/mean")) == ["python -m training.zoo --train mean"]
    (data.parent / "third.json").write_text((first.folder / "config.json").read_text().replace('"first"', '"third"'))
    assert commands(Path("build/runs/mean"))[-1] == made[-1]        # not the run that this recipe makes
    with pytest.raises(ValueError, match="is a run already"):
        average("mean", [first.folder, third.folder])
    (third.folder / "frontend.bin").write_bytes(b"another")
    with pytest.raises(ValueError, match="another front end"):
        average("mean2", [first.folder, third.folder])


def test_run_of_another_configuration_is_not_overwritten(data: Path) -> None:
    """A forgotten name= would mix two configurations in one result."""
    dataset, folder = load(data, progress=False), Path("build/runs/dscnn")
    train.prepare(parse([*SMALL, f"data={data}"]), dataset, folder)
    (folder / "checkpoint.npz").touch()
    train.prepare(parse([*SMALL, f"data={data}"]), dataset, folder)
    with pytest.raises(ValueError, match="another configuration"):
        train.prepare(parse([*SMALL, "epochs=2", f"data={data}"]), dataset, folder)


def test_run_of_an_older_version_goes_on(data: Path) -> None:
    """A new option, off by default, must not end the runs that were begun without it."""
    dataset, folder = load(data, progress=False), Path("build/runs/dscnn")
    config = parse([*SMALL, f"data={data}"])
    train.prepare(config, dataset, folder)
    (folder / "checkpoint.npz").touch()
    saved = json.loads((folder / "config.json").read_text())
    del saved["synthetic_unknown"], saved["augment"]["room"]
    (folder / "config.json").write_text(json.dumps(saved))
    train.prepare(config, dataset, folder)
    assert load_config(folder) == config


def test_commands_name_what_is_wrong(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """A message with a name instead of a traceback, before training starts."""
    damaged = Path("build/runs/damaged")
    train.prepare(parse([*SMALL, f"data={data}", "name=damaged"]), load(data, progress=False), damaged)
    (damaged / "checkpoint.npz").write_bytes(b"PK half of one")
    monkeypatch.setattr(sys, "argv", ["train", *SMALL, f"data={data}", "name=damaged"])
    assert train.main() == 1
    assert "damaged/checkpoint.npz is damaged" in capsys.readouterr().err
    (data / "train" / "yes" / "bad_nohash_0.wav").write_text("no audio")
    for arguments, message in ((["epoch=3"], "did you mean 'epochs'"), ([f"data={data}"], "bad_nohash_0.wav: cannot be decoded")):
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        assert train.main() == 1
        assert message in capsys.readouterr().err


def test_export_measures_packs_and_replaces_at_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed model's figures must be those of its bytes, and a failed export must leave the old model."""
    dataset = load(data, progress=False)
    run = train.train(parse([*SMALL, "epochs=2", f"data={data}", "quantise_loss=-100", "quantise_epochs=1"]), dataset)
    blob_path = tmp_path / "out" / "tiny.kws"
    result = make(run.folder, dataset, blob_path, untuned(dataset.labels))
    blob = blob_path.read_bytes()
    figures, table = evaluate(blob, dataset.splits["test"])
    assert figures["accuracy_percent"] == result["test"]["accuracy_int8_percent"] and table.sum() == figures["clips"] == 26
    assert json.loads(blob_path.with_suffix(".json").read_text()) == result == write_manifest(blob_path)
    assert result["data"] == data.name and not {"note", "note_on_stop"} & set(result), "nobody said that this is Speech Commands"
    assert f"data={data}" in result["command"] and result["detector"] == untuned(dataset.labels)
    assert Model(blob).labels[2:4] == ["yes", "no"]

    def power_cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(OSError, match="power cut"):
        make(run.folder, dataset, blob_path, untuned(dataset.labels))
    assert blob_path.read_bytes() == blob


@pytest.mark.parametrize(("readme", "source"), [
    (None, "speech"), ("My own recordings, in the layout of Speech Commands.", "speech"),
    ("# The Speech Commands Data Set\n... under the Creative Commons\nBY 4.0 license", "speech: part of Speech Commands (Warden 2018), CC BY 4.0"),
])
def test_data_set_is_named_where_its_readme_names_it(split_folders: Callable[..., Path], readme: str | None, source: str) -> None:
    """A model of somebody's own recordings that names another's data set and licence is a false statement."""
    root = split_folders()
    if readme:
        (root / "README.md").write_text(readme)
    assert source_of(root) == source
    assert is_part_of_speech_commands(source) == ("part of" in source)
    assert not is_part_of_speech_commands(f"synthetic speech; other words also by people ({source})")
