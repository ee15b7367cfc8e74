"""A spotter for a phrase of your own, from synthetic speech: `python -m training.word "hey hark"`.

Writes build/words/NAME.kws with its manifest, NAME.png and NAME_det.json: misses against false accepts an hour, on synthetic
speech that training has not heard. The same command goes on where it was killed. `--measure` says what people get.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tools.blob.meta import with_meta
from training import word_speech, word_start
from training.average import average
from training.clips import DataError
from training.config import Config, parse, read_overrides
from training.continuous import hear, open_model, result_of
from training.data import Dataset, load_for
from training.det import plot, show
from training.export import make, untuned
from training.files import write_atomic
from training.folders import SPLITS, find, is_unheard
from training.listening import Composer
from training.manifest import source_of, write_manifest
from training.run_folder import RUNS
from training.spoken import folder_name, link, make_noise
from training.train import train
from training.tune import tune_threshold
from training.voices import missing
from training.word_speech import NEGATIVES

FOLDER = Path("build/words")
BUDGET = 1.0                            # false accepts an hour
SYNTHETIC_BUDGET = 100.0                # where synthesisers alone say the other words: people get a two-hundredth ("marvin") or a sixteenth ("sheila") of it
DETECTOR = {"window": 1, "unknown_prior": 1, "refractory_ms": 960}      # the threshold alone is tuned: synthetic words are heard at any
NETWORKS = 2                            # of a word, each trained with other windows; the mean of their weights is what is exported
HOURS = 1.0                             # of validation audio for the threshold, and as much synthetic audio for the curve
RECIPE = ["model=stream_dense", "frontend.n_dct=0", "epochs=20", "epoch_size=6000", "learning_rate=0.006", "warmup_epochs=0.5",
          "weight_average=0.99", "silence=0.1", "unknown=0.5", "label_smoothing=0.0", "augment.noise=0.8", "augment.snr_low_db=0",
          "augment.room=0.3", "augment.band=0.2", "augment.tilt=0.6", "augment.speed=0.12", "augment.sliding=0.6",
          "augment.pieces=0.35", "augment.mixtures=0.15", "augment.behind=0.7", "augment.feature_mask=5"]


DECIDED = {"name": "it follows from the phrase", "keywords": "it is the phrase", "start": "it is made from training/backbones",
           "told_apart": "they are the words that people say often in --data DIR, or else those that the start knows",
           "seed": "--seed does", "threads": "--threads does", "teacher": "a word has none", "average": "a word is the mean of its own networks", "blob": "it starts from training/backbones",
           "windows": "they are Hark's own", "around_ms": "the start has it",
           "data": "it is the speech that is made for the phrase; --data DIR adds recordings of people"}


def configuration(name: str, overrides: Sequence[str], seed: int, threads: int) -> Config:
    config = parse([*RECIPE, f"seed={seed}", f"threads={threads}", *overrides])
    for argument in overrides:
        key, equals, _ = argument.partition("=")
        for taken in [key] if equals else read_overrides(Path(argument)):
            if taken in DECIDED:
                raise DataError(f"'{taken}' cannot be overridden for a word: {DECIDED[taken]}")
    return replace(config, name=f"word_{name}", data=str(FOLDER / name / "speech"), keywords=name, start=str(RUNS / f"word_{name}-start"))


def networks(config: Config) -> list[Config]:
    """The runs whose mean is the phrase's; no phrase's name has a hyphen (`folder_name`)."""
    return [replace(config, name=f"{config.name}-{k}", seed=config.seed + 1000 * k) for k in range(NETWORKS)]


def begin(folder: Path, how: dict, contents: dict[str, str], fresh: bool) -> None:
    """Notes what a word is made of; what was begun otherwise is not gone on with, and the network is trained anew where the
    recordings are others (`word_speech.contents`). Raises DataError."""
    path = folder / "made_of.json"
    run = f"word_{folder.name}"
    runs = [RUNS / run, *RUNS.glob(f"{run}-*")]
    for old in [folder] * fresh + runs * (fresh or not path.exists()):      # nobody knows what networks without a note were made of
        shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        begun = json.loads(path.read_text())
        other = [key for key in how if begun.get(key) != how[key]]
        if other:
            raise DataError(f"{folder} was begun with another {', '.join(other)} ({begun.get(other[0])}, now {how[other[0]]}): "
                            "give the same again, or --fresh to begin anew")
        changed = [key for key in contents if begun.get("contents", {}).get(key, "") != contents[key]]
        if changed:
            print(f"other recordings than before in {' and '.join(how[key] for key in changed)}: the network is trained anew", flush=True)
            for old in runs:
                shutil.rmtree(old, ignore_errors=True)
        if "data" in changed:
            word_speech.unlink_data(folder / "speech")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(how | {"contents": contents}, indent=1))


def train_word(config: Config, threads: int) -> Dataset:
    """The run of the phrase, the mean of several, from their start or from where they were killed; returns its data."""
    dataset = load_for(config)
    print(dataset.table(), *dataset.notes, sep="\n", flush=True)
    start = Path(config.start)
    if not (start / "float.npz").exists():
        word_start.prepare(replace(config, name=start.name, start="", epochs=0), dataset, start)
    if not (RUNS / config.name / "float.npz").exists():
        parts = networks(config)
        for number, part in enumerate(parts, 1):
            print(f"network {number} of {len(parts)}", flush=True)
            train(part, dataset)
        average(config.name, [RUNS / part.name for part in parts], dataset)
    return dataset


def export(config: Config, dataset: Dataset, path: Path, about: dict, threads: int, hours: float) -> dict:
    """Blob, threshold from validation audio, manifest; returns the figures on synthetic speech of the test split."""
    keyword = config.keywords
    made = make(RUNS / config.name, dataset, path, untuned(dataset.labels), about["data"], each=True)
    model = open_model(path)
    nobody_says = word_speech.left_out_of_tuning(Path(config.data))
    heard = hear(model, Composer(Path(config.data), "validation", [keyword], config.seed, False, threads, nobody_says), hours, None, [5.0, 10.0, 20.0])
    try:
        detector = tune_threshold(model, heard, BUDGET if word_speech.tuned_on_people(Path(config.data)) else SYNTHETIC_BUDGET, DETECTOR)
    except ValueError as error:
        detector = untuned(dataset.labels)
        print(f"the detector keeps settings that nobody tuned: {error}", flush=True)
    meta = {key: made[key] for key in ("name", "model", "quantisation", "test") if key in made} | {"seed": config.seed}
    meta |= about | {"detector": detector}
    write_atomic(path, with_meta(path.read_bytes(), meta))
    write_manifest(path)
    model = open_model(path)
    return listen(model, Path(config.data), keyword, config.seed, threads, hours, [5.0, 10.0, 20.0], f"{path.stem}, synthetic speech", NEGATIVES[:1])


def listen(model: object, root: Path, keyword: str, seed: int, threads: int, hours: float, snr: Sequence[float], title: str,
           leave_out: Sequence[str] = ()) -> dict:
    """Figures of the test split of `root`, as training/continuous.py gives them."""
    composer = Composer(root, "test", [keyword], seed, False, threads, leave_out)
    return result_of(title, model, composer, hear(model, composer, hours, None, snr), hours, BUDGET)


def people(root: Path, phrase: str, target: Path, strangers: bool = False) -> int:
    """A data folder to measure with: every recording of the phrase, whatever its split, and the test split's other words.
    strangers: only of speakers who, by their file names, say no other word in the train split, where `root` was also trained with.
    Returns how many there are of the phrase. Raises DataError where there are none at all."""
    name = folder_name(phrase)
    files = find(root, (), needed=()).files
    shutil.rmtree(target, ignore_errors=True)
    for split in SPLITS:
        (target / split).mkdir(parents=True)
    said = [path for paths in files.values() for path in paths if path.parent.name in (phrase, name)]
    if not said:
        raise DataError(f"{root}: nobody says '{phrase}' there; --measure needs recordings of it")
    spoken = {*said}
    taken = [*said, *(p for p in files["test"] if not p.parent.name.startswith("_") and p not in spoken)]
    if strangers:
        unheard = is_unheard(taken, [path for path in files["train"] if path not in spoken])
        taken = [path for path, kept in zip(taken, unheard, strict=True) if kept]
    split_of = {path: split for split, paths in files.items() for path in paths}
    for path in taken:
        link(path, target / "test" / (name if path in spoken else path.parent.name) / f"{path.stem}.{path.parent.name}.{split_of[path]}{path.suffix}")
    make_noise(target, root, 0)
    return len(spoken & {*taken})


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.word", description=__doc__.partition("\n")[0])
    parser.add_argument("phrase", metavar="PHRASE")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="configuration overrides, as of training.train")
    parser.add_argument("--spelling", action="append", default=[], metavar="TEXT", help="another way to write it, for voices that say it wrongly; may be given again")
    parser.add_argument("--voices", type=int, default=800, help="utterances of the phrase (%(default)s)")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="your own recordings of the phrase, WAV or FLAC")
    parser.add_argument("--data", type=Path, metavar="DIR", help="recordings of people who say other words, such as ../shared/data/speech")
    parser.add_argument("--measure", type=Path, metavar="DIR", help="recordings of people who say the phrase and other words: misses and false accepts")
    parser.add_argument("--hours", type=float, default=2.0, help="of audio for --measure (%(default)s); below 1 also for the threshold and the curve")
    parser.add_argument("--snr", type=lambda t: [float(x) for x in t.split(",")], default=[10.0, 20.0], help="of --measure, in turn (10,20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier command has made of this phrase")
    return parser


def run(args: argparse.Namespace, console: Console) -> None:
    if args.voices < 10 or not 0 < args.hours <= 1000 or args.threads < 1 or args.seed < 0:
        raise DataError("--voices is 10 or more, --hours above 0 and at most 1000, --threads 1 or more, --seed 0 or more")
    for text in args.spelling:
        word_speech.check_text(text)
    phrase = " ".join(args.phrase.split())
    name = word_speech.check_phrase(phrase)
    if args.data:
        word_speech.check_data(args.data)
    config = configuration(name, args.overrides, args.seed, args.threads)
    word_start.backbone(config.model)
    start = word_start.about(config.model)
    told_apart = word_speech.told_apart(start["words"], args.data, phrase)
    config = replace(config, around_ms=start["around_ms"], told_apart=" ".join(told_apart))
    if args.measure:
        word_speech.check_data(args.measure, phrase)
    if args.recordings:
        word_speech.check_recordings(args.recordings)
    folder, blob = FOLDER / name, FOLDER / f"{name}.kws"
    recipe = json.dumps([RECIPE, DETECTOR, NETWORKS, word_speech.SAID_APART])                     # of the version that began it
    begin(folder, {"recipe": hashlib.sha256(recipe.encode()).hexdigest()[:12], "phrase": phrase, "spelling": args.spelling, "voices": args.voices, "around_ms": config.around_ms, "seed": args.seed, "overrides": args.overrides,
                   "data": str(args.data or ""), "recordings": str(args.recordings or "")}, word_speech.contents(args.data, args.recordings), args.fresh)
    notes = word_speech.make(folder / "speech", phrase, spellings=args.spelling, count=args.voices, seed=args.seed, threads=args.threads,
                             data=args.data, recordings=args.recordings, apart=told_apart)
    console.print(*notes, *[missing()] * bool(missing()), sep="\n", highlight=False)
    dataset = train_word(config, args.threads)
    people_too = [f"other words also by people ({source_of(args.data)})"] if args.data else []
    people_too += ["own recordings of the phrase"] if args.recordings else []
    about = {"phrase": phrase, "data": "; ".join(["synthetic speech", *people_too]), "backbone": f"training/backbones/{config.model}.npz",
             "command": shlex.join(["python", "-m", "training.word", *command_of(args)])}
    result = export(config, dataset, blob, about, args.threads, min(HOURS, args.hours))
    save(result, blob.with_name(f"{name}_det.json"), console)
    console.print(f"{blob}: curve and figures in {blob.with_name(f'{name}_det.png')} are of synthetic speech", highlight=False)
    if args.measure:
        measure(args, name, phrase, console)


def measure(args: argparse.Namespace, name: str, phrase: str, console: Console) -> None:
    """What people get; then, where there are such recordings, what people get of whom training has heard no word."""
    for strangers, file, who in ((False, "people", "people"), (True, "strangers", "people whose voices training has not heard")):
        folder = FOLDER / name / file
        count = people(args.measure, phrase, folder, strangers)
        if count == 0:
            console.print(f"no recording of the phrase is known to be of {who}", highlight=False)
            return
        measured = listen(open_model(FOLDER / f"{name}.kws"), folder, name, args.seed, args.threads, args.hours, args.snr, f"{name}, {count} recordings of {who}")
        save(measured, FOLDER / f"{name}_{file}.json", console)


def save(result: dict, path: Path, console: Console) -> None:
    show(result, console)
    path.write_text(json.dumps(result, indent=1) + "\n")
    plot(result, path.with_suffix(".png"))


def command_of(args: argparse.Namespace) -> list[str]:
    """The arguments that the blob depends on."""
    options = [("--spelling", text) for text in args.spelling] + [("--voices", str(args.voices)), ("--seed", str(args.seed))]
    options += [("--hours", f"{args.hours:g}")] if args.hours < HOURS else []
    options += [(f"--{key}", str(getattr(args, key))) for key in ("recordings", "data") if getattr(args, key)]
    return [args.phrase, *args.overrides, *(part for option in options for part in option)]


def main() -> int:
    try:
        run(arguments().parse_intermixed_args(), Console())
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
