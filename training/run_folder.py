"""What a finished run has left in build/runs/NAME."""
from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np

from training.config import Config, override, overrides
from training.files import weights_of

RUNS = Path("build/runs")
RECIPES = Path(__file__).resolve().parent / "recipes"    # overrides of runs that are released


def load_config(folder: Path) -> Config:
    """The configuration of a run."""
    path = folder / "config.json"
    try:
        return override(Config(), json.loads(path.read_text()))
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from exc


def commands(folder: Path) -> list[str]:
    """The commands that made a run, those of the runs that it came from first; one command where it has a recipe."""
    config = load_config(folder)
    recipe = RECIPES / f"{config.name}.json"
    if recipe.exists() and override(Config(), {"name": config.name, **json.loads(recipe.read_text())}) == config:
        return [f"python -m training.zoo --train {config.name}"]
    sources = config.average.split() or [*config.teacher.split(), *config.start.split()]
    found = [command for source in sources for command in commands(Path(source))]
    if config.average:
        own = f"python -m training.average {config.name} {config.average}"
    else:
        own = shlex.join(["python", "-m", "training.train", *overrides(config)])
    return [*dict.fromkeys([*found, own])]


def load_weights(folder: Path) -> list[np.ndarray]:
    """The averaged weights of a run, as the model's `set_weights` takes them."""
    with np.load(folder / "float.npz") as saved:
        return weights_of(saved)
