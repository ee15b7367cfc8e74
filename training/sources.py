"""The finished runs that a configuration names, checked before recordings are read: `start`, which it goes on from, and `teacher`."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.config import Config
from training.folders import word_of
from training.run_folder import load_config


def load_finished(folder: Path, says: str = "") -> Config:
    """The configuration of a run that has all its epochs. ValueError that begins with `says`, or the folder, for any other folder."""
    says = says or str(folder)
    if missing := [name for name in ("config.json", "frontend.bin", "float.npz") if not (folder / name).is_file()]:
        raise ValueError(f"{says} is no finished run: {folder / missing[0]} is not there")
    config, epochs = load_config(folder), 0
    if (folder / "checkpoint.npz").exists():
        with np.load(folder / "checkpoint.npz") as saved:
            epochs = len(json.loads(str(saved["history"])))
    if epochs < config.epochs:                              # what is made without epochs (`average`, `word_start`) says so
        raise ValueError(f"{says} has {epochs} of its {config.epochs} epochs; let it finish (python -m training.train goes on)")
    return config


def check_start(config: Config) -> None:
    other = load_finished(Path(config.start), f"start={config.start}")
    if other.labels != config.labels:
        raise ValueError(f"start={config.start} listens for {' '.join(other.labels[2:])}; a run that goes on from it has the same keywords")
    if other.model != config.model or (other.channels and config.channels and other.channels != config.channels):
        raise ValueError(f"start={config.start} has model={other.model} channels={other.channels}, "
                         f"this run has model={config.model} channels={config.channels}: its weights do not fit")


def check_teachers(config: Config) -> None:
    """A teacher hears the middle of its student's windows, and knows all of its words."""
    for folder in config.teacher.split():
        teacher = load_finished(Path(folder), f"teacher={folder}")
        if teacher.window_samples > config.window_samples:
            raise ValueError(f"teacher={folder} hears more of a window than around_ms={config.around_ms:g} leaves of it")
        if unheard := {word_of(label) for label in config.labels} - {word_of(label) for label in teacher.labels}:
            raise ValueError(f"teacher={folder} does not know {', '.join(sorted(unheard))}; a teacher knows all words of its student")


def check_sources(config: Config) -> None:
    """Raises ValueError that names the key and the folder. The mean of runs (`average`) needs its `start`'s front end alone."""
    if config.start:
        check_start(config)
    if not config.average:
        check_teachers(config)
