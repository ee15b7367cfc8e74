"""Hours of sound to listen to: words of one split, synthetic sentences and noise, in stretches of a few minutes.

A stretch is a track of tools/bench_live: targets and other words in random order, each at one level, noise over all of it
at one SNR. Clips make up `SPEECH` of its time, the rest is pauses of drawn lengths. What is in it depends on the seed
and on whether espeak-ng is there, not on the number of threads.
"""
from __future__ import annotations

import functools
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from tools.bench_live.host import Decisions, HostModel, decide
from tools.bench_live.track import Word, assemble, background
from tools.kwslib import REPO_ROOT
from training.clips import RATE_HZ, DataError
from training.data import SPLITS, load
from training.files import digest_of, write_arrays
from training.synthetic import Utterance, utterances
from training.voices import installed

DECISIONS = Path("build/continuous")    # by network, sources and samples; may be deleted at any time
SOURCES = ("usermod_kws/**/*.[ch]", "usermod_kws/Makefile", "usermod_kws/kws.mk", "tools/kwslib.py", "tools/bench_live/host.py", "py_app/settings.py")
STRETCH_S = 300.0
SPEECH = 0.6                            # of a stretch's time is clips
SENTENCE_SHARE = 0.1                    # of what is no target is a synthetic sentence
SHORTEST_PAUSE_S = 0.3
TARGETS_AN_HOUR = 360.0
SENTENCE_COUNT = 120                    # drawn for the audio of a split, each said by a voice of its own
WHO = ("my brother", "the old teacher", "our neighbour", "a friend of mine", "the doctor", "her daughter", "everybody here",
       "the young couple", "that engineer", "his grandmother", "the postman", "a man with a beard")
DID = ("bought", "painted", "forgot", "wanted to see", "talked about", "found", "was looking for", "sold", "remembered", "has lost",
       "carried", "will bring")
WHAT = ("the yellow kitchen chair", "some bread and butter", "a very heavy suitcase", "the museum by the river", "seven books about birds",
        "an umbrella", "a small garden with apples", "the evening newspaper", "two tickets for the theatre", "an expensive camera",
        "the letters from Vienna", "a cup of coffee")
WHEN = ("this morning", "before dinner", "last winter", "in the afternoon", "near the harbour", "after the meeting", "at the station",
        "because it rained", "for a few weeks", "when the children came home", "every Tuesday", "without thinking twice")


@dataclass(frozen=True)
class Clip:
    """`keyword` is empty where nothing may be reported; `said_s`: end of the word from the clip's start."""
    text: str
    keyword: str
    pcm: np.ndarray
    said_s: float


@dataclass(frozen=True)
class Stretch:
    """What is said in it, its length and noise; `said_s`: for each word when it, not its clip, has ended."""
    words: list[Word]
    seconds: float
    snr_db: float
    said_s: list[float]


@dataclass(frozen=True)
class Heard:
    """A stretch and what the model made of it."""
    stretch: Stretch
    decisions: Decisions


@functools.cache
def sources(root: Path = REPO_ROOT) -> str:
    """SHA-256 of what makes decisions of samples: the core with its front end (or the library that KWSLIB names), and `decide`."""
    digest = digest_of(root, SOURCES)
    if library := os.environ.get("KWSLIB"):
        digest.update(Path(library).read_bytes())
    return digest.hexdigest()


def decide_once(model: HostModel, pcm: np.ndarray) -> Decisions:
    """`decide`, or what it gave the last time this network heard these samples with the same sources: the detector's settings are in none."""
    folder = DECISIONS / f"{model.network[:16]}_{sources()[:16]}"
    path = folder / f"{hashlib.sha256(pcm.tobytes()).hexdigest()[:32]}.npz"
    try:
        with path.open("rb") as file, np.load(file) as kept:
            return Decisions(kept["scores"], kept["chunk"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):       # not there, or cut off by a full disk
        decisions = decide(model, pcm)
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(path, {"scores": decisions.scores, "chunk": decisions.chunk}, compressed=True)
    return decisions


@dataclass
class Deck:
    """Clips in a drawn order, all of them once before one comes again."""
    clips: Sequence[Clip]
    rng: np.random.Generator
    order: list[int] = field(default_factory=list)

    def draw(self) -> Clip:
        if not self.order:
            self.order = self.rng.permutation(len(self.clips)).tolist()
        return self.clips[self.order.pop()]


def read_words(root: Path, split: str, keywords: Sequence[str], threads: int = 2, leave_out: Sequence[str] = ()) -> tuple[dict[str, list[Clip]], list[Clip]]:
    """Clips of each keyword, and those of all other words but `leave_out`. Raises DataError for what is missing or cannot be used."""
    data = load(root, (split,), threads, keywords=keywords, leave_out=leave_out, needed=()).splits[split]
    missing = [keyword for keyword in keywords if keyword not in data.word]
    if missing:
        raise DataError(f"{root}: the split '{split}' has no recordings of {', '.join(missing)}")
    clips = [Clip(str(word), str(word) if word in keywords else "", pcm / 32768, float(span[1]) / RATE_HZ)
             for word, pcm, span in zip(data.word, data.pcm, data.span, strict=True) if not word.startswith("_")]
    return {k: [clip for clip in clips if clip.keyword == k] for k in keywords}, [clip for clip in clips if not clip.keyword]


def drawn_sentences(count: int, split: str, seed: int, keywords: Sequence[str]) -> list[str]:
    """`count` drawn sentences without any of `keywords`. Those of "test" have no phrase in common with those of the other splits."""
    rng = np.random.default_rng((seed, SPLITS.index(split)))
    halves = [parts[split == "test"::2] for parts in (WHO, DID, WHAT, WHEN)]
    parts = [[part for part in half if not set(part.lower().split()) & set(keywords)] for half in halves]
    return [" ".join(str(rng.choice(part)) for part in parts) for _ in range(count)] if all(parts) else []


def spoken(texts: Sequence[str], seed: int, threads: int = 2) -> list[Clip]:
    """Each text by a drawn voice of the synthesisers that are installed, at full scale 1.0."""
    def say(number: int) -> Utterance:
        return utterances(texts[number], 1, seed + number, threads=1)[0]

    with ThreadPoolExecutor(threads) as pool:
        made = list(tqdm(pool.map(say, range(len(texts))), "synthetic sentences", len(texts), disable=None, leave=False))
    return [Clip(u.text, "", u.pcm / 32768, len(u.pcm) / RATE_HZ) for u in made]


def has_synthetic() -> bool:
    return bool(installed())


class Composer:
    """Stretches of one split. `keywords`: what may be reported; all else but `leave_out`, which nobody says, is other speech.
    `sentences`: synthetic ones too, if possible."""

    def __init__(self, root: Path, split: str, keywords: Sequence[str], seed: int = 1, sentences: bool = True, threads: int = 2,
                 leave_out: Sequence[str] = ()):
        self.root, self.split, self.seed, self.threads = Path(root), split, seed, threads
        self.seconds = STRETCH_S        # of each stretch, as the last plan has it
        self.rng = np.random.default_rng((seed, SPLITS.index(split)))
        targets, others = read_words(self.root, split, keywords, threads, leave_out)
        self.targets = [Deck(clips, self.rng) for clips in targets.values()]
        self.others = Deck(others, self.rng)
        texts = drawn_sentences(SENTENCE_COUNT, split, seed, keywords) if sentences and has_synthetic() else []
        self.sentences = Deck(spoken(texts, 1000 * seed + 500 * SPLITS.index(split), threads), self.rng) if texts else None

    def _other(self) -> Clip:
        deck = self.sentences if self.sentences and self.rng.random() < SENTENCE_SHARE else self.others
        return deck.draw()

    def plan(self, hours: float, targets: int | None = None, stretches: int = 1) -> list[list[Clip]]:
        """What is said in each stretch, of which there are at least `stretches`.

        `targets`: how many in all, None: TARGETS_AN_HOUR; keywords take turns. ValueError when they do not fit.
        """
        count = max(stretches, round(hours * 3600 / STRETCH_S))
        self.seconds = hours * 3600 / count
        targets = round(hours * TARGETS_AN_HOUR) if targets is None else targets
        plans, drawn = [], 0
        for i in range(count):
            clips = []
            while drawn < round(targets * (i + 1) / count):
                clips.append(self.targets[drawn % len(self.targets)].draw())
                drawn += 1
            length = sum(len(clip.pcm) for clip in clips)
            while length < SPEECH * self.seconds * RATE_HZ:
                clips.append(self._other())
                length += len(clips[-1].pcm)
            longest = self.seconds - (len(clips) + 1) * SHORTEST_PAUSE_S
            if length > longest * RATE_HZ:
                raise ValueError(f"{len(clips)} words do not fit into {self.seconds:.0f} s; ask for more hours or fewer targets")
            plans.append([clips[k] for k in self.rng.permutation(len(clips))])
        return plans

    def stretch(self, clips: list[Clip], number: int, snr_db: float) -> tuple[Stretch, np.ndarray]:
        """`clips` over noise, and its int16 samples. Its seed is the stretch's number, so that threads may make them in any order."""
        rng = np.random.default_rng((self.seed, SPLITS.index(self.split), 1, number))
        spare = self.seconds - sum(len(clip.pcm) for clip in clips) / RATE_HZ - (len(clips) + 1) * SHORTEST_PAUSE_S
        pauses = SHORTEST_PAUSE_S + spare * rng.dirichlet(np.ones(len(clips) + 1))
        noise = background(self.root, int(self.seconds * RATE_HZ), rng, second_half=self.split == "test")
        track = assemble(f"{self.split}_{number}", [(c.text, c.keyword, c.pcm) for c in clips], pauses.tolist(), noise, snr_db)
        said_s = [word.start_s + clip.said_s for word, clip in zip(track.words, clips, strict=True)]
        return Stretch(track.words, self.seconds, snr_db, said_s), track.pcm

    def listen(self, model: HostModel, plans: list[list[Clip]], snr_db: Sequence[float]) -> Iterator[Heard]:
        """Every stretch through the C core's stream, `threads` of them at once; the SNRs take turns."""
        def hear(number: int) -> Heard:
            stretch, pcm = self.stretch(plans[number], number, snr_db[number % len(snr_db)])
            return Heard(stretch, decide_once(model, pcm))

        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(hear, range(len(plans)))
