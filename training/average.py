"""Average finished runs: `python -m training.average NAME RUN RUN [RUN ...]` makes build/runs/NAME of them.

Runs that went on from the same weights (`start=`) with different augmentation lie in one valley of the loss: the mean
of their weights is often better than each, and good where each of them is good (Wortsman et al., 2022, "Model soups",
arXiv 2203.05482). So does the prior of its classes, hence the mean shares. Batch norm's statistics do not average; they are taken anew from training windows of the last run.
The result is exported like any run.
"""
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from training.data import DataError, Dataset, load_for
from training.features import UNNAMED
from training.run_folder import RUNS, check_new, load_weights
from training.sources import load_finished
from training.train import Run, deterministic, prepare


def average(name: str, runs: list[Path], dataset: Dataset | None = None) -> Path:
    """The new run's folder. dataset: the last run's recordings, where they are read already. Raises ValueError where one is not finished, or their networks or front ends differ."""
    configs = [load_finished(run) for run in runs]
    sections = [(run / "frontend.bin").read_bytes() for run in runs]
    weights = [load_weights(run) for run in runs]
    for run, section, values in zip(runs[1:], sections[1:], weights[1:], strict=True):
        if [w.shape for w in values] != [w.shape for w in weights[0]]:
            raise ValueError(f"{run} holds another network than {runs[0]}")
        if section != sections[0]:
            raise ValueError(f"{run} has another front end than {runs[0]}: only runs with a common start can be averaged")
    check_new(RUNS / name)
    for run, one in zip(runs[1:], configs[1:], strict=True):
        if one.labels != configs[0].labels:
            raise ValueError(f"{run} listens for {' '.join(one.labels[2:])}, {runs[0]} for {' '.join(configs[0].labels[2:])}")
        if one.window_samples != configs[0].window_samples:
            raise ValueError(f"{run} has around_ms={one.around_ms:g}, {runs[0]} has {configs[0].around_ms:g}")
    config = replace(configs[-1], name=name, start=str(runs[-1]), average=" ".join(map(str, runs)), blob="", epochs=0,
                     silence=fmean(c.silence for c in configs), unknown=fmean(c.unknown for c in configs))
    deterministic(config.seed)
    sampler = prepare(config, dataset or load_for(config, ("train",)), RUNS / name)
    windows, labels = sampler.epoch(0)
    run = Run(config, sampler.section, windows.shape[1:], len(sampler.labels))
    run.model.set_weights([np.mean(layer, axis=0) for layer in zip(*weights, strict=True)])
    run.save(run.with_statistics(windows[labels != UNNAMED]))
    return run.folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.average", description=__doc__.split("\n")[0])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="folders of finished runs, build/runs/...")
    args = parser.parse_args()
    if len(args.runs) < 2:
        parser.error("give two runs or more")
    try:
        folder = average(args.name, args.runs)
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    print(f"done: {folder}; next: python -m training.export {folder} -o MODEL.kws")
    return 0


if __name__ == "__main__":
    sys.exit(main())
