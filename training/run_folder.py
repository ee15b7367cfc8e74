"""What a finished run has left in build/runs/NAME."""
from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from tools.blob import read
from training.config import Config, override, overrides, with_file
from training.files import weights_of

RUNS = Path("build/runs")
BLOB = "blob.kws"                       # what training.read_back made the run of
RECIPES = Path(__file__).resolve().parent / "recipes"    # overrides of runs that are released


def load_config(folder: Path) -> Config:
    """The configuration of a run."""
    path = folder / "config.json"
    try:
        return override(Config(), json.loads(path.read_text()))
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from exc


def is_run_of(found: Config, wanted: Config) -> bool:
    """Whether a run's configuration is the wanted one. A mean of runs carries its last run's: only the list of its runs is compared."""
    return found.average == wanted.average and (bool(wanted.average) or found == wanted)


def check_new(folder: Path) -> None:
    """Raises ValueError where a run's weights are in `folder`."""
    if (folder / "float.npz").exists():
        raise ValueError(f"{folder} is a run already: give another name, or delete the folder")


def by_recipe(name: str) -> str:
    return f"python -m training.zoo --train {name}"


def commands(folder: Path) -> list[str]:
    """The commands that made a run, those of the runs that it came from first; one command where it has a recipe.
    Raises ValueError that names a run which is not there any more."""
    config = load_config(folder)
    recipe = RECIPES / f"{config.name}.json"
    of_recipe = recipe.exists() and is_run_of(config, with_file(Config(name=config.name), recipe))
    if of_recipe and not config.average:
        return [by_recipe(config.name)]
    sources = config.average.split() or [*config.teacher.split(), *config.start.split()]
    if missing := [source for source in sources if not (Path(source) / "config.json").exists()]:
        raise ValueError(f"{folder} comes from {' and '.join(missing)}, of which there is no run any more: the commands that made it cannot be told")
    each = [commands(Path(source)) for source in sources]
    if of_recipe and each == [[by_recipe(Path(source).name)] for source in sources]:
        return [by_recipe(config.name)]
    found = [command for made_by in each for command in made_by]
    if config.blob:                     # a copy is in the folder: what lies at its old path may be its successor
        found = [command for command in [read((folder / BLOB).read_bytes()).meta.get("command")] if command]
        usual = replace(config, name=Config().name, epochs=Config().epochs, blob="")
        own = shlex.join(["python", "-m", "training.read_back", config.blob, config.name, *overrides(usual)])
    elif config.average:
        own = f"python -m training.average {config.name} {config.average}"
    else:
        own = shlex.join(["python", "-m", "training.train", *overrides(config)])
    return [*dict.fromkeys([*found, own])]


def load_weights(folder: Path) -> list[np.ndarray]:
    """The averaged weights of a run, as the model's `set_weights` takes them."""
    with np.load(folder / "float.npz") as saved:
        return weights_of(saved)


def set_weights(model: keras.Model, weights: list[np.ndarray], folder: Path) -> None:
    """A run's weights into a model of its configuration. Raises ValueError that names the folder where they are another network's."""
    if [w.shape for w in weights] != [w.shape for w in model.get_weights()]:
        raise ValueError(f"{folder} holds another network than {model.name}: it was trained by another version, or its configuration was changed")
    model.set_weights(weights)
