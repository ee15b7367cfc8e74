"""What a blob is worth: `python -m training.evaluate MODEL.kws --data DIR`.

The recordings go through the C core as on the device: front end, int8 network, highest score (`answers.py`). The float model has no
part in these figures.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools import blobfile
from tools.blob import read
from tools.kwslib import Frontend, Model
from training.answers import of_scores, reported, truth
from training.clips import DataError, whole_frames
from training.data import Split, load
from training.features import extract
from training.folders import SPLITS, find, is_unheard, keywords_in
from training.manifest import STOP_NOTE, is_part_of_speech_commands, source_of


def split_for(blob: bytes, root: Path | str, name: str = "test", threads: int = 2, progress: bool = True) -> Split:
    """A split of a data folder with the blob's labels, in the blob's order.

    What is said in other words is `_unknown_`; clips of a class that the blob does not have are left out. Raises
    ValueError for a blob without keywords, DataError for recordings that cannot be used.
    """
    labels = tuple(read(blob).labels)
    keywords = keywords_in(labels)
    if not keywords:
        raise ValueError(f"the model has no keywords, its labels are {', '.join(labels) or 'none'}")
    split = load(root, (name,), threads, progress, keywords=keywords, needed=(name,), window_samples=window_samples(blob)).splits[name]
    label = np.array([labels.index(one) if one in labels else -1 for one in split.labels])[split.label]
    kept = label >= 0
    return replace(split, pcm=split.pcm[kept], label=label[kept], word=split.word[kept], path=split.path[kept], span=split.span[kept], labels=labels)


def window_samples(blob: bytes) -> int:
    """Samples that make one input of the blob's network, a second at least. Raises ValueError for a blob without a front end."""
    if not read(blob).frontend:
        raise ValueError("this blob has no front end: it is a bare network and cannot listen (the importer's --frontend-from gives it one)")
    frontend = Frontend(read(blob).frontend)
    return whole_frames(frontend.window_len + (Model(blob).input_shape[0] - 1) * frontend.hop_len, frontend.window_len, frontend.hop_len)


def predict(blob: bytes, pcm: np.ndarray, threads: int = 2) -> np.ndarray:
    """int8 scores [n, classes] of int16 windows [n, samples], by the C core."""
    return run_network(blob, extract(read(blob).frontend, pcm, threads), threads)


def run_network(blob: bytes, features: np.ndarray, threads: int = 2) -> np.ndarray:
    """int8 scores [n, classes] of int8 features [n, frames, features], by the C core."""
    model = Model(blob)
    with ThreadPoolExecutor(threads) as pool:
        parts = [part for part in np.array_split(features[..., None], threads) if len(part)]
        return np.concatenate(list(pool.map(model.run, parts)))


def confusion(said: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """int64 [classes, classes]: row is what was said, column what was heard."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (said, guess), 1)
    return table


def figures(said: np.ndarray, guess: np.ndarray, labels: Sequence[str]) -> dict:
    """Accuracy over all clips and recall of every class that was said, in percent; `answers.py` says which classes there are."""
    shown = reported(labels)
    table = confusion(said, guess, len(shown))
    recall = {name: round(100 * float(table[i, i] / table[i].sum()), 2) for i, name in enumerate(shown) if table[i].sum()}
    return {"clips": len(said), "accuracy_percent": round(100 * float(np.mean(said == guess)), 2), "recall_percent": recall}


def evaluate(blob: bytes, split: Split, threads: int = 2) -> tuple[dict, np.ndarray]:
    """Figures and confusion matrix of a blob on a split. Raises ValueError for a blob of other classes."""
    if tuple(Model(blob).labels) != split.labels:
        raise ValueError(f"its labels are {', '.join(Model(blob).labels)}, the data's {', '.join(split.labels)}")
    result, table, _ = _measured(blob, split, threads)
    return result, table


def _measured(blob: bytes, split: Split, threads: int = 2) -> tuple[dict, np.ndarray, np.ndarray]:
    """Figures, confusion matrix, and bool [n], whether each clip is right."""
    said, guess = truth(split.label, split.labels), of_scores(predict(blob, split.pcm, threads), split.labels)
    return figures(said, guess, split.labels), confusion(said, guess, len(reported(split.labels))), said == guess


def of_folder(blob: bytes, root: Path | str, name: str = "test") -> tuple[dict, np.ndarray, Split]:
    """As `evaluate` on a split of a data folder, with the accuracy on speakers that training has not heard."""
    split = split_for(blob, root, name)
    result, table, right = _measured(blob, split)
    return result | (of_unheard_speakers(right, split, root) if name != "train" else {}), table, split


def of_unheard_speakers(right: np.ndarray, split: Split, root: Path | str) -> dict:
    """Accuracy, of bool [n], on the clips whose speakers, by their file names, say nothing in the train split of `root`, whatever the
    word. {} where no file name has a speaker or there is no train split."""
    kept = np.array(is_unheard(split.path, find(Path(root), (), needed=()).files["train"]), bool)
    if not kept.any():
        return {}
    return {"unheard_speakers": {"clips": int(kept.sum()), "accuracy_percent": round(100 * float(np.mean(right[kept])), 2)}}


def print_report(result: dict, table: np.ndarray, labels: Sequence[str]) -> None:
    print(f"accuracy {result['accuracy_percent']:.2f} % of {result['clips']} clips")
    if "unheard_speakers" in result:
        unheard = result["unheard_speakers"]
        print(f"accuracy {unheard['accuracy_percent']:.2f} % of the {unheard['clips']} clips of speakers who say nothing in the train split")
    print("recall in %, then what was heard when it was said:")
    print(" " * 20 + "".join(f"{name.strip('_')[:7]:>8}" for name in labels))
    for name, row in zip(labels, table, strict=True):
        recall = result["recall_percent"].get(name)
        print(f"{name:12}{'-' if recall is None else f'{recall:.1f}':>8}" + "".join(f"{n:8d}" for n in row))


def plot(table: np.ndarray, labels: Sequence[str], path: Path, title: str = "") -> None:
    """The confusion matrix, a row coloured by its shares, with each class's recall."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.45 * len(labels)
    figure, axes = pyplot.subplots(figsize=(side + 1, side))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="heard", ylabel="said (recall, %)", xticks=range(len(labels)), yticks=range(len(labels)), title=title)
    axes.set_xticklabels(labels, rotation=60)
    axes.set_yticklabels([f"{name}  {100 * share[i, i]:.1f}" for i, name in enumerate(labels)])
    for (y, x), n in np.ndenumerate(table):
        if n:
            axes.text(x, y, str(n), ha="center", va="center", fontsize=7, color="white" if share[y, x] > 0.5 else "black")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL.kws")
    parser.add_argument("--data", default="../shared/data/speech", metavar="DIR")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and confusion matrix there too")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the confusion matrix")
    args = parser.parse_args()
    try:
        blob = blobfile.load(args.model)
        result, table, split = of_folder(blob, args.data, args.split)
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    print_report(result, table, reported(split.labels))
    if "stop" in split.labels and is_part_of_speech_commands(source_of(Path(args.data))):
        print(STOP_NOTE)
    if args.json:
        args.json.write_text(json.dumps(result | {"labels": reported(split.labels), "confusion": table.tolist()}, indent=1) + "\n")
    if args.plot:
        plot(table, reported(split.labels), args.plot, f"{args.model.stem}: {result['accuracy_percent']:.2f} % of {result['clips']} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
