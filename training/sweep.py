"""The detector at many settings at once: decisions are computed once, then misses and false accepts for each setting.

`detect` is py_app/detector.py over a whole recording of decisions, with numpy; a test holds the two equal.
"""
from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tools.bench_live.host import CHUNK_MS, Decisions, Detector, HostModel, make_detector
from tools.bench_live.score import LATEST_S, Scorer
from tools.bench_live.track import Word
from training.folders import keywords_in
from training.listening import Heard

# Close together near 1, where few false accepts are left. int8 posteriors end at 255/256: at 1.0 nothing is ever reported.
THRESHOLDS = tuple(t / 100 for t in range(30, 90, 2)) + tuple(t / 400 for t in range(360, 401))
OVERALL, NO_WORD = "overall", "no word"


def window_sums(detector: Detector, decisions: Decisions) -> np.ndarray:
    """int64 [decisions, classes]: the detector's sums over its window after each decision, nothing heard before the first."""
    values = decisions.scores.astype(np.int64) - detector._zero_point
    if detector._unknown >= 0:
        one, unknown = detector._one, values[:, detector._unknown].copy()
        values[:, detector._unknown] *= np.where(unknown > 0, detector.unknown_prior, 1)
        values = values * one // (one + (detector.unknown_prior - 1) * np.maximum(unknown, 0))[:, None]
    sums = np.cumsum(values, axis=0)
    sums[detector.window:] -= sums[:-detector.window].copy()
    return sums


def detect(detector: Detector, decisions: Decisions, sums: np.ndarray | None = None) -> Iterator[tuple[str, float, float]]:
    """(keyword, score, time in s) of every detection, as host.detect gives them for a detector that has heard nothing.

    sums: `window_sums` of any detector with the same window and prior, where they are known already.
    """
    sums = window_sums(detector, decisions) if sums is None else sums
    if not len(sums):
        return
    limit = np.array(detector.threshold.sums, np.int64)                         # [classes]
    best = sums.argmax(axis=1)                                                  # the first of equal ones, as there
    loud = np.flatnonzero(sums[np.arange(len(sums)), best] >= limit[best])      # decisions that may report
    at, held, released = 0, -1, 0
    while at < len(loud):
        k = int(loud[at])
        if best[k] == held and k < released:
            at += 1
            continue
        held = int(best[k])
        yield detector.labels[held], int(sums[k, held]) * 1000 // detector._full / 1000, int(decisions.chunk[k]) * (CHUNK_MS / 1000)
        below = sums[k + 1:, held] < limit[held]
        released = k + 1 + int(below.argmax()) if below.any() else len(sums)
        at = int(np.searchsorted(loud, k + detector.refractory + 1))


@dataclass
class Tally:
    """Counts by keyword; `during`: false accepts by what was said then, `taken`: by (what was said, the keyword that was reported).
    latency_s: from the end of the word, by its energy, to its report."""
    seconds: float = 0.0
    said: Counter = field(default_factory=Counter)
    missed: Counter = field(default_factory=Counter)
    false: Counter = field(default_factory=Counter)
    during: Counter = field(default_factory=Counter)
    taken: Counter = field(default_factory=Counter)
    latency_s: dict[str, list[float]] = field(default_factory=dict)

    def figures(self, keyword: str = OVERALL) -> dict:
        """Of one keyword or of all; latencies in ms, None where nothing was found."""
        def of(counts: Counter) -> int:
            return counts.total() if keyword == OVERALL else counts[keyword]

        late = [x for k, values in self.latency_s.items() if keyword in (OVERALL, k) for x in values]
        median, most = (round(1000 * float(np.quantile(late, q))) for q in (0.5, 0.9)) if late else (None, None)
        return {"targets": of(self.said), "misses": of(self.missed), "false_accepts": of(self.false),
                "miss_percent": round(100 * of(self.missed) / of(self.said), 2) if of(self.said) else None,
                "false_accepts_per_hour": round(3600 * of(self.false) / self.seconds, 3),
                "latency_median_ms": median, "latency_90_percent_ms": most}


def said_then(words: Sequence[Word], event: tuple[str, float, float]) -> tuple[str, str]:
    """What kind of word a false accept fell into, and which: the last one that could have caused it."""
    near = [word for word in words if word.start_s <= event[2] <= word.end_s + LATEST_S]
    if not near:
        return NO_WORD, NO_WORD
    if near[-1].keyword:
        return "the keyword again" if near[-1].keyword == event[0] else "another keyword", near[-1].keyword
    return ("a sentence", "a sentence") if " " in near[-1].text else ("another word", near[-1].text)


def tallies(heard: Iterable[Heard], model: HostModel, options: Sequence[dict | None]) -> list[Tally]:
    """For each of `options` (as in a blob's meta; None: the blob's own): what that detector reports against what was said."""
    detectors = [make_detector(model, one) for one in options]
    totals = [Tally() for _ in options]
    for one in heard:
        words = one.stretch.words
        said = Counter(word.keyword for word in words if word.keyword)
        sums: dict[tuple[int, int], np.ndarray] = {}                            # of the newest window and prior
        for detector, total in zip(detectors, totals, strict=True):
            smoothing = detector.window, detector.unknown_prior
            if smoothing not in sums:
                sums = {smoothing: window_sums(detector, one.decisions)}
            scorer = Scorer(words)
            for event in detect(detector, one.decisions, sums[smoothing]):
                index = scorer.add(event)
                if index is not None:
                    total.latency_s.setdefault(event[0], []).append(event[2] - one.stretch.said_s[index])
            total.said.update(said)
            total.missed.update(said - Counter(words[index].keyword for index in scorer.score.hits))
            total.false.update(event[0] for event in scorer.score.false_accepts)
            for event in scorer.score.false_accepts:
                kind, text = said_then(words, event)
                total.during[kind] += 1
                total.taken[text, event[0]] += 1
            total.seconds += one.stretch.seconds
    return totals


def tally(heard: Iterable[Heard], model: HostModel, options: dict | None = None) -> Tally:
    return tallies(heard, model, [options])[0]


def keywords_of(model: HostModel) -> list[str]:
    return keywords_in(model.labels)


def only(model: HostModel, keyword: str) -> HostModel:
    """The model listening for one of its keywords: the others compete as before, and are never reported."""
    one = copy.copy(model)
    one.labels = [label if label == keyword or label.startswith("_") else f"_{label}" for label in model.labels]
    return one


def others_said(heard: Iterable[Heard], keyword: str) -> list[Heard]:
    """The same audio for a model that listens for `keyword`: all other keywords are words that may not be reported."""
    return [replace(one, stretch=replace(one.stretch, words=[word if word.keyword == keyword else replace(word, keyword="")
                                                             for word in one.stretch.words])) for one in heard]


def settings(model: HostModel, threshold: float, options: dict | None = None) -> dict:
    """The model's own options, or `options`, with one threshold for all keywords."""
    options = model.meta.get("detector") or {} if options is None else options
    return options | {"threshold": dict.fromkeys(keywords_of(model), threshold)}


def curve(heard: Iterable[Heard], model: HostModel, thresholds: Sequence[float] = THRESHOLDS, options: dict | None = None) -> dict[float, Tally]:
    """One tally a threshold."""
    return dict(zip(thresholds, tallies(heard, model, [settings(model, t, options) for t in thresholds]), strict=True))


def operating_point(tallies: dict, budget: float) -> object:
    """The key of fewest misses among those with at most `budget` false accepts an hour; of equal ones fewest false accepts, then the first.

    None where every one has more.
    """
    within = [key for key, one in tallies.items() if 3600 * one.false.total() / one.seconds <= budget]
    return min(within, key=lambda key: (tallies[key].missed.total(), tallies[key].false.total()), default=None)
