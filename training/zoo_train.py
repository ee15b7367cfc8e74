"""`make zoo ARGS=--train`: recipes become runs, runs become blobs with tuned detectors. Every step that is done is not done again."""
from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tools.blob.meta import with_meta
from training import continuous, runs
from training.cluster import Job, run, say
from training.files import write_atomic
from training.listening import Composer
from training.manifest import write_manifest
from training.sweep import THRESHOLDS
from training.tune import GRID
from training.zoo_measure import ZOO, Options
from training.zoo_recipes import Recipe, jobs_for


def blob_of(name: str) -> Path:
    return ZOO / name / f"{name}.kws"


def tune(path: Path, options: Options) -> None:
    """Detector settings for validation audio go into the blob, once for the same bytes, audio and settings to choose from."""
    stamp = path.with_name("tuned.json")
    key = f"{options.data} {options.hours} {options.snr_db} {options.seed} {options.budget} {GRID} {THRESHOLDS}"
    if stamp.exists() and json.loads(stamp.read_text()) == {"audio": key, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}:
        return
    say(f"listens to {options.hours:g} h of validation audio")
    model = continuous.open_model(path)
    composer = Composer(Path(options.data), "validation", continuous.keywords_of(model), options.seed, threads=options.threads)
    heard = continuous.hear(model, composer, options.hours, None, options.snr_db)
    try:
        found = continuous.tune(model, heard, options.budget)
    except ValueError as exc:                                   # the model is none the worse for it
        say(f"keeps the detector's untuned settings: {exc}")
    else:
        found["tuned"] += f"; at most {options.budget:g} allowed"
        say(f"detector: {found['tuned']}")
        write_atomic(path, with_meta(path.read_bytes(), model.meta | {"detector": found}))
    stamp.write_text(json.dumps({"audio": key, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    write_manifest(path)


def make_blob(name: str, options: Options) -> str:
    """The blob and manifest of a finished run, tuned; its path."""
    path = blob_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    runs.export(name, path)
    tune(path, options)
    return str(path)


def train(names: Sequence[str], recipes: dict[str, Recipe], options: Options, scheduler: str | None, workers: int, console: Console) -> list[Path]:
    """Blobs of these recipes. ValueError names those that could not be made, after all others are done."""
    jobs = jobs_for(names, recipes)
    share = replace(options, threads=max(1, options.threads // min(len(jobs), workers or options.threads)))
    jobs += [Job(f"{name}.kws", make_blob, (name, share), (name,)) for name in names]
    results = run(jobs, scheduler, workers, console)
    failed = [f"{name}: {result.error}" for name, result in results.items() if result.error]
    if failed:
        raise ValueError("not all models could be made, the others are in build/zoo/\n" + "\n".join(failed))
    return [blob_of(name) for name in names]


def release(made: Sequence[Path], folder: Path) -> list[Path]:
    """Copies of blobs and manifests in `folder`."""
    for path in made:
        for file in (path, path.with_suffix(".json")):
            shutil.copyfile(file, folder / file.name)
    return [folder / path.name for path in made]
