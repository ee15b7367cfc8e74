"""A grid of runs: all of it is checked before anything starts, and its table shows what was found."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from training import grid, runs, zoo_recipes
from training.cluster import Result
from training.config import Config


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs and recipes of the test's own."""
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    monkeypatch.setattr(grid, "ROOT", tmp_path)
    monkeypatch.setattr(zoo_recipes, "RECIPES", tmp_path / "recipes")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "small.json").write_text('{"channels": 8, "epochs": 3}')
    return tmp_path


def test_every_combination_is_one_run() -> None:
    """A run that is missing, or two in one folder, would be compared as if they were what their names say."""
    found = grid.combinations(Config(name="small", epochs=3), ["seed=1,2", "augment.noise=0.5,0.8", "epochs=7"])
    assert list(found) == [f"small_seed-{seed}_augment.noise-{noise}" for seed in (1, 2) for noise in (0.5, 0.8)]
    own, config = found["small_seed-2_augment.noise-0.5"]
    assert own == {"seed": "2", "augment.noise": "0.5"}
    assert (config.name, config.seed, config.augment.noise, config.epochs) == ("small_seed-2_augment.noise-0.5", 2, 0.5, 7)


@pytest.mark.parametrize(("axes", "words"), [(["sed=1,2"], "unknown configuration key 'sed'"), (["seed=1,x"], "takes int"), (["seed"], "key=value,value"),
                                             (["seed=1,,2"], "key=value,value"), (["seed=1", "seed=2"], "each key once"), (["name=a,b"], "no name"),
                                             (["data=a/b,a-b"], "would both be called")])
def test_what_is_wrong_is_said_before_anything_starts(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], axes: list[str], words: str) -> None:
    """The last run of a night fails for a misspelt key."""
    monkeypatch.setattr(grid, "run", lambda *_: pytest.fail("something was started"))
    monkeypatch.setattr(sys, "argv", ["grid", "small", *axes])
    assert grid.main() == 2 and words in capsys.readouterr().err


def test_the_table_has_the_best_first_and_failures_by_name(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """People take the first row."""
    def pretend(jobs: list, *_: object) -> dict[str, Result]:
        for job, accuracy in zip(jobs, (0.5, 0.75), strict=False):
            folder = runs.folder_of(job.name)
            folder.mkdir(parents=True)
            (folder / "log.json").write_text(json.dumps([{"validation_accuracy": 0.1}] * 2 + [{"validation_accuracy": accuracy}]))
        return {job.name: Result() for job in jobs[:2]} | {jobs[2].name: Result(error="out of luck")}

    monkeypatch.setattr(grid, "run", pretend)
    monkeypatch.setattr(grid, "Console", lambda: Console(width=150))
    monkeypatch.setattr(sys, "argv", ["grid", "small", "seed=1,2,3"])
    assert grid.main() == 1
    assert "out of luck" in capsys.readouterr().out
    table = json.loads((place / "build" / "grids" / "small.json").read_text())
    assert [row["seed"] for row in table] == ["2", "1", "3"]
    assert table[0]["validation_float_percent"] == 75 and table[0]["epochs"] == "3/3" and table[2]["error"] == "out of luck"


def test_a_finished_run_is_known_and_another_one_is_refused(place: Path) -> None:
    """A run is trained again for nothing, or one of other settings is shown in its place."""
    config = Config(name="one", epochs=2)
    assert not runs.finished(config)
    folder = runs.folder_of("one")
    folder.mkdir(parents=True)
    for epochs in (1, 2):
        (folder / "float.npz").touch()
        (folder / "config.json").write_text(json.dumps({"name": "one", "epochs": 2}))
        (folder / "log.json").write_text(json.dumps([{}] * epochs))
        assert runs.finished(config) == (epochs == 2)
    with pytest.raises(ValueError, match="build/runs/one holds a run of another configuration"):
        runs.finished(Config(name="one", epochs=3))
