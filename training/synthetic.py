"""Speech made by the synthesisers that are installed here, in many voices: `python -m training.synthetic TEXT -n 20 -o DIR`.

espeak-ng (formants; its English accents with every variant that is no sound effect), flite and festival (pieces of
recordings, a few voices each) are used where they are installed. A synthesiser is no person: what is made here adds words that nobody
recorded, it does not replace recordings, and no figure of accuracy may rest on it.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from training.clips import CLIP_LEN, RATE_HZ, DataError, read_clip
from training.sentences import SENTENCES
from training.voices import DRAW, SHARES, SyntheticError, installed, missing, speak

CACHE = Path("build/synthetic")
CACHE_FORMAT = 1                        # counted up when the same arguments give other samples
PEAK_DB = (-24.0, -6.0)                 # of full scale, drawn
QUIET = 10 ** (-50 / 20)                # of the peak: what is softer at either end is cut
MARGIN = 480                            # samples that are left there

# English words that are no keyword, do not contain one and sound like none of them to people; some are near.
_WORDS = """
    now new near knee cup cap tub top step shop stab stock shock laugh lift loft lest less mess guess yet yell light night
    white ride town gown brown done dawn con wan aunt awful cough have got guy gum toe bow low so show blow
    table chair window water music people person morning evening kitchen garden paper pencil letter number colour
    orange apple banana coffee sugar bread butter monday tuesday friday summer winter weather sister brother mother
    father doctor teacher school market station street river mountain island ocean forest flower animal rabbit horse
    chicken engine bicycle camera computer button battery speaker signal message question answer minute second never
    always maybe please thanks hello welcome because between under after before again very little many few small large
    """
WORDS = tuple(_WORDS.split())


@dataclass(frozen=True)
class Utterance:
    """pcm: int16 [n] at RATE_HZ without silence around it; text: what was said; voice: who said it, in words."""
    pcm: np.ndarray
    text: str
    voice: str


def _speak(engine: str, options: list[str], text: str, path: Path) -> None:
    """A FLAC file at RATE_HZ, whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.wav"
        speak(engine, options, text, made)
        try:
            pcm = read_clip(made, max_len=None)
        except DataError as exc:
            raise SyntheticError(f"{engine} made nothing of '{text}': {exc}") from exc
    loud = np.flatnonzero(np.abs(pcm.astype(np.float64)) > QUIET * np.abs(pcm.astype(np.float64)).max())
    if not len(loud):
        raise SyntheticError(f"{engine} made nothing but silence of '{text}'")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        soundfile.write(part, pcm[max(0, loud[0] - MARGIN):loud[-1] + MARGIN], RATE_HZ, format="FLAC")
    os.replace(part.name, path)


def _cached(engine: str, options: list[str], text: str, cache: Path) -> np.ndarray:
    key = json.dumps([CACHE_FORMAT, engine, installed()[engine], options, text])
    name = hashlib.sha256(key.encode()).hexdigest()
    path = cache / name[:2] / f"{name}.flac"
    if path.is_file():
        try:
            return read_clip(path, max_len=None)
        except DataError:
            pass                        # a disk that was full, say: it is made anew
    _speak(engine, options, text, path)
    return read_clip(path, max_len=None)


def utterances(text: str, count: int, seed: int, threads: int = 2, cache: Path = CACHE) -> list[Utterance]:
    """`count` voices saying `text`: synthesiser, voice, rate, pitch and level are drawn.

    A function of the arguments and of the installed versions; the samples are kept in `cache`. Phonemes in
    `[[...]]` are understood by espeak-ng, which then speaks alone. Raises SyntheticError.
    """
    able = [name for name in installed() if name == "espeak-ng" or "[[" not in text]
    if not able:
        raise SyntheticError("no speech synthesiser is installed: install espeak-ng or flite")
    if not text.strip():
        raise SyntheticError("no text to say")

    def one(index: int) -> Utterance:
        rng = np.random.default_rng((seed, index, *text.encode()))
        engine = str(rng.choice(able, p=[SHARES[name] / sum(SHARES[n] for n in able) for name in able]))
        options, voice = DRAW[engine](rng)
        pcm = _cached(engine, options, text, cache).astype(np.float64)
        pcm *= 32767 * 10 ** (rng.uniform(*PEAK_DB) / 20) / np.abs(pcm).max()
        return Utterance(np.round(pcm).astype(np.int16), text, voice)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(count)))


def unknown_words(count: int, seed: int, threads: int = 2, cache: Path = CACHE, without: Sequence[str] = ()) -> list[Utterance]:
    """At most `count` utterances of WORDS, as many of each; the few that are longer than a clip are left out."""
    found, words = [], [word for word in WORDS if word not in without]
    for i, word in enumerate(words):
        share = (i + 1) * count // len(words) - i * count // len(words)
        found += [u for u in utterances(word, share, seed, threads, cache) if len(u.pcm) <= CLIP_LEN]
    return found


def unknown_sentences(count: int, seed: int, threads: int = 2, cache: Path = CACHE, without: Sequence[str] = ()) -> list[Utterance]:
    """`count` pieces of SENTENCES, half a clip to a whole one, cut anywhere; at least half a second of speech is in each."""
    texts = [text for text in SENTENCES if not set(text.lower().split()) & {word.lower() for word in without}]
    found: list[Utterance] = []
    for turn in range(count):           # ends long before: every turn says all sentences
        for text in texts:
            if len(found) >= count:
                return found[:count]
            for one in utterances(text, 1, seed + turn, threads, cache):
                rng = np.random.default_rng((seed, turn, *text.encode()))
                at = int(rng.uniform(0, CLIP_LEN))
                while len(one.pcm) - at >= CLIP_LEN // 2:
                    length = int(rng.uniform(CLIP_LEN / 2, CLIP_LEN))
                    found.append(Utterance(one.pcm[at:at + length], text, one.voice))
                    at += length
    return found[:count]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.synthetic", description=__doc__.split("\n")[0].split(":")[0])
    parser.add_argument("text", metavar="TEXT")
    parser.add_argument("-n", "--count", type=int, default=10, help="utterances (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="gets 000.wav, 001.wav, ...")
    args = parser.parse_args()
    try:
        made = utterances(args.text, args.count, args.seed)
    except SyntheticError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    args.output.mkdir(parents=True, exist_ok=True)
    for i, utterance in enumerate(made):
        path = args.output / f"{i:03d}.wav"
        soundfile.write(path, utterance.pcm, RATE_HZ)
        print(f"{path}  {len(utterance.pcm) / RATE_HZ:.2f} s  {utterance.voice}")
    if missing():
        print(missing())
    return 0


if __name__ == "__main__":
    sys.exit(main())
