"""The speech that `training.word` trains with: build/words/NAME/speech, an ordinary data folder that anyone can listen to.

Training, validation and test hear other utterances of the phrase, and other near misses; no person is in it but for
`--data`'s recordings of other words and the user's own of the phrase.
"""
from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.clips import CLIP_LEN, RATE_HZ, DataError, read_clip, word_span
from training.folders import NOISE_FOLDER, OTHER_AUDIO, SPLITS, find, is_recording, labels_of
from training.phonetics import GREETINGS, dictionary, near_misses, phonemes, sounds_like
from training.sentences import SENTENCES
from training.spoken import FASTEST, LONGEST, folder_name, link_recordings, make_noise, say_all, varied, write
from training.synthetic import WORDS, utterances
from training.voices import SyntheticError, installed

ENDINGS = ("", ".", "!", "?", ",")              # they change the melody
NEGATIVES = ("near-miss", "other-word", "sentence-")       # folders; no phrase's label has a hyphen (`folder_name`)
SHARE = {"train": 0.8, "validation": 0.1, "test": 0.1}     # of the phrase's utterances
NEAR_MISSES = 60                                # phrases; `splits_of` says where each is heard
OTHER_WORDS, OTHER_SENTENCES = 100, 60          # every sixth is heard in validation, every sixth in test
RECORDINGS = 12000                              # of people who say other words, in training
OFTEN, MOST_APART = 80, 20                      # words with so many of these recordings get a class of their own, and how many words at most
HEARD_IN_TUNING = 200                           # recordings of people that are enough to choose a threshold on
SAID_APART = 2.5                                # utterances of all words that are told apart, to one of the phrase
RECORDINGS_COPIES = 40                          # of each of the user's own recordings, each varied
OWN_NAME = r"own_([0-9a-f]{12})_\d\d"         # of their files: the recording's digest, and which variation
OWN_TRACT = (0.93, 1.08)                        # of a person whose own recordings are there


def check_text(text: str) -> None:
    """Raises DataError for what synthesisers are not to say."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z' -]*", text.strip()):
        raise DataError(f"'{text}' cannot be said: letters without accents, spaces, apostrophes and hyphens are expected, numbers as words")


def check_phrase(phrase: str) -> str:
    """The phrase's label. Raises DataError for what cannot be a phrase; SyntheticError where nothing can say it."""
    if not phrase.strip():
        raise DataError("the phrase is empty")
    check_text(phrase)
    name = folder_name(phrase)
    labels_of([name])
    if "espeak-ng" not in installed():
        raise SyntheticError("espeak-ng is not installed; it makes the phonemes of the near misses: apt-get install espeak-ng")
    if len(phonemes([phrase])[0]) < 3:
        raise DataError(f"'{phrase}' is too short: with fewer than three phonemes, every sentence holds it")
    length = float(np.median([len(u.pcm) for u in utterances(phrase, 8, 0)]))
    if length > FASTEST * LONGEST:
        raise DataError(f"'{phrase}' takes {length / RATE_HZ:.1f} s; the window is {CLIP_LEN / RATE_HZ:g} s, and a phrase of up to "
                        f"{FASTEST * LONGEST / RATE_HZ:.2f} s fits when it is said faster")
    return name


def check_recordings(folder: Path) -> list[tuple[Path, np.ndarray]]:
    """The user's own recordings of the phrase: paths and int16 [n] without what is around the word. Raises DataError that
    names every file that cannot be used."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder" if not folder.exists() else f"{folder}: is a file, a folder of recordings is expected")
    problems = [f"{path}: is no WAV or FLAC" for path in sorted(folder.iterdir()) if path.suffix.lower() in OTHER_AUDIO]
    found = []
    paths = sorted(p for p in folder.glob("*") if is_recording(p))
    for path in paths:
        try:
            pcm = read_clip(path, max_len=None, mix_down=True)
        except DataError as exc:
            problems.append(f"{path}: {exc}")
            continue
        first, last = word_span(pcm)
        if last - first > CLIP_LEN:
            problems.append(f"{path}: what is said in it takes {(last - first) / RATE_HZ:.1f} s, more than {CLIP_LEN / RATE_HZ:g} s")
        elif np.abs(pcm.astype(int)).max() < 300:
            problems.append(f"{path}: is nearly silent")
        found.append((path, pcm[first:last]))
    if not paths:
        problems.append(f"{folder}: no WAV or FLAC recordings in it" + " (folders in it are not looked into)" * any(p.is_dir() for p in folder.iterdir()))
    if problems:
        raise DataError("the recordings of the phrase cannot be used:\n" + "\n".join(problems))
    return found


def own_digest(pcm: np.ndarray) -> str:
    return hashlib.sha256(pcm.tobytes()).hexdigest()[:12]


def contents(data: Path | None, recordings: Path | None) -> dict[str, str]:
    """Tells whether the recordings are the same as before: of `data` names, splits and sizes, of the user's own the sound. Empty
    strings where there are none. Raises DataError."""
    digest = hashlib.sha256()
    if data is not None:
        files = find(data, (), needed=()).files | {NOISE_FOLDER: sorted(p for p in (data / NOISE_FOLDER).glob("*") if is_recording(p))}
        for split, paths in files.items():
            for path in paths:
                digest.update(f"{split} {path.relative_to(data)} {path.stat().st_size}\n".encode(errors="surrogateescape"))
    own = sorted(own_digest(pcm) for _, pcm in check_recordings(recordings)) if recordings else []
    return {"data": digest.hexdigest()[:12] if data else "", "recordings": " ".join(own)}


def unlink_data(folder: Path) -> None:
    """Takes the links to the recordings of people and of noise out of the speech."""
    for path in [*folder.glob("*/*/recording_*"), *folder.glob(f"{NOISE_FOLDER}/*")]:
        if path.is_symlink():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def make_own(folder: Path, recordings: Sequence[np.ndarray], seed: int) -> None:
    """Variations of the user's own recordings; those of recordings that are gone are deleted."""
    digests = {own_digest(pcm): pcm for pcm in recordings}
    for path in folder.glob("own_*"):
        name = re.fullmatch(OWN_NAME, path.stem)
        if name and name[1] not in digests:
            path.unlink()
    for digest, pcm in digests.items():
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(RECORDINGS_COPIES):
            path = folder / f"own_{digest}_{k:02d}.flac"
            clip = None if path.exists() else varied(pcm, np.random.default_rng((seed, int(digest, 16), k)), OWN_TRACT)
            if clip is not None:
                write(path, clip)


def check_data(folder: Path, phrase: str = "") -> None:
    """Raises DataError for a data folder that cannot be used. phrase: what is to be measured in it; other words then need be in
    the test split alone."""
    found = find(folder, (), needed=())
    if found.problems and not phrase:
        raise DataError("the recordings cannot be used:\n" + "\n".join(found.problems[:20]))
    said = {split: {path.parent.name for path in paths if not path.parent.name.startswith("_")} for split, paths in found.files.items()}
    of_phrase = {phrase, folder_name(phrase)}
    if not set().union(*said.values()):
        raise DataError(f"{folder}: no recordings in it")
    if phrase and not of_phrase & set().union(*said.values()):
        raise DataError(f"{folder}: nobody says '{phrase}' there; --measure needs recordings of it")
    if phrase and not said["test"] - of_phrase:
        raise DataError(f"{folder}: no other words in its test split; --measure needs them for false accepts")
    if not any(is_recording(path) for path in (folder / NOISE_FOLDER).glob("*")):
        raise DataError(f"{folder / NOISE_FOLDER}: no background noise")


def told_apart(known: Sequence[str], data: Path | None, phrase: str) -> list[str]:
    """The words that a network for the phrase is to tell apart: those that people say most often in the train split of `data`
    (other words stay `_unknown_`), and where there are none those that the network's start knows; without the phrase and what
    sounds like it."""
    def others(words: Sequence[str]) -> list[str]:
        return [word for word, alike in zip(words, sounds_like(words, phrase), strict=True) if not alike and word != folder_name(phrase)]

    said = Counter(path.parent.name for path in find(data, (), needed=()).files["train"]) if data else Counter()
    often = [word for word, count in sorted(said.items(), key=lambda item: (-item[1], item[0]))
             if count * min(1, RECORDINGS / said.total()) >= OFTEN and re.fullmatch("[a-z]+", word)]
    return sorted(others(often)[:MOST_APART] or others(known))


def tuned_on_people(folder: Path) -> bool:
    """Whether there are recordings enough of people for a threshold."""
    return len([*folder.glob("validation/*/recording_*")]) >= HEARD_IN_TUNING


def left_out_of_tuning(folder: Path) -> Sequence[str]:
    """Folders that are not in the audio which the threshold is tuned with: near misses, as hardly anybody says one in an hour of
    talk, and where there are recordings enough of people all synthetic speech that is not the phrase."""
    return NEGATIVES if tuned_on_people(folder) else NEGATIVES[:1]


def split_of(index: int) -> str:
    """Every sixth phrase is kept for validation and every sixth for test."""
    return {4: "validation", 5: "test"}.get(index % 6, "train")


def splits_of(near: Sequence[str], phrase: str, seed: int) -> list[str]:
    """The split of each near miss. All that have a word which replaces one of the phrase stay together, so that no split
    hears such a word of another one; a sixth of these words, drawn with the seed, is kept for validation and a sixth for test."""
    usual = {*phrase.casefold().split(), *GREETINGS}
    strange = [" ".join(word for word in text.casefold().split() if word not in usual) or text for text in near]
    drawn = np.random.default_rng(seed).permutation(sorted(set(strange))).tolist()
    place = {word: {0: "validation", 1: "test"}.get(i % 6, "train") for i, word in enumerate(drawn)}
    return [place[word] for word in strange]


def spellings_of(phrase: str, spellings: Sequence[str]) -> list[str]:
    return [text + ending for text in (phrase, *spellings) for ending in ENDINGS]


def count_written(folder: Path, name: str, asked: dict[str, int], phrase: str) -> int:
    """How many utterances of the phrase are there. Raises DataError where less than half of a split's fits into a clip."""
    there = {split: sum(not re.fullmatch(OWN_NAME, path.stem) for path in (folder / split / name).glob("*.flac")) for split in SPLITS}
    for split, n in there.items():
        if n < asked[split] / 2:
            raise DataError(f"{folder / split / name}: only {n} of {asked[split]} utterances of '{phrase}' fit into {LONGEST / RATE_HZ:g} s, "
                            f"the others take more than {FASTEST * LONGEST / RATE_HZ:.2f} s; a shorter phrase is needed")
    return sum(there.values())


def make(folder: Path, phrase: str, *, spellings: Sequence[str] = (), count: int, seed: int = 1, threads: int = 2,
         data: Path | None = None, recordings: Path | None = None, apart: Sequence[str] = ()) -> list[str]:
    """Makes the folder, or what is not there yet; returns what it was made of, a line each. count: utterances of the phrase.
    apart: the words that are told apart (`told_apart`); synthesisers say them too, whoever else does, or to sound like a
    synthesiser would be what tells the phrase from them.

    Raises DataError, SyntheticError.
    """
    name, notes = check_phrase(phrase), []
    own = check_recordings(recordings) if recordings else []
    near = [text for text in near_misses(phrase, NEAR_MISSES) if text.casefold() not in apart]
    near_splits = splits_of(near, phrase, seed)
    near_words = {word for text in near for word in text.split()}
    rng = np.random.default_rng(seed)
    words = [str(w) for w in rng.permutation(dictionary())[:3 * OTHER_WORDS]] + list(WORDS)
    words = [w for w, same in zip(words, sounds_like(words, phrase), strict=True) if not same and w not in near_words and w not in apart][:OTHER_WORDS]
    same = sounds_like(SENTENCES, phrase)
    sentences = [text for text, holds in zip(SENTENCES, same, strict=True) if not holds][:OTHER_SENTENCES]
    said = spellings_of(phrase, spellings)
    heard = sorted({path.parent.name for paths in find(data, (), needed=()).files.values() for path in paths}) if data else []
    jobs = []
    for s, split in enumerate(SPLITS):
        at = folder / split
        jobs += [(text, max(1, round(count * SHARE[split] / len(said))), seed + 1000 * s, at / name, True) for text in said]
        each = max(1, round(count * (1.0 if split == "train" else 0.3) / NEAR_MISSES))
        jobs += [(text, each, seed + 1000 * s, at / NEGATIVES[0], True) for text, where in zip(near, near_splits, strict=True) if where == split]
        for kind, texts, whole in ((NEGATIVES[1], words, True), (NEGATIVES[2], sentences, False)):
            jobs += [(text, max(1, each // 2) if texts is words else each, seed + 1000 * s, at / kind, whole)
                     for i, text in enumerate(texts) if split_of(i) == split]
    jobs += [(word, max(1, round(SAID_APART * count / len(apart))), seed, folder / "train" / word, True) for word in apart]
    say_all(jobs, threads, "synthetic speech")
    asked = {split: sum(job[1] for job in jobs if job[3] == folder / split / name) for split in SPLITS}
    written = count_written(folder, name, asked, phrase)
    notes.append(f"{written} of {sum(asked.values())} utterances of '{phrase}', {len(near)} phrases that sound like it, {len(words)} other words and "
                 f"{len(sentences)} sentences by {', '.join(installed())}")
    notes.append(f"words with a class each: {' '.join(apart) or 'none'}")
    if data is not None:
        same = [word for word, alike in zip(heard, sounds_like(heard, phrase), strict=True) if alike]
        for split in ("train", "validation"):
            n = link_recordings(data, split, folder / split, leave_out=[*same, name], most=RECORDINGS)
            notes.append(f"{n} recordings of other words from {data}, its {split} split; none of {', '.join(sorted({*same, name}))}")
    make_own(folder / "train" / name, [pcm for _, pcm in own], seed)
    notes += [f"{len(own)} recordings of the phrase from {recordings}, {RECORDINGS_COPIES} variations of each"] if own else []
    make_noise(folder, data, seed)
    return notes
