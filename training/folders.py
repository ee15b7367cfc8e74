"""Which file of a data folder belongs to which word and split, and what in the folder is not as it should be.

Two layouts are taken (see `training/README.md`):

* **split folders**: `<root>/{train,validation,test}/<word>/*.flac|wav`
* **official**: `<root>/<word>/*.wav` as Speech Commands is published. `validation_list.txt` and
  `testing_list.txt` decide the split where they exist, the data set's speaker hash otherwise.

Nothing is opened here; every finding is a line that begins with the path to blame.
"""
from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.blob.format import MAX_LABEL_BYTES
from training.clips import DataError

# What a run listens for unless its configuration says otherwise.
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE, UNKNOWN = "_silence_", "_unknown_"
SPLITS = ("train", "validation", "test")
NOISE_FOLDER = "_background_noise_"
SUFFIXES = {".wav", ".flac"}
OTHER_AUDIO = {".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".au", ".caf", ".webm", ".amr", ".raw", ".pcm"}
HASH_RANGE = 2**27 - 1                  # the data set's own constant (Speech Commands README)
HASH_PERCENT = {"validation": 10.0, "test": 10.0}


def is_recording(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def speaker(path: Path) -> str:
    """The speaker's id of a Speech Commands file name: what stands before `_nohash_`."""
    return re.sub(r"_nohash_.*$", "", path.stem)


def named_speakers(paths: Iterable[Path | str]) -> list[str | None]:
    """The speaker of each recording, None where its name tells none."""
    return [speaker(Path(path)) if "_nohash_" in Path(path).stem and Path(path).parent.name != SILENCE else None for path in paths]


def is_unheard(paths: Iterable[Path | str], training: Iterable[Path | str]) -> list[bool]:
    """Of each recording whether its speaker is known and says nothing in `training`, whatever the word."""
    heard = {None, *named_speakers(training)}
    return [one not in heard for one in named_speakers(paths)]


def hash_split(path: Path) -> str:
    """Split of a file by its speaker's hash, as the data set's README defines it (Warden 2018, section 5)."""
    digest = int(hashlib.sha1(speaker(path).encode()).hexdigest(), 16)
    percent = (digest % (HASH_RANGE + 1)) * (100.0 / HASH_RANGE)
    if percent < HASH_PERCENT["validation"]:
        return "validation"
    return "test" if percent < HASH_PERCENT["validation"] + HASH_PERCENT["test"] else "train"


def labels_of(keywords: Sequence[str] = KEYWORDS, told_apart: Sequence[str] = ()) -> tuple[str, ...]:
    """`_silence_`, `_unknown_`, the keywords, and `_WORD` for each of the other words that are told apart: the classes in the
    network's order. Raises DataError for a word that is given twice, that the detector takes for no keyword, or that the
    blob's label section cannot hold."""
    if not keywords:
        raise DataError("no keywords: keywords=\"WORD WORD ...\" names folders of recordings")
    first: dict[str, str] = {}
    for word in (*keywords, *told_apart):
        other = first.get(word.strip().casefold())
        if other is not None:
            raise DataError(f"keyword '{word}' is given twice" if other == word else f"keywords '{other}' and '{word}' differ in capitals alone")
        first[word.strip().casefold()] = word
        if word.strip().casefold() in (SILENCE, UNKNOWN):
            raise DataError(f"keyword '{word}': {SILENCE} and {UNKNOWN} are classes of every model, and no words")
        if word.startswith("_") or word == NOISE_FOLDER:
            raise DataError(f"keyword '{word}': the detector never reports a label that begins with '_'")
        label = word if word in keywords else f"_{word}"
        data = label.encode(errors="surrogateescape")
        if label.endswith("_") and label != word:
            raise DataError(f"'{word}' cannot be told apart: labels that begin and end with '_' are no words")
        if not 1 <= len(data) <= MAX_LABEL_BYTES or min(data) < 0x20 or word != word.strip():
            raise DataError(f"keyword '{word}': a label is 1 to {MAX_LABEL_BYTES} bytes of UTF-8 without control characters and spaces around it")
    return (SILENCE, UNKNOWN, *keywords, *(f"_{word}" for word in told_apart))


def keywords_in(labels: Sequence[str]) -> list[str]:
    """The labels that the detector may report."""
    return [label for label in labels if not label.startswith("_")]


def is_told_apart(label: str) -> bool:
    """Whether it is the label of an other word, `_WORD`. (`_silence_`, `_unknown_` and `_noise_` are none.)"""
    return label.startswith("_") and not label.endswith("_")


def word_of(label: str) -> str:
    """The word that a label stands for, reported or told apart; the label itself of `_silence_` and `_unknown_`."""
    return label[1:] if is_told_apart(label) else label


def word_label(word: str, labels: Sequence[str]) -> int:
    """Index into `labels` of a word's folder."""
    return labels.index(next((label for label in (word, f"_{word}") if label in labels), UNKNOWN))


def is_split_folders(root: Path) -> bool:
    """A folder named after a split that holds folders; one that holds recordings is a word, say "train"."""
    return any(path.is_dir() for split in SPLITS if (root / split).is_dir() for path in (root / split).iterdir())


@dataclass
class Found:
    """files: of every split, sorted; problems: what must be repaired first; notes: what was passed over."""
    files: dict[str, list[Path]]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _find_split_folders(root: Path) -> dict[str, list[Path]]:
    return {split: sorted(p for p in root.glob(f"{split}/*/*") if is_recording(p) and p.parent.name != NOISE_FOLDER)
            for split in SPLITS}


def _find_official(root: Path, problems: list[str]) -> dict[str, list[Path]]:
    files = {p.relative_to(root).as_posix(): p for p in sorted(root.glob("*/*"))
             if is_recording(p) and p.parent.name != NOISE_FOLDER}
    lists = {"validation": root / "validation_list.txt", "test": root / "testing_list.txt"}
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    if not all(p.is_file() for p in lists.values()):
        problems += [f"{p}: missing, while the other list is there" for p in lists.values()
                     if not p.is_file() and any(q.is_file() for q in lists.values())]
        for path in files.values():
            found[hash_split(path)].append(path)
        return found
    where: dict[str, str] = {}
    for split, list_path in lists.items():
        for name in list_path.read_text().split():
            if name not in files:
                problems.append(f"{root / name}: named in {list_path.name} but not there")
            elif where.setdefault(name, split) != split:
                problems.append(f"{root / name}: in both lists")
    for name, path in files.items():
        found[where.get(name, "train")].append(path)
    return found


def _wrong_name(folder: Path, split: str | None, labels: Sequence[str]) -> str | None:
    """Why a word's folder cannot have this name. split: None in the official layout."""
    meant = next((name for name in (*labels, NOISE_FOLDER) if name.casefold() == folder.name.strip().casefold()), folder.name)
    if meant != folder.name:
        return f"is another name than '{meant}', and would be one more unknown word; rename it"
    if folder.name == NOISE_FOLDER:
        return "background noise belongs beside the splits, not in one"
    if folder.name == SILENCE and split in (None, "train"):
        return f"the silence of training is made from {NOISE_FOLDER}; recordings of silence belong in validation and test"
    if folder.name == UNKNOWN and split is None:
        return f"is a label, not a word: every word that is no keyword is {UNKNOWN}"
    return None


def _look_into(folder: Path, found: Found, passed: list[Path], labels: Sequence[str]) -> None:
    """What in one word's folder is no recording. passed: files that nobody would take for one are added to it."""
    recordings = 0
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if is_recording(path) and entry.is_file():
            recordings += 1
        elif path.suffix.lower() in OTHER_AUDIO:
            found.problems.append(f"{path}: is neither WAV nor FLAC")
        elif entry.is_dir() and any(is_recording(p) for p in path.rglob("*")):
            found.problems.append(f"{path}: a folder with recordings inside a word's folder")
        elif not path.name.startswith("."):
            passed.append(path)
    if not recordings and folder.name not in (*labels, NOISE_FOLDER):     # those have a message of their own
        found.problems.append(f"{folder}: no recordings in it")


def _look_over(root: Path, splits: tuple[str, ...], found: Found, labels: Sequence[str]) -> None:
    """splits: names of the split folders, none in the official layout."""
    passed: list[Path] = []
    for split in splits or (None,):
        parent = root / split if split else root
        for path in sorted(parent.iterdir()) if parent.is_dir() else ():
            if is_recording(path):
                found.problems.append(f"{path}: lies in no word's folder")
            elif path.is_dir() and not path.name.startswith("."):
                wrong = _wrong_name(path, split, labels) if split or path.name != NOISE_FOLDER else None
                if wrong:
                    found.problems.append(f"{path}: {wrong}")
                elif path.name != NOISE_FOLDER:
                    _look_into(path, found, passed, labels)
    noise = root / NOISE_FOLDER
    found.problems += [f"{path}: is neither WAV nor FLAC" for path in sorted(noise.glob("*")) if path.suffix.lower() in OTHER_AUDIO]
    if passed:
        found.notes.append(f"{len(passed)} other files passed over, {min(passed)} among them")


def _without(found: Found, root: Path, leave_out: Sequence[str]) -> None:
    """Takes the recordings of these words out, as if their folders were not there."""
    words = {path.parent.name for paths in found.files.values() for path in paths}
    for word in leave_out:
        if word not in words:
            near = difflib.get_close_matches(word, words, n=1)
            found.problems.append(f"{root}: no recordings of '{word}' to leave out" + (f"; did you mean '{near[0]}'?" if near else ""))
    for split, paths in found.files.items():
        found.files[split] = [path for path in paths if path.parent.name not in leave_out]


def find(root: Path, keywords: Sequence[str] = KEYWORDS, leave_out: Sequence[str] = (), needed: Sequence[str] = SPLITS,
         told_apart: Sequence[str] = ()) -> Found:
    """Looks through a data folder without opening a recording. Raises DataError where there is none.
    keywords, told_apart: as `labels_of` takes them. leave_out: words that nothing is to hear; needed: splits that must have
    every keyword; only training need have the words that are told apart."""
    labels = (SILENCE, UNKNOWN, *keywords, *told_apart)
    both = [word for word in leave_out if word in labels]
    if both:
        raise DataError(f"keyword '{both[0]}' cannot be left out")
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    found = Found({})
    split_folders = is_split_folders(root)
    missing = [split for split in SPLITS if split_folders and not (root / split).is_dir()]
    found.problems += [f"{root / split}: no such folder" for split in missing]
    found.files = _find_split_folders(root) if split_folders else _find_official(root, found.problems)
    _look_over(root, SPLITS if split_folders else (), found, labels)
    _without(found, root, leave_out)
    for split, paths in found.files.items():
        if split in missing or split not in needed:
            continue
        words = {p.parent.name for p in paths}
        where = f"{root / split}" if split_folders else f"{root} (split {split})"
        found.problems += [f"{where}: no recordings of '{k}'" for k in (*keywords, *(told_apart if split == "train" else ())) if k not in words]
        if not words - {SILENCE, UNKNOWN, *keywords, *(told_apart if split == "train" else ())}:
            found.problems.append(f"{where}: no words for {UNKNOWN}")
    by_speaker: dict[tuple[str, str], dict[str, Path]] = {}
    for split, paths in found.files.items():
        for path in paths:
            if path.parent.name != SILENCE and "_nohash_" in path.stem:
                by_speaker.setdefault((path.parent.name, speaker(path)), {})[split] = path
    found.problems += [f"{' and '.join(map(str, at.values()))}: one speaker of '{word}' in two splits"
                       for (word, _), at in by_speaker.items() if len(at) > 1]
    for split in SPLITS[1:]:
        named = [path for path, one in zip(found.files[split], named_speakers(found.files[split]), strict=True) if one]
        heard = is_unheard(named, found.files["train"]).count(False)
        if heard:
            found.notes.append(f"{heard} of {len(named)} recordings of {split} are of speakers who say other words in train")
    return found
