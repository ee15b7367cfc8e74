"""A grid of runs side by side: python -m training.grid RECIPE key=1,2,3 key2=a,b

Every combination of the values becomes a run in build/runs/, named after what it has of its own. The same command goes on
where it was stopped. The table at the end is also written to build/grids/NAME.json; it shows validation figures alone,
because what is chosen by test figures is no longer tested by them.
"""
from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from training import runs
from training.cluster import ROOT, ClusterError, Job, Result, run
from training.config import Config, parse
from training.zoo_recipes import base

BLOB = "model.kws"                      # in the run's folder


def combinations(config: Config, axes: Sequence[str]) -> dict[str, tuple[dict[str, str], Config]]:
    """{run's name: (what it has of its own, its configuration)} of `key=value,value`. ValueError for what cannot be."""
    values = {}
    for axis in axes:
        key, equals, text = axis.partition("=")
        if not equals or key in values or key == "name" or not all(text.split(",")):
            raise ValueError(f"'{axis}': key=value,value is expected, each key once, and no name, which the grid gives")
        values[key] = text.split(",")
    several = [key for key, options in values.items() if len(options) > 1]
    found = {}
    for chosen in itertools.product(*values.values()):
        own = dict(zip(values, chosen, strict=True))
        name = "_".join([config.name, *(re.sub(r"[^\w.+-]", "-", f"{key}-{own[key]}") for key in several)])
        if name in found:
            raise ValueError(f"two runs of the grid would both be called {name}")
        found[name] = ({key: own[key] for key in several}, parse([f"{key}={value}" for key, value in own.items()] + [f"name={name}"], config))
    return found


def rows(grid: dict[str, tuple[dict[str, str], Config]], results: dict[str, Result]) -> list[dict]:
    """One a run, the best first: its own overrides, epochs, validation accuracies in percent, and what went wrong."""
    found = []
    for name, (own, config) in grid.items():
        done = runs.history(name)
        row = {"name": name, **own, "epochs": f"{len(done)}/{config.epochs}", "validation_float_percent": None, "validation_int8_percent": None}
        if done:
            row["validation_float_percent"] = round(100 * done[-1]["validation_accuracy"], 2)
        manifest = (runs.folder_of(name) / BLOB).with_suffix(".json")
        if manifest.exists():
            row["validation_int8_percent"] = json.loads(manifest.read_text())["quantisation"]["validation_int8_percent"]
        found.append(row | {"error": next((results[job].error for job in (name, f"{name}.kws") if job in results and results[job].error), None)})
    return sorted(found, key=lambda row: -(row["validation_int8_percent"] or row["validation_float_percent"] or 0))


def show(table: list[dict], console: Console) -> None:
    made = Table()
    headings = [key for key in table[0] if key not in ("name", "error")]
    for heading in headings:
        made.add_column(heading.replace("_percent", ", %").replace("_", " "), justify="right")
    made.add_column("run")
    for row in table:
        made.add_row(*("" if row[key] is None else str(row[key]) for key in headings), row["error"] or row["name"])
    console.print(made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.grid", description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", metavar="RECIPE", help="a file of overrides, or the name of one of training/recipes")
    parser.add_argument("axes", nargs="+", metavar="key=value,value")
    parser.add_argument("--export", action="store_true", help="also make a blob of each run, build/runs/NAME/model.kws")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler whose workers share this folder, see training/README.md")
    parser.add_argument("--workers", type=int, default=0, help="runs at once on this machine (one a core)")
    args = parser.parse_args()
    console = Console()
    try:
        config = base(args.recipe)
        grid = combinations(config, args.axes)
        jobs = [Job(name, runs.make, (one,)) for name, (_, one) in grid.items() if not runs.finished(one)]
        if args.export:
            begun = {job.name for job in jobs}
            blobs = {name: runs.folder_of(name) / BLOB for name in grid}
            jobs += [Job(f"{name}.kws", runs.export, (name, blob), (name,) if name in begun else ())
                     for name, blob in blobs.items() if not runs.exported(name, blob)]
        console.print(f"{len(grid)} runs: {', '.join(grid)}", highlight=False, soft_wrap=True)
        results = run(jobs, args.scheduler, args.workers, console)
    except (ClusterError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last finished epochs", file=sys.stderr)
        return 130
    table = rows(grid, results)
    show(table, console)
    place = ROOT / "build" / "grids" / f"{config.name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(table, indent=1) + "\n")
    return 1 if any(row["error"] for row in table) else 0


if __name__ == "__main__":
    sys.exit(main())
