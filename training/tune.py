"""The detector's settings for a blob, chosen on audio that nothing is measured with: fewest misses within a budget of false accepts."""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from tqdm import tqdm

from tools.bench_live.host import HostModel
from tools.bench_live.tune import WINDOWS
from training.listening import Heard
from training.sweep import THRESHOLDS, Tally, curve, only, operating_point, others_said, settings

BUDGET = 0.5                            # false accepts an hour
GRID = [{"window": window, "unknown_prior": prior, "refractory_ms": refractory_ms}    # prior: of other words, against what the network was told
        for window, prior, refractory_ms in itertools.product(reversed(WINDOWS), (1, 2, 4, 8), (480, 640, 960))]
ALONE_WINDOWS, ALONE_PRIORS, LOOSEST = (2, 3, 4, 6, 8), (1, 2, 4, 8, 16), 0.4       # of a keyword that is listened for alone


def within(best: float | None, tallies: dict, budget: float) -> Tally:
    """The tally of the setting that `operating_point` chose. ValueError when there is none, nothing was said, or it hears nothing."""
    if best is None:
        raise ValueError(f"no setting has at most {budget:g} false accepts an hour")
    found = tallies[best].figures()
    if not found["targets"]:
        raise ValueError(f"nobody says a keyword in {tallies[best].seconds / 3600:g} h of audio; --hours gives more")
    if found["misses"] == found["targets"]:
        raise ValueError(f"with at most {budget:g} false accepts an hour this model hears nothing; --budget allows more")
    return tallies[best]


def said_of(one: Tally) -> str:
    """What a setting did, for the blob's meta section."""
    found = one.figures()
    return f"{one.seconds / 3600:g} h of validation: {found['miss_percent']:.1f} % misses, {found['false_accepts_per_hour']:.2f} false accepts an hour"


def best_of(model: HostModel, heard: Sequence[Heard], tried: Sequence[dict], budget: float, thresholds: Sequence[float] = THRESHOLDS,
            errors: float = 0.0) -> tuple[dict, Tally]:
    """Of `tried` options, each with one threshold for all keywords, those with fewest misses within the budget, and what they do.

    errors: so many standard errors above the fewest misses count as fewest, and of all these the smallest window is taken (the rule of
    one standard error: Breiman et al. 1984, "Classification and regression trees").
    """
    chosen: dict[int, tuple[float, Tally]] = {}
    for number, options in enumerate(tqdm(tried, "tuning", disable=None, leave=False)):
        tallies = curve(heard, model, thresholds, options)
        if (point := operating_point(tallies, budget)) is not None:
            chosen[number] = point, tallies[point]
    least = operating_point({number: one for number, (_, one) in chosen.items()}, budget)
    fewest = within(least, {number: one for number, (_, one) in chosen.items()}, budget)
    misses, said = fewest.missed.total(), fewest.said.total()
    most = misses + errors * math.sqrt(misses * (1 - misses / said))
    if errors:
        least = min((number for number, (_, one) in chosen.items() if one.missed.total() <= most),
                    key=lambda number: (tried[number]["window"], chosen[number][1].missed.total(), chosen[number][1].false.total()))
    return settings(model, chosen[least][0], tried[least]), chosen[least][1]


def tune(model: HostModel, heard: Sequence[Heard], budget: float = BUDGET) -> dict:
    """What `meta["detector"]` should be: window, prior, refractory time and one threshold for all keywords. Of equal ones the widest window.

    A threshold for each keyword would rest on the handful of false accepts that it has: on other recordings it did no better.
    Raises ValueError where every setting has more false accepts.
    """
    options, one = best_of(model, heard, GRID, budget)
    return options | {"tuned": said_of(one)}


def tune_threshold(model: HostModel, heard: Sequence[Heard], budget: float, options: dict) -> dict:
    """`options` with the lowest threshold from which on the budget is kept, whatever it misses. Raises ValueError where that
    hears nothing."""
    tallies = curve(heard, model, options=options)
    kept = list(itertools.takewhile(lambda t: 3600 * tallies[t].false.total() / tallies[t].seconds <= budget, sorted(tallies, reverse=True)))
    lowest = min(kept)                  # at 1.0 nothing is ever reported
    return settings(model, lowest, options) | {"tuned": said_of(within(lowest, tallies, budget))}


def tune_keyword(model: HostModel, heard: Sequence[Heard], keyword: str, budget: float = BUDGET, alone: bool = False) -> tuple[dict, Tally]:
    """The detector's options with this keyword's threshold as if it were the only one, and what they do. The budget is its own.

    alone: window and prior are chosen too, which other keywords would share; otherwise they are the model's own. A keyword has so few
    misses and false accepts that several windows do equally well on one audio; the smallest of them reports earliest.
    Raises ValueError where every threshold has more false accepts.
    """
    own = {name: value for name, value in (model.meta.get("detector") or {}).items() if name not in ("threshold", "tuned")}
    tried = [own | {"window": window, "unknown_prior": prior} for window, prior in itertools.product(ALONE_WINDOWS, ALONE_PRIORS)] if alone else [own]
    return best_of(only(model, keyword), others_said(heard, keyword), tried, budget, [t for t in THRESHOLDS if t >= LOOSEST or not alone],
                   errors=float(alone))
