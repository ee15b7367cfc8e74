"""Choose the detector's defaults for a model on the validation split, on the host: python -m tools.bench_live.tune MODEL

Window and one threshold for all keywords are searched on a grid for the most hits within a budget of false accepts.
A threshold for each keyword would be chosen by the handful of false accepts that it has on this track: it was tried, and on
other recordings it did worse than one for all. `--write` puts the result into the blob's meta section, where the app
finds it.
"""

import argparse
import itertools
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from tools.blob.meta import with_meta

from .host import Decisions, HostModel, decide, detect, make_detector
from .score import Score, score
from .track import KEYWORDS, Track, from_recordings

WINDOWS = (4, 5, 6, 7, 8)
REFRACTORY_MS = 640
THRESHOLDS = tuple(t / 100 for t in range(40, 91, 2))


class Tuner:
    """The quality of detector options on one track."""

    def __init__(self, model: HostModel, track: Track, decisions: Decisions, budget: float):
        self.model, self.track, self.decisions, self.budget = model, track, decisions, budget

    def run(self, options: dict) -> Score:
        return score(self.track.words, detect(make_detector(self.model, options), self.decisions))

    def value(self, options: dict) -> float:
        """Hits in %, less 20 for each false accept a minute beyond the budget, less a little for each within it."""
        result = self.run(options)
        per_minute = result.false_accepts_per_minute(self.track.seconds)
        return result.hits_percent - 20 * max(0.0, per_minute - self.budget) - 0.5 * per_minute


def tune(tuner: Tuner) -> dict:
    """The best options found, as they are stored in `meta["detector"]`; of equal ones the widest window."""
    candidates = [
        {"window": window, "refractory_ms": REFRACTORY_MS, "threshold": dict.fromkeys(KEYWORDS, threshold)}
        for window, threshold in itertools.product(reversed(WINDOWS), THRESHOLDS)
    ]
    return max(tqdm(candidates, "trying"), key=tuner.value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_live.tune", description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="a .kws blob")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/speech"), help="recordings: SPLIT/WORD/*.flac (%(default)s)")
    parser.add_argument("--keywords", type=int, default=500)
    parser.add_argument("--others", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--budget", type=float, default=1.1, help="false accepts a minute (%(default)s)")
    parser.add_argument("--write", action="store_true", help="store the result in the blob's meta section")
    args = parser.parse_args()
    model = HostModel(args.model.read_bytes())
    track = from_recordings(args.data, "validation", args.keywords, args.others, args.seed)
    print(f"{track.seconds / 60:.1f} minutes of audio through the C core")
    tuner = Tuner(model, track, decide(model, track.pcm), args.budget)
    best = tune(tuner)
    result = tuner.run(best)
    per_minute = result.false_accepts_per_minute(track.seconds)
    best["tuned"] = f"{track.name}: {result.hits_percent:.1f} % hits, {per_minute:.2f} false accepts a minute"
    Console().print(best)
    if args.write:
        args.model.write_bytes(with_meta(args.model.read_bytes(), model.meta | {"detector": best}))


if __name__ == "__main__":
    main()
