"""The detector's settings for a blob, chosen on audio that nothing is measured with: fewest misses within a budget of false accepts."""
from __future__ import annotations

import itertools
from collections.abc import Sequence

from tqdm import tqdm

from tools.bench_live.host import HostModel
from tools.bench_live.tune import WINDOWS
from training.listening import Heard
from training.sweep import Tally, curve, only, operating_point, others_said, settings

BUDGET = 0.5                            # false accepts an hour
REFRACTORY_MS = (480, 640, 960)
PRIORS = (1, 2, 4, 8)                   # of other words, against what the network was told


def within(best: float | None, tallies: dict, budget: float) -> Tally:
    """The tally of the setting that `operating_point` chose. ValueError when there is none, or it hears nothing."""
    if best is None:
        raise ValueError(f"no setting has at most {budget:g} false accepts an hour")
    found = tallies[best].figures()
    if found["misses"] == found["targets"]:
        raise ValueError(f"with at most {budget:g} false accepts an hour this model hears nothing; --budget allows more")
    return tallies[best]


def said_of(one: Tally) -> str:
    """What a setting did, for the blob's meta section."""
    found = one.figures()
    return f"{one.seconds / 3600:g} h of validation: {found['miss_percent']:.1f} % misses, {found['false_accepts_per_hour']:.2f} false accepts an hour"


def tune(model: HostModel, heard: Sequence[Heard], budget: float = BUDGET) -> dict:
    """What `meta["detector"]` should be: window, prior, refractory time and one threshold for all keywords. Of equal ones the widest window.

    A threshold for each keyword would rest on the handful of false accepts that it has: on other recordings it did no better.

    Raises ValueError where every setting has more false accepts.
    """
    tallies = {}
    tried = list(itertools.product(reversed(WINDOWS), PRIORS, REFRACTORY_MS))
    for number, (window, prior, refractory_ms) in enumerate(tqdm(tried, "tuning", disable=None)):
        options = {"window": window, "unknown_prior": prior, "refractory_ms": refractory_ms}
        tallies |= {(number, t): one for t, one in curve(heard, model, options=options).items()}
    best = operating_point(tallies, budget)
    one = within(best, tallies, budget)
    window, prior, refractory_ms = tried[best[0]]
    return settings(model, best[1], {"window": window, "unknown_prior": prior, "refractory_ms": refractory_ms}) | {"tuned": said_of(one)}


def tune_keyword(model: HostModel, heard: Sequence[Heard], keyword: str, budget: float = BUDGET) -> tuple[float, Tally]:
    """Threshold for this keyword as if it were the only one, with the model's own window and refractory time, and what it does.

    The budget is the keyword's own. Raises ValueError where every threshold has more false accepts.
    """
    tallies = curve(others_said(heard, keyword), only(model, keyword))
    best = operating_point(tallies, budget)
    return best, within(best, tallies, budget)
