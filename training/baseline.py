"""MLPerf Tiny's published recipe beside ours: python -m training.baseline [--beside MODEL.kws ...] [key=value ...]

Trains recipes/mlperf_tiny.json on the same recordings and split (a killed run goes on), quantises it without further
training, makes a blob and measures it with the C core on the test split: clips as they were recorded, as ours are
measured, and at full scale, as the published code brings every clip to it. Blobs of ours are measured in the same way.
"""
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tools import blobfile
from tools.blob import read
from training.clips import DataError
from training.config import parse
from training.data import Split, load_for
from training.evaluate import evaluate, split_for
from training.export import make, untuned
from training.published import at_full_scale
from training.run_folder import RECIPES
from training.train import train

RECIPE = RECIPES / "mlperf_tiny.json"


def all_at_full_scale(split: Split) -> Split:
    """The same clips, each with a largest sample of 32767; silence stays."""
    return replace(split, pcm=np.stack([np.round(32767 * at_full_scale(pcm)).astype(np.int16) for pcm in split.pcm]))


def check_blob(path: Path, labels: tuple[str, ...]) -> None:
    """Raises ValueError for a blob that hears no recordings, or listens for other words."""
    blob = read(blobfile.load(path))
    if not blob.frontend or tuple(blob.labels) != labels:
        raise ValueError(f"{path} cannot be beside it: it has no front end, or its labels are not {', '.join(labels)}")


def row(path: Path, data: str, threads: int) -> tuple[str, ...]:
    """Name, float accuracy before quantisation as the blob notes it, int8 accuracy, the same at full scale, bytes."""
    blob = blobfile.load(path)
    try:
        split = split_for(blob, data, "test", threads, progress=False)
        right = [evaluate(blob, one, threads)[0]["accuracy_percent"] for one in (split, all_at_full_scale(split))]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    before = (read(blob).meta.get("test") or {}).get("accuracy_float_percent")
    return path.stem, "-" if before is None else f"{before:.2f}", *(f"{value:.2f}" for value in right), str(len(blob))


def run(overrides: list[str], beside: list[Path], console: Console) -> None:
    config = parse([str(RECIPE), *overrides])
    for path in beside:                                                          # before minutes of training
        check_blob(path, config.labels)
    dataset = load_for(config)
    console.print(dataset.table(), *dataset.notes, sep="\n", highlight=False)
    folder = train(config, dataset).folder
    blob = folder.with_suffix(".kws")
    make(folder, dataset, blob, untuned(dataset.labels))
    table = Table(title=f"{len(dataset.splits['test'])} clips of the test split, accuracy in %")
    for heading in ("", "float", "int8, C core", "int8, clips at full scale", "blob bytes"):
        table.add_column(heading, justify="right" if heading else "left")
    for path in (blob, *beside):
        table.add_row(*row(path, config.data, config.threads))
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.baseline", description=__doc__.partition("\n")[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe, name= for a run of its own")
    parser.add_argument("--beside", nargs="+", type=Path, default=[], metavar="MODEL.kws", help="blobs to measure beside it")
    args = parser.parse_args()
    try:
        run(args.overrides, args.beside, Console())
    except (DataError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
