"""Recipes: training/recipes/NAME.json holds what the run NAME overrides, on top of its `base`. A recipe that names other runs in `teacher`,
`start` or `average` needs them; where those have recipes too, they are made first."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from training import runs
from training.cluster import Job
from training.config import Config, with_file
from training.run_folder import RECIPES, RUNS

NAMES_RUNS = ("teacher", "start", "average")    # keys whose value names runs, with spaces between


@dataclass(frozen=True)
class Recipe:
    """needs: names of other recipes."""
    name: str
    config: Config
    needs: tuple[str, ...]


def read_recipe(path: Path) -> Config:
    """The configuration of a file of overrides, named after the file. ValueError names the file."""
    config = with_file(Config(name=path.stem), path)
    if config.name != path.stem:
        raise ValueError(f"{path}: the run is called after the file, '{path.stem}', and not '{config.name}'")
    return config


def base(name: str) -> Config:
    """The configuration of a file, or of a recipe by its name."""
    path = Path(name) if Path(name).suffix == ".json" else RECIPES / f"{name}.json"
    if not path.exists():
        raise ValueError(f"there is no recipe '{name}'; a file of overrides, or one of: {', '.join(known()) or 'none'}")
    return read_recipe(path)


def known() -> list[str]:
    return sorted(path.stem for path in RECIPES.glob("*.json"))


def load_recipes() -> dict[str, Recipe]:
    """All of training/recipes, each behind those that it needs. ValueError for one that cannot be read, or for a circle."""
    configs = {name: read_recipe(RECIPES / f"{name}.json") for name in known()}
    recipes = {name: Recipe(name, config, with_recipes(folders(config), configs))
               for name, config in configs.items()}
    try:
        order = TopologicalSorter({name: recipe.needs for name, recipe in recipes.items()}).static_order()
        return {name: recipes[name] for name in order}
    except CycleError as exc:
        raise ValueError(f"recipes need each other in a circle: {' -> '.join(reversed(exc.args[1]))}") from exc


def folders(config: Config) -> list[tuple[str, Path]]:
    """(key, folder) of every run that a configuration names."""
    return [(key, Path(word)) for key in NAMES_RUNS for word in getattr(config, key).split()]


def is_recipe(folder: Path, names: Iterable[str]) -> bool:
    return folder.parent == RUNS and folder.name in names


def with_recipes(named: Iterable[tuple[str, Path]], names: Iterable[str]) -> tuple[str, ...]:
    """The names of those of the (key, folder) that have recipes, each once."""
    return tuple(dict.fromkeys(folder.name for _, folder in named if is_recipe(folder, names)))


def jobs_for(wanted: Iterable[str], recipes: dict[str, Recipe]) -> list[Job]:
    """Jobs that make the wanted runs and all that they need; a finished run does not need what it started from any more. Its teachers
    may be asked while it is rounded, and the runs that a mean is of say how it was made. ValueError where neither a recipe nor a finished run is there."""
    after: dict[str, tuple[str, ...]] = {}                      # by the names of the chosen
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in recipes:
            raise ValueError(f"there is no recipe '{name}'; there are: {', '.join(recipes) or 'none'}")
        if name not in after:
            config = recipes[name].config
            done = runs.finished(config)                        # a run of another configuration is an error now, not in hours
            needed = [(key, folder) for key, folder in folders(config) if key != "start" or not done]
            for key, folder in needed:
                if not is_recipe(folder, recipes) and not (runs.ROOT / folder / "float.npz").exists():
                    raise ValueError(f"recipe '{name}': {key} names {folder}, which is no finished run and has no recipe ({RUNS}/NAME has training/recipes/NAME.json)")
            after[name] = with_recipes(needed, recipes)
            waiting += after[name]
    return [Job(name, runs.make, (recipe.config,), after[name]) for name, recipe in recipes.items() if name in after]
