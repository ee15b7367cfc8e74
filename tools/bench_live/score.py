"""Detections against what was said."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from .track import Word

LATEST_S = 0.5  # a detection counts from the beginning of a word's clip until this long after its end

Event = tuple[str, float, float]  # keyword, score 0..1, time in s


@dataclass
class Score:
    """`hits` maps a word's index to its detection. A wrong name is a miss and a false accept; so is a second report a false accept."""

    keywords: int
    hits: dict[int, Event] = field(default_factory=dict)
    false_accepts: list[Event] = field(default_factory=list)

    @property
    def hits_percent(self) -> float:
        return 100 * len(self.hits) / self.keywords if self.keywords else 0.0

    def false_accepts_per_minute(self, seconds: float) -> float:
        return len(self.false_accepts) * 60 / seconds if seconds else 0.0


class Scorer:
    """Scores events one by one, in the order of time, so that a display can show each as it comes. Words are in that order too."""

    def __init__(self, words: list[Word], latest_s: float = LATEST_S):
        self.words = words
        self.latest_s = latest_s
        self._latest = [word.end_s + latest_s for word in words]
        self.score = Score(sum(1 for word in words if word.keyword))

    def add(self, event: Event) -> int | None:
        """The index of the word that `event` hits, or None for a false accept."""
        keyword, _, time_s = event
        for index in range(bisect_left(self._latest, time_s), len(self.words)):
            word = self.words[index]
            if word.start_s > time_s:
                break
            if word.keyword == keyword and index not in self.score.hits:
                self.score.hits[index] = event
                return index
        self.score.false_accepts.append(event)
        return None


def score(words: list[Word], events: Iterable[Event]) -> Score:
    """The score of all `events`."""
    scorer = Scorer(words)
    for event in events:
        scorer.add(event)
    return scorer.score
