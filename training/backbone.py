"""What `training.word` starts from: `python -m training.backbone` trains a network that tells many words apart, said by
people and by synthesisers.

Each class is a word; where people recorded it, synthesisers say it too, so that the network learns to hear the same word
in both. That is what lets a phrase of synthetic speech alone be heard from people. `marvin` and `sheila` are left out
altogether: they are the words that `training.word --measure` proves it with. The result, training/backbones/*.npz, is
part of the repository; this command is only for another network or other recordings.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from training.config import parse
from training.data import load_for
from training.files import named, write_arrays, write_atomic
from training.folders import find
from training.run_folder import RUNS, commands, load_config, load_weights
from training.spoken import link_recordings, make_noise, say_all
from training.synthetic import WORDS, DataError
from training.train import train

FOLDER = Path(__file__).parent / "backbones"
SPEECH = Path("build/backbone/speech")
LEFT_OUT = ("marvin", "sheila")
UNKNOWN_WORDS = ("bird", "wow", "tree")     # no classes of their own
SPOKEN_WORDS = WORDS[48::3]                 # classes that synthesisers alone say
UTTERANCES = {"train": 40, "validation": 4}
RECIPE = ["name=backbone", "model=stream_dense", "frontend.n_dct=0", "epochs=60", "epoch_size=14000", "cycle=15", "weight_decay=0.01",
          "silence=0.03", "unknown=0.07", "augment.sliding=0.3", "augment.speed=0.15", "augment.room=0.2", "augment.band=0.15",
          "augment.tilt=0.5", "augment.snr_low_db=3", "augment.feature_mask=5", "augment.time_mask=5", "augment.pieces=0.3"]


def speech(root: Path, seed: int, threads: int) -> list[str]:
    """Makes the data folder in SPEECH; returns the words that are classes."""
    files = find(root, (), needed=()).files
    heard = [{path.parent.name for path in files[split]} for split in ("train", "validation")]
    people = sorted(word for word in heard[0] & heard[1] if word not in (*LEFT_OUT, *UNKNOWN_WORDS) and not word.startswith("_"))
    for split in ("train", "validation"):
        link_recordings(root, split, SPEECH / split, leave_out=LEFT_OUT)
    (SPEECH / "test").mkdir(exist_ok=True)
    make_noise(SPEECH, root, seed)
    jobs = [(word, count, seed + (split == "validation"), SPEECH / split / word, True) for split, count in UTTERANCES.items()
            for word in (*people, *SPOKEN_WORDS) if split == "train" or word in SPOKEN_WORDS]
    say_all(jobs, threads, "synthetic speech")
    return [*people, *SPOKEN_WORDS]


def save(folder: Path, path: Path) -> None:
    """The run's weights, front end and configuration as one file."""
    config = load_config(folder)
    about = {"model": config.model, "channels": config.channels, "around_ms": config.around_ms, "words": config.keywords.split(), "left_out": list(LEFT_OUT),
             "commands": ["python -m training.backbone", *commands(folder)]}
    path.parent.mkdir(exist_ok=True)
    frontend = np.frombuffer((folder / "frontend.bin").read_bytes(), np.uint8)
    write_arrays(path, named(load_weights(folder)) | {"frontend": frontend}, compressed=True)
    write_atomic(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.backbone", description=__doc__.split("\n")[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="configuration overrides")
    args = parser.parse_args()
    try:
        config = parse([*RECIPE, *args.overrides])
        words = speech(Path(config.data), config.seed, config.threads)
        config = parse([*RECIPE, *args.overrides, f"data={SPEECH}", f"keywords={' '.join(words)}"])
        dataset = load_for(config, ("train", "validation"), needed=("train", "validation"))
        print(dataset.table(), *dataset.notes, sep="\n", flush=True)
        train(config, dataset)
        save(RUNS / config.name, FOLDER / f"{config.model}.npz")
    except (DataError, ValueError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
