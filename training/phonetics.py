"""What sounds nearly like a phrase: phonemes by espeak-ng, a distance between them, and near misses to train against."""
from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from training.synthetic import WORDS
from training.voices import run

DICTIONARY = Path("/usr/share/dict/words")      # Debian's wamerican, where it is installed
ACCENTS = ("en-us", "en-gb")
FAMILIES = ("pbtdkg?", "fvTDszSZhC", "mnN", "lrwjR")     # consonants that are taken for each other
REDUCED = {"@", "I", "I2", "3", "a#", "@L", "i", "0#", "@2"}     # vowels that speakers and accents exchange
SLIGHT, ALIKE, OTHER = 0.25, 0.5, 1.0           # cost of another reduced vowel, of another consonant of one family, of any other
HOMOPHONE = 0.6                                 # a phrase that costs less sounds the same to people
GREETINGS = ("hey", "okay")
CANDIDATES = 1500                               # words of the dictionary that are looked at for one word


def phonemes(texts: Sequence[str], accent: str = ACCENTS[0]) -> list[tuple[str, ...]]:
    """espeak-ng's phonemes of each text, without stress. Texts are one line each."""
    lines = run(["espeak-ng", "-v", accent, "-q", "-x", "--sep= "], "\n".join(texts) + "\n").splitlines()
    if len(lines) != len(texts):                # a text that it takes for several: one by one, then
        lines = [" ".join(run(["espeak-ng", "-v", accent, "-q", "-x", "--sep= "], text).split()) for text in texts]
    found = []
    for line in lines:
        names = (re.sub(r"[',%=_:;|~#\-]", "", name) for name in line.split())
        found.append(tuple(name for name in names if name))
    return found


def _cost(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if a in REDUCED and b in REDUCED:
        return SLIGHT
    return ALIKE if any(a[0] in family and b[0] in family for family in FAMILIES) else OTHER


def distance(a: Sequence[str], b: Sequence[str]) -> float:
    """Phonemes that must be changed, left out or put in to make b of a; one that sounds alike costs a half."""
    row = [float(j) for j in range(len(b) + 1)]
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], float(i)
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + _cost(x, y))
    return row[-1]


@functools.cache
def dictionary() -> tuple[str, ...]:
    """English words, in lower case: DICTIONARY where it is installed, a few hundred otherwise."""
    words = DICTIONARY.read_text(errors="replace").split() if DICTIONARY.is_file() else WORDS
    return tuple(sorted({word for word in words if re.fullmatch(r"[a-z]{2,12}", word)}))


@functools.cache
def neighbours(word: str, count: int) -> list[str]:
    """Words of the dictionary that sound most like `word`, nearest first, but not the same."""
    alike = [w for w in dictionary() if abs(len(w) - len(word)) <= 2 and w != word]
    alike.sort(key=lambda w: (-len({*itertools.pairwise(w)} & {*itertools.pairwise(word)}) - (w[0] == word[0]) - (w[-2:] == word[-2:]), w))
    alike = alike[:CANDIDATES]
    target = phonemes([word])[0]
    ranked = sorted((distance(target, p), w) for w, p in zip(alike, phonemes(alike), strict=True) if p)
    return [w for cost, w in ranked if cost >= HOMOPHONE][:count]


def contains(whole: Sequence[str], part: Sequence[str]) -> bool:
    return any(tuple(whole[i:i + len(part)]) == tuple(part) for i in range(len(whole) - len(part) + 1))


def sounds_like(texts: Sequence[str], phrase: str) -> list[bool]:
    """For each text whether people would take it for the phrase, or hear the phrase in it, in one of ACCENTS."""
    found = [False] * len(texts)
    for accent in ACCENTS:
        target = phonemes([phrase], accent)[0]
        for i, said in enumerate(phonemes(texts, accent)):
            found[i] |= not said or contains(said, target) or distance(said, target) < HOMOPHONE
    return found


def near_misses(phrase: str, count: int) -> list[str]:
    """At most `count` phrases that are not this one and sound like it: a word of it replaced by its neighbours or left
    out, its words in another order, greetings before what is left. In turn from each kind, nearest first."""
    words = phrase.split()
    kinds = []
    for i, word in enumerate(words):
        kinds.append([" ".join([*words[:i], other, *words[i + 1:]]) for other in neighbours(word, count)])
    kinds.append([" ".join(words[:i] + words[i + 1:]) for i in range(len(words)) if len(words) > 1] + [" ".join(reversed(words))])
    kinds.append([f"{first} {other}" for first, other in zip(itertools.cycle(GREETINGS), neighbours(words[-1], count))])
    near: list[str] = []
    for rank in range(max(map(len, kinds))):
        near += [kind[rank] for kind in kinds if rank < len(kind)]
    near = list(dict.fromkeys(near))[:2 * count]
    return [text for text, same in zip(near, sounds_like(near, phrase), strict=True) if not same][:count]
