"""The zoo: what it measures, what it prints where, and in which order recipes are made."""
from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.training.test_continuous import random_blob
from tools import report
from training import continuous, runs, zoo, zoo_measure, zoo_recipes, zoo_show, zoo_train
from training.cluster import Result
from training.zoo_measure import Options, measure

COSTS = {"blob_bytes": 36000, "arena_bytes": 17000, "state_bytes": 490, "macs": 2_656_768, "instructions_per_window": 2_700_000,
         "instructions_per_hop": 680_000, "load_percent": 15.7}


def rows_of(name: str, **changed: float) -> list[dict]:
    figures = COSTS | {"accuracy_float_percent": 91.2, "accuracy_int8_percent": 91.0, "miss_percent": 9.0, "false_accepts_per_hour": 4.0,
                       "latency_median_ms": 250} | changed
    return zoo_show.rows_of({"name": name, "figures": figures, "how": dict.fromkeys(figures, "make zoo: 2 h"), "recall_percent": {"yes": 97.0, "go": 88.5}})


@pytest.fixture
def blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A random blob, and a zoo of the test's own without a Cortex-M7."""
    monkeypatch.setattr(zoo_measure, "ZOO", tmp_path / "zoo")
    monkeypatch.setattr(zoo_train, "ZOO", tmp_path / "zoo")
    monkeypatch.setattr(zoo_measure, "costs", lambda _: dict(COSTS))
    monkeypatch.setattr(zoo_measure, "compiler", lambda _: "a compiler")
    path = tmp_path / "tiny.kws"
    path.write_bytes(random_blob(meta={"name": "tiny", "test": {"accuracy_float_percent": 12.5}}))
    return path


def test_everything_is_measured(blob: Path, split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """A figure that is missing from the report, or a picture, is what somebody chooses a model by."""
    options = Options(str(split_folders()), hours=0.02, snr_db=(10.0,), threads=2)
    found = measure(blob, options)
    assert set(COSTS) | {"accuracy_int8_percent", "miss_percent", "false_accepts_per_hour"} <= found["figures"].keys() == found["how"].keys()
    assert found["figures"]["accuracy_float_percent"] == 12.5 and found["how"]["accuracy_float_percent"] == "noted at export"
    assert set(found["recall_percent"]) == {label for label, row in zip(found["labels"], found["confusion"], strict=True) if sum(row)}
    assert found["measured"]["signal"]["rows"] == 88 and found["measured"]["sample"]["clips"] == sum(map(sum, found["confusion"])) - 2  # silence has no files
    folder = tmp_path / "zoo" / "tiny"
    assert {path.name for path in folder.iterdir()} == {"confusion.png", "det.png", "det.json", "figures.json"}
    assert json.loads((folder / "figures.json").read_text()) == found
    assert {row["metric"] for row in zoo_show.rows_of(found)} == {*found["figures"], "recall_percent"}


def test_without_recordings_the_costs_are_measured(blob: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Somebody without the recordings gets bytes and instructions, is told what is missing, and keeps the page as it was."""
    report, page = tmp_path / "zoo.json", zoo_show.README.read_text()
    monkeypatch.setattr(zoo, "prepare", lambda: None)
    monkeypatch.setattr(zoo, "RELEASED", tmp_path)
    monkeypatch.setattr(zoo_show, "REPORT", report)
    monkeypatch.setattr(zoo, "run", lambda jobs, *_: {job.name: Result(job.function(*job.arguments)) for job in jobs})
    monkeypatch.setattr(zoo, "Console", lambda: Console(width=150))
    monkeypatch.setattr(sys, "argv", ["zoo", "--data", str(tmp_path / "nowhere")])
    assert zoo.main() == 0
    out = capsys.readouterr().out
    assert "no recordings" in out and "2,656,768" in out
    assert {row["metric"] for row in json.loads(report.read_text())} == set(COSTS)
    assert zoo_show.README.read_text() == page
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--accept"])
    assert zoo.main() == 2 and "with recordings" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], "--train"])
    assert zoo.main() == 2 and "which training needs" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], str(tmp_path / "no.kws")])
    assert zoo.main() == 2 and "no.kws: no such file" in capsys.readouterr().err


def test_a_check_leaves_the_tree_as_it_is(blob: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Figures that are worse would stand on the page, and in the manifests, before anybody was told of them."""
    figures = COSTS | {"accuracy_int8_percent": 91.0, "miss_percent": 9.0}
    found = {"name": "tiny", "figures": figures, "how": dict.fromkeys(figures, "make zoo: 2 h"), "recall_percent": {"yes": 97.0}, "measured": {}}
    page, plot, accepted = tmp_path / "README.md", tmp_path / "zoo.png", tmp_path / "accepted.json"
    page.write_text(f"{zoo_show.BEGIN}\nold\n{zoo_show.END}\n")
    report.write(zoo_show.rows_of(found | {"figures": figures | {"accuracy_int8_percent": 92.0}}), accepted)
    for where, value in ((zoo, ("prepare", lambda: None)), (zoo, ("RELEASED", tmp_path)), (zoo, ("Console", lambda: Console(width=150))),
                         (zoo, ("run", lambda jobs, *_: {job.name: Result(found) for job in jobs})), (zoo_show, ("REPORT", tmp_path / "report.json")),
                         (zoo_show, ("README", page)), (zoo_show, ("PLOT", plot)), (zoo_show, ("ACCEPTED", accepted))):
        monkeypatch.setattr(where, *value)
    monkeypatch.setattr(sys, "argv", ["zoo", "--data", str(tmp_path), "--check"])
    before = accepted.read_bytes()
    assert zoo.main() == 1 and "accuracy_int8_percent 91.0, accepted is 92.0" in capsys.readouterr().out
    assert "old" in page.read_text() and not plot.exists() and not blob.with_suffix(".json").exists()
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--accept"])
    assert zoo.main() == 2 and "leave --accept" in capsys.readouterr().err and accepted.read_bytes() == before
    monkeypatch.setattr(sys, "argv", sys.argv[:-2])
    assert zoo.main() == 0
    assert "old" not in page.read_text() and plot.exists() and blob.with_suffix(".json").exists()


def test_the_page_is_written_between_its_markers(tmp_path: Path) -> None:
    """What people wrote around the tables stays."""
    page, rows = tmp_path / "README.md", [*rows_of("small", latency_median_ms=230), *rows_of("large", blob_bytes=80_000)]
    page.write_text(f"before\n{zoo_show.BEGIN}\nold\n{zoo_show.END}\nbehind\n")
    zoo_show.put_between_markers(page, zoo_show.tables(rows))
    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", zoo_show.BEGIN] and lines[-2:] == [zoo_show.END, "behind"] and "old" not in lines
    assert "| `small` | 91.20 | 91.00 | 36,000 | 17,000 + 490 | 2,656,768 | 2,700,000 | 680,000 (15.7 %) | 9.0 | 4.0 | 230 |" in lines
    assert "| recall, % | `yes` | `go` |" in lines and "| `large` | 97.0 | 88.5 |" in lines and "Continuous audio: 2 h." in lines
    zoo_show.put_between_markers(page, zoo_show.tables(rows))
    assert page.read_text().splitlines() == lines
    page.write_text("no markers\n")
    with pytest.raises(ValueError, match="once each"):
        zoo_show.put_between_markers(page, "")
    zoo_show.plot(rows, tmp_path / "zoo.png")
    assert 1000 < (tmp_path / "zoo.png").stat().st_size < 80_000


def test_what_became_worse_is_named() -> None:
    """A model that answers worse, or costs more, must not pass as the accepted one."""
    accepted = rows_of("a")
    assert zoo_show.worse(rows_of("a"), accepted) == []
    assert zoo_show.worse(rows_of("a", accuracy_int8_percent=92.0, miss_percent=8.0, instructions_per_hop=685_000), accepted) == []
    (line,) = zoo_show.worse(rows_of("a", accuracy_int8_percent=90.99), accepted)
    assert line == "a: accuracy_int8_percent 90.99, accepted is 91.0"
    assert "687,000" in zoo_show.worse(rows_of("a", instructions_per_hop=687_000), accepted)[0]
    assert len(zoo_show.worse(rows_of("a", miss_percent=9.1, blob_bytes=36_001), accepted)) == 2
    other = [row | {"how": "make zoo: 1 h"} for row in rows_of("a")]
    assert all("cannot be compared" in line for line in zoo_show.worse(other, accepted)) and len(zoo_show.worse(other, accepted)) == 3
    assert "a: macs is not measured" in zoo_show.worse([], accepted)


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    monkeypatch.setattr(zoo_recipes, "RECIPES", folder)
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    texts = {"small": {"teacher": "build/runs/big_1 build/runs/big_2", "channels": 8}, "big_1": {"seed": 1}, "big_2": {"seed": 2},
             "mean": {"average": "build/runs/big_1 build/runs/tuned"}, "tuned": {"start": "build/runs/big_1"}}
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(json.dumps(text))
    return folder


def test_recipes_are_made_behind_what_they_need(recipes: Path) -> None:
    """A student without its teacher; or all teachers one after another where two machines are there."""
    found = zoo_recipes.load_recipes()
    order = list(found)
    assert all(order.index(need) < order.index(name) for name, recipe in found.items() for need in recipe.needs)
    jobs = {job.name: job for job in zoo_recipes.jobs_for(["small"], found)}
    assert set(jobs) == {"big_1", "big_2", "small"} and jobs["big_1"].after == jobs["big_2"].after == () and jobs["small"].after == ("big_1", "big_2")
    assert [job.name for job in zoo_recipes.jobs_for(["mean"], found)] == ["big_1", "tuned", "mean"]


def test_what_a_finished_run_began_with_is_not_made(recipes: Path) -> None:
    """A run that came from another machine is exported; hours for what it began with would change nothing. Rounding asks its teachers."""
    (recipes / "last.json").write_text(json.dumps({"start": "build/runs/tuned", "teacher": "build/runs/big_2", "epochs": 2}))
    found = zoo_recipes.load_recipes()
    assert [job.name for job in zoo_recipes.jobs_for(["last"], found)] == ["big_1", "big_2", "tuned", "last"]
    folder = runs.folder_of("last")
    folder.mkdir(parents=True)
    (folder / "float.npz").touch()
    (folder / "config.json").write_text(json.dumps(asdict(found["last"].config)))
    (folder / "log.json").write_text("[{}, {}]")
    assert [(job.name, job.after) for job in zoo_recipes.jobs_for(["last"], found)] == [("big_2", ()), ("last", ("big_2",))]
    (folder / "log.json").write_text("[{}]")
    assert len(zoo_recipes.jobs_for(["last"], found)) == 4, "one epoch is missing"


@pytest.mark.parametrize(("text", "words"), [('{"chanels": 8}', "odd.json: unknown configuration key 'chanels'"), ('{"name": "even"}', "called after the file"),
                                             ("[1]", "odd.json"), ("{", "odd.json"), ('{"start": "build/runs/odd"}', "odd -> odd"),
                                             ('{"start": "build/runs/none"}', "'odd': start names build/runs/none")])
def test_a_bad_recipe_is_named_before_anything_starts(recipes: Path, text: str, words: str) -> None:
    """A misspelt key is found when the last teacher is trained."""
    (recipes / "odd.json").write_text(text)
    with pytest.raises(ValueError, match="odd") as caught:
        zoo_recipes.jobs_for(["odd"], zoo_recipes.load_recipes())
    assert words in str(caught.value)
    with pytest.raises(ValueError, match="no recipe 'nope'; there are: "):
        (recipes / "odd.json").unlink()
        zoo_recipes.jobs_for(["nope"], zoo_recipes.load_recipes())


def test_a_blob_is_tuned_once(blob: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, split_folders: Callable[..., Path]) -> None:
    """A killed `make zoo ARGS=--train` goes on; other bytes are tuned anew, and the settings are those of validation audio."""
    heard = []

    def hear(_model: object, composer: object, *_: object, **__: object) -> list:
        heard.append(composer.split)
        return []

    path = zoo_train.blob_of("tiny")
    monkeypatch.setattr(runs, "export", lambda name, to: None if to.exists() else to.write_bytes(blob.read_bytes()))
    monkeypatch.setattr(continuous, "hear", hear)
    monkeypatch.setattr(continuous, "tune", lambda *_: {"window": 5, "refractory_ms": 480, "threshold": {"yes": 0.5}, "tuned": "on nothing"})
    options = Options(str(split_folders()), hours=0.02)
    assert [zoo_train.make_blob("tiny", options) for _ in range(2)] == [str(path)] * 2 and heard == ["validation"]
    assert json.loads(path.with_suffix(".json").read_text())["detector"]["window"] == 5
    path.write_bytes(blob.read_bytes())
    zoo_train.make_blob("tiny", options)
    assert heard == ["validation"] * 2
    zoo_train.make_blob("tiny", replace(options, data=str(shutil.copytree(options.data, tmp_path / "other"))))
    assert heard == ["validation"] * 3
    copies = zoo_train.release([path], tmp_path)
    assert [copy.read_bytes() for copy in copies] == [path.read_bytes()] and (tmp_path / "tiny.json").exists()
