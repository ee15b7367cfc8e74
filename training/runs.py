"""Runs in build/runs/ as jobs: what is finished, and how one is made in a process of its own. Needs no Keras."""
from __future__ import annotations

import json
from pathlib import Path

from training.cluster import ROOT, command, say
from training.config import Config, overrides
from training.run_folder import RUNS, is_run_of, load_config

LOG = "output.txt"                      # everything that the run's processes have printed
SHOWN = r"^(epoch|going on|validation)"


def folder_of(name: str) -> Path:
    return ROOT / RUNS / name


def history(name: str) -> list[dict]:
    """A row an epoch, none for a run that has not begun."""
    log = folder_of(name) / "log.json"
    return json.loads(log.read_text()) if log.exists() else []


def finished(config: Config) -> bool:
    """Whether the run is there with all its epochs. ValueError where its folder holds a run of another configuration."""
    folder = folder_of(config.name)
    if not (folder / "float.npz").exists():
        return False
    if not is_run_of(load_config(folder), config):
        raise ValueError(f"{RUNS / config.name} holds a run of another configuration: delete the folder, or give another name")
    return bool(config.average) or len(history(config.name)) >= config.epochs


def make(config: Config) -> str:
    """Trains the run, from its last epoch on where it was begun; its folder. RuntimeError with the last words of what fails."""
    if finished(config):
        say("is there already")
    else:
        arguments = ["training.average", config.name, *config.average.split()] if config.average else ["training.train", *overrides(config)]
        command(arguments, folder_of(config.name) / LOG, SHOWN)
    return str(RUNS / config.name)


def exported(name: str, blob: Path) -> bool:
    """Whether blob and manifest of the run are there, and newer than its weights."""
    weights = folder_of(name) / "float.npz"
    return (weights.exists() and blob.exists() and blob.with_suffix(".json").exists()
            and blob.stat().st_mtime > weights.stat().st_mtime)


def export(name: str, blob: Path) -> None:
    """Makes a blob and its manifest of a finished run, unless they are there."""
    if not exported(name, blob):
        say("is made a blob of")
        command(["training.export", str(RUNS / name), "-o", str(blob)], folder_of(name) / LOG, SHOWN)
