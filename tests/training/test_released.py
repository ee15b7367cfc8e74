"""The released models: their figures are those of their bytes, on every machine."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tools import report, romfs
from tools.bench.__main__ import ACCEPTED as BENCH
from tools.blob import read
from training.evaluate import evaluate, split_for
from training.manifest import STOP_NOTE
from training.run_folder import RUNS
from training.zoo_checks import sample_answer, signal, signal_answer
from training.zoo_recipes import folders, load_recipes
from training.zoo_show import ACCEPTED, BEGIN, END, README, tables

MODELS = Path(__file__).resolve().parents[2] / "py_app" / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.kws"))
GOALS_PERCENT = {"dscnn": 94.5, "stream_medium": 95.0, "stream_small": 93.5}        # of the test split, int8; what was promised for a model
LARGEST_BYTES, MOST_MODELS = 80 * 1024, 6


def manifest_of(name: str) -> dict:
    return json.loads((MODELS / f"{name}.json").read_text())


def blob_of(name: str) -> bytes:
    return (MODELS / f"{name}.kws").read_bytes()


def test_every_blob_has_a_manifest() -> None:
    """A model without one has no figures, and a manifest without its model misleads."""
    assert NAMES and NAMES == sorted(path.stem for path in MODELS.glob("*.json"))


def test_recipes_name_runs_that_have_recipes_and_fit() -> None:
    """A misspelt run in a recipe would be found when somebody trains, after hours."""
    recipes = load_recipes()
    assert set(NAMES) <= set(recipes)
    for recipe in recipes.values():
        for key, folder in folders(recipe.config):
            assert folder == RUNS / folder.name and folder.name in recipes, f"{recipe.name}: {key}={folder}"
        members = [recipes[Path(run).name].config for run in recipe.config.average.split()]
        assert len({(one.model, one.around_ms, one.keywords, one.start) for one in members}) <= 1, recipe.name
        if recipe.config.start:
            start = recipes[Path(recipe.config.start).name].config
            assert (start.model, start.keywords) == (recipe.config.model, recipe.config.keywords), recipe.name


@pytest.mark.parametrize("name", NAMES)
def test_manifest_is_the_blobs(name: str) -> None:
    """A manifest of other bytes tells users figures that their model does not have."""
    manifest, blob = manifest_of(name), blob_of(name)
    assert manifest["sha256"] == hashlib.sha256(blob).hexdigest() and manifest["blob_bytes"] == len(blob)
    info = read(blob)
    told = {key: value for key, value in info.meta.items() if key != "note_on_stop"}        # the manifest corrects what an old blob says there
    assert {key: manifest[key] for key in told} == told
    assert manifest["command"].startswith("python -m training.") and isinstance(manifest["seed"], int)
    assert "CC BY 4.0" in manifest["data"] and ("stop" not in info.labels or manifest["note_on_stop"] == STOP_NOTE)
    assert list(info.labels) == manifest["labels"] and manifest["macs"] == info.macs


@pytest.mark.parametrize("name", NAMES)
def test_detector_defaults_are_complete(name: str) -> None:
    """The app starts with these; a missing keyword would have no tuned threshold."""
    info = read(blob_of(name))
    detector = info.meta["detector"]
    assert detector["tuned"] and 1 <= detector["window"] <= 32 and detector["refractory_ms"] >= 0
    assert set(detector["threshold"]) == {label for label in info.labels if not label.startswith("_")} and all(0 < t < 1 for t in detector["threshold"].values())


@pytest.mark.parametrize("name", NAMES)
def test_the_made_up_signal_gives_the_released_scores(name: str) -> None:
    """Somebody without the recordings must still see when a machine or a change makes a model answer otherwise."""
    assert signal_answer(blob_of(name)) == manifest_of(name)["measured"]["signal"]


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_recordings_give_the_released_scores(name: str, shared_dir: Path) -> None:
    """Twenty test recordings a class: every score row is the released one, or the figures are of another model."""
    expected, found = manifest_of(name)["measured"]["sample"], sample_answer(blob_of(name), shared_dir / "data" / "speech")
    if found["recordings_sha256"] != expected["recordings_sha256"]:
        pytest.skip("the recordings in ../shared/data/speech are not those that the manifest is of")
    assert found == expected


@pytest.mark.needs_shared
def test_accuracy_on_the_test_split_is_what_the_manifest_says(shared_dir: Path) -> None:
    """The model that the app starts with, on every test recording; `make zoo` does so for all."""
    manifest, blob = manifest_of("dscnn"), blob_of("dscnn")
    figures, _ = evaluate(blob, split_for(blob, shared_dir / "data" / "speech", progress=False))
    assert figures["accuracy_percent"] == manifest["test"]["accuracy_int8_percent"]
    assert figures["recall_percent"] == manifest["measured"]["recall_int8_percent"]
    assert figures["clips"] == manifest["test"]["clips"] == 2356


@pytest.mark.parametrize("name", GOALS_PERCENT)
def test_what_was_promised_is_reached(name: str) -> None:
    """A release that is worse than what was promised for it, or that lost more to its integers than half a point."""
    test = manifest_of(name)["test"]
    assert test["accuracy_int8_percent"] >= GOALS_PERCENT[name]
    assert test["accuracy_float_percent"] - test["accuracy_int8_percent"] <= 0.5


def test_the_signal_is_what_it_was() -> None:
    """Other samples would give other scores, and every model would look changed."""
    pcm = signal()
    assert hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest() == "b05d9d3f59243c595563667baa25b00b3d01ff5b1290e6f71177012e90ad8364"
    assert pcm.max() < 32767 and pcm.min() > -32768, "nothing is clipped"


def test_the_partition_has_room() -> None:
    """Six models of the largest size must fit on the board beside the app, or `make romfs` fails for who adds one."""
    sizes = {name: len(blob_of(name)) for name in NAMES}
    assert len(sizes) <= MOST_MODELS and all(size <= LARGEST_BYTES for size in sizes.values()), sizes
    app = sum(path.stat().st_size for path in MODELS.parent.glob("*.py"))           # more than compiled
    image = romfs.pack([(f"model_number_{n}.kws", bytes(LARGEST_BYTES)) for n in range(MOST_MODELS)] + [("app", bytes(app))])
    assert len(image) <= romfs.PARTITION_KB * 1024


def test_the_readme_prints_the_accepted_figures() -> None:
    """The table that people choose a model by must be the last accepted one: `make zoo ARGS=--accept`."""
    page = README.read_text()
    assert page[page.index(BEGIN) + len(BEGIN) + 1:page.index(END)] == tables(report.load(ACCEPTED))


def test_the_accepted_figures_are_the_manifests() -> None:
    """`make zoo` was not run, or its figures not accepted, after a model was put there."""
    values = {(row["name"], row["metric"]): row["value"] for row in report.load(ACCEPTED)}
    assert sorted({name for name, _ in values if "/" not in name}) == NAMES
    for name in NAMES:
        manifest = manifest_of(name)
        measured = manifest["measured"]
        assert values[name, "accuracy_int8_percent"] == manifest["test"]["accuracy_int8_percent"], name
        assert values[name, "blob_bytes"] == manifest["blob_bytes"] and values[name, "macs"] == manifest["macs"], name
        for metric, value in (measured["stream"] | measured["continuous"]).items():
            assert metric in ("mode", "audio") or values[name, metric] == value, (name, metric)


def test_instructions_are_those_of_the_bench() -> None:
    """`make zoo` and `make bench` count the same hop; kernels that became 5 % faster or slower since make the page old."""
    bench = {row["name"]: row["value"] for row in report.load(BENCH)}
    hops = {row["name"]: row["value"] for row in report.load(ACCEPTED) if row["metric"] == "instructions_per_hop"}
    assert {name: value for name, value in hops.items() if not 0.95 < value / bench.get(f"m7/{name}/hop", value) < 1.05} == {}
