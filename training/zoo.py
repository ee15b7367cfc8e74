"""All figures of all released models: python -m training.zoo (or make zoo)

Measures every blob of py_app/models, and more that are named, and writes build/reports/zoo.json, build/zoo/NAME/ and, for the
released ones, the tables and the plot of training/README.md and what their manifests say was measured. `--train` makes the
models anew by training/recipes/ first, into build/zoo/NAME/NAME.kws; the same command goes on where it was stopped.
"""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tools import report
from training import zoo_show as show
from training.cluster import ROOT, ClusterError, Job, run
from training.continuous import decibels, positive
from training.manifest import write_manifest
from training.zoo_measure import Options, measure, prepare
from training.zoo_recipes import load_recipes
from training.zoo_train import release, train

RELEASED = ROOT / "py_app" / "models"
DATA, USUAL = "../shared/data/speech", Options(None)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.zoo", description=__doc__.partition("\n")[0])
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL.kws", help="measured beside the released ones")
    parser.add_argument("--train", nargs="*", metavar="NAME", help="make these models anew first; without a name all released ones that have a recipe")
    parser.add_argument("--release", action="store_true", help="with --train: put them into py_app/models")
    parser.add_argument("--check", action="store_true", help="exit status 1 when a figure is worse than the accepted one; nothing is written into the tree")
    parser.add_argument("--accept", action="store_true", help="these figures are the accepted ones from now on")
    parser.add_argument("--data", default=DATA, metavar="DIR", help="recordings (%(default)s)")
    parser.add_argument("--hours", type=positive, default=USUAL.hours, help="of continuous audio (%(default)s); other than usual, nothing is written into the tree")
    parser.add_argument("--snr", type=decibels, default=list(USUAL.snr_db), metavar="DB,DB")
    parser.add_argument("--seed", type=int, default=USUAL.seed)
    parser.add_argument("--budget", type=float, default=USUAL.budget, help="false accepts an hour that --train tunes the detector for (%(default)s)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler whose workers share this folder, see training/README.md")
    parser.add_argument("--workers", type=int, default=0, help="processes on this machine (one a core)")
    return parser.parse_args()


def blobs(args: argparse.Namespace, options: Options, console: Console) -> list[Path]:
    """What is to be measured; with --train it is made first. ValueError for two of one name."""
    found = sorted(RELEASED.glob("*.kws"))
    if args.train is not None:
        recipes = load_recipes()
        if args.data != DATA:
            recipes = {name: replace(one, config=replace(one.config, data=args.data)) for name, one in recipes.items()}
        names = args.train or [path.stem for path in found if path.stem in recipes]
        if not names:
            raise ValueError(f"no released model has a recipe; --train NAME makes one of: {', '.join(recipes) or 'none'}")
        made = train(names, recipes, options, args.scheduler, args.workers, console)
        found = sorted({*found, *release(made, RELEASED)}) if args.release else made
    found += args.models
    names = [path.stem for path in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two blobs are called {', '.join(twice)}: reports go by the file's name")
    if missing := [str(path) for path in found if not path.exists()]:
        raise ValueError(f"{', '.join(missing)}: no such file")
    return found


def write_into_tree(results: list[dict], rows: list[dict]) -> None:
    show.put_between_markers(show.README, show.tables(rows))
    show.plot(rows, show.PLOT)
    for result in results:
        write_manifest(RELEASED / f"{result['name']}.kws", result["measured"])


def zoo(args: argparse.Namespace, console: Console) -> int:
    if args.check and (args.accept or args.release):
        raise ValueError("--check compares and writes nothing into the tree; leave --accept and --release out")
    prepare()
    data = str(Path(args.data).resolve()) if Path(args.data).is_dir() else None
    if data is None and args.train is not None:
        raise ValueError(f"there are no recordings at {args.data}, which training needs")
    if data is None:
        console.print(f"there are no recordings at {args.data}: bytes, multiply-adds and instructions are measured, accuracy and continuous audio are not")
    cores = len(os.sched_getaffinity(0))
    options = Options(data, args.hours, tuple(args.snr), args.seed, cores, args.budget)
    paths = blobs(args, options, console)
    options = replace(options, threads=max(1, cores // min(len(paths), args.workers or cores)))
    done = run([Job(path.stem, measure, (path.resolve(), options)) for path in paths], args.scheduler, args.workers, console)
    results = [one.value for one in done.values() if not one.error]
    rows = [row for result in results for row in show.rows_of(result)]
    report.write(rows, show.REPORT, keep=False)
    console.print(show.rich_table(rows))
    released = {path.stem for path in paths if path.resolve().parent == RELEASED}
    own = [row for row in rows if row["name"].partition("/")[0] in released]
    failed = len(results) < len(paths)
    whole = data is not None and not failed and released == {path.stem for path in RELEASED.glob("*.kws")}
    if whole and (args.hours, tuple(args.snr), args.seed) == (USUAL.hours, USUAL.snr_db, USUAL.seed):
        if not args.check:
            write_into_tree([result for result in results if result["name"] in released], own)
        if args.accept:
            report.write(own, show.ACCEPTED, keep=False)
    elif args.accept:
        raise ValueError("figures are accepted only where all released models were measured with recordings and the usual audio")
    accepted = [row for row in report.load(show.ACCEPTED) if data is not None or row["metric"] in {row["metric"] for row in own}]
    lines = show.worse(own, accepted)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(lines)} of {len(accepted)} accepted figures are not reached" if lines else "no accepted figure has become worse")
    if failed:
        console.print(f"{len(paths) - len(results)} of {len(paths)} blobs could not be measured, see above")
    return 1 if failed or (args.check and lines) else 0


def main() -> int:
    try:
        return zoo(arguments(), Console())
    except (ClusterError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on with what is not done yet", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
