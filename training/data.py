"""Recordings on disk -> arrays, labels and word positions.

Two folder layouts are taken (see `training/README.md`):

* **split folders**: `<root>/{train,validation,test}/<word>/*.flac|wav`
* **official**: `<root>/<word>/*.wav` as Speech Commands is published. `validation_list.txt` and
  `testing_list.txt` decide the split where they exist, the data set's speaker hash otherwise.

Background noise is in `<root>/_background_noise_/` in both. Training hears the first half of every noise file;
the silence clips of a split that has none of its own are cut from the second.

Everything that is wrong with the folder is collected and raised as one `DataError` that names every file.
"""
from __future__ import annotations

import hashlib
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.clips import CLIP_LEN, DataError, read_clip, word_span

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE, UNKNOWN = "_silence_", "_unknown_"
LABELS = (SILENCE, UNKNOWN, *KEYWORDS)
SPLITS = ("train", "validation", "test")
NOISE_FOLDER = "_background_noise_"
NOISE_TRAIN_PART = 0.5                  # of each noise file; evaluation alone hears the rest
SUFFIXES = {".wav", ".flac"}
HASH_RANGE = 2**27 - 1                  # the data set's own constant (Speech Commands README)
HASH_PERCENT = {"validation": 10.0, "test": 10.0}


@dataclass
class Split:
    """One split, in memory.

    pcm: int16 [n, CLIP_LEN]; label: int64 [n], index into LABELS; word: the folder's name of each clip;
    path: its file; span: int64 [n, 2], first sample of the word and one past its last.
    """
    pcm: np.ndarray
    label: np.ndarray
    word: np.ndarray
    path: np.ndarray
    span: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def of(self, label: str) -> np.ndarray:
        """Indices of the clips with this label."""
        return np.flatnonzero(self.label == LABELS.index(label))

    def counts(self) -> dict[str, int]:
        return {name: int(np.sum(self.label == i)) for i, name in enumerate(LABELS)}


@dataclass
class Dataset:
    """splits: by name; noise: int16 recordings, training part only; notes: lines about what was left out."""
    splits: dict[str, Split]
    noise: list[np.ndarray]
    notes: list[str]

    def table(self) -> str:
        """Counts by class and split, one line a class."""
        columns = {name: split.counts() for name, split in self.splits.items()}
        lines = [f"{'class':12}" + "".join(f"{name:>12}" for name in columns)]
        lines += [f"{label:12}" + "".join(f"{c[label]:12d}" for c in columns.values()) for label in LABELS]
        return "\n".join(lines + [f"{'total':12}" + "".join(f"{sum(c.values()):12d}" for c in columns.values())])


def speaker(path: Path) -> str:
    """The speaker's id of a Speech Commands file name: what stands before `_nohash_`."""
    return re.sub(r"_nohash_.*$", "", path.stem)


def hash_split(path: Path) -> str:
    """Split of a file by its speaker's hash, as the data set's README defines it (Warden 2018, section 5)."""
    digest = int(hashlib.sha1(speaker(path).encode()).hexdigest(), 16)
    percent = (digest % (HASH_RANGE + 1)) * (100.0 / HASH_RANGE)
    if percent < HASH_PERCENT["validation"]:
        return "validation"
    return "test" if percent < HASH_PERCENT["validation"] + HASH_PERCENT["test"] else "train"


def word_label(word: str) -> int:
    """Index into LABELS of a word folder."""
    name = word if word in KEYWORDS or word == SILENCE else UNKNOWN
    return LABELS.index(name)


def is_split_folders(root: Path) -> bool:
    return all((root / split).is_dir() for split in SPLITS)


def _find_split_folders(root: Path) -> dict[str, list[Path]]:
    return {split: sorted(p for p in root.glob(f"{split}/*/*") if p.suffix in SUFFIXES) for split in SPLITS}


def _find_official(root: Path, problems: list[str]) -> dict[str, list[Path]]:
    files = {p.relative_to(root).as_posix(): p for p in sorted(root.glob("*/*"))
             if p.suffix in SUFFIXES and p.parent.name != NOISE_FOLDER}
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


def find(root: Path) -> dict[str, list[Path]]:
    """Files of every split, sorted. Raises DataError for a folder that is neither layout or lacks a class."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    problems: list[str] = []
    split_folders = is_split_folders(root)
    found = _find_split_folders(root) if split_folders else _find_official(root, problems)
    for split, paths in found.items():
        words = {p.parent.name for p in paths}
        where = f"{root / split}" if split_folders else f"{root} (split {split})"
        problems += [f"{where}: no recordings of '{k}'" for k in KEYWORDS if k not in words]
        if not words - {*KEYWORDS, SILENCE}:
            problems.append(f"{where}: no words for {UNKNOWN}")
    by_speaker: dict[tuple[str, str], dict[str, Path]] = {}
    for split, paths in found.items():
        for path in paths:
            if path.parent.name != SILENCE and "_nohash_" in path.stem:
                by_speaker.setdefault((path.parent.name, speaker(path)), {})[split] = path
    problems += [f"{' and '.join(map(str, at.values()))}: one speaker of '{word}' in two splits"
                 for (word, _), at in by_speaker.items() if len(at) > 1]
    _raise_if(problems)
    return found


def _raise_if(problems: list[str], shown: int = 20) -> None:
    if problems:
        more = f"\n... and {len(problems) - shown} more" if len(problems) > shown else ""
        raise DataError("the recordings cannot be used:\n" + "\n".join(problems[:shown]) + more)


def _read_noise(root: Path, problems: list[str]) -> list[np.ndarray]:
    recordings = []
    for path in sorted(p for p in (root / NOISE_FOLDER).glob("*") if p.suffix in SUFFIXES):
        try:
            pcm = read_clip(path, max_len=None)
        except DataError as exc:
            problems.append(f"{path}: {exc}")
            continue
        if len(pcm) * (1 - NOISE_TRAIN_PART) < CLIP_LEN:
            problems.append(f"{path}: shorter than {1 / (1 - NOISE_TRAIN_PART):.0f} s, too short for noise")
        recordings.append(pcm)
    if not recordings and not problems:
        problems.append(f"{root / NOISE_FOLDER}: no background noise")
    return recordings


def load(root: Path | str, splits: tuple[str, ...] = SPLITS, threads: int = 2, progress: bool = True) -> Dataset:
    """Read the named splits of a data folder. Raises DataError, naming every file that is to blame.

    A recording that occurs twice, sample for sample, is kept once, and in evaluation rather than training.
    """
    root = Path(root)
    found = find(root)
    problems: list[str] = []
    noise = _read_noise(root, problems)
    notes: list[str] = []
    jobs = [(split, path) for split in reversed(SPLITS) if split in splits for path in found[split]]

    def read(job: tuple[str, Path]) -> np.ndarray | str:
        try:
            return read_clip(job[1])
        except DataError as exc:
            return f"{job[1]}: {exc}"

    with ThreadPoolExecutor(threads) as pool:
        clips = list(tqdm(pool.map(read, jobs), total=len(jobs), desc="reading", unit="clip", disable=None if progress else True))
    problems += [clip for clip in clips if isinstance(clip, str)]
    _raise_if(problems)

    seen: dict[bytes, tuple[str, Path]] = {}
    kept: dict[str, list[tuple[Path, np.ndarray]]] = {split: [] for split in splits}
    twice: Counter[str] = Counter()
    for (split, path), clip in zip(jobs, clips, strict=True):
        first = seen.setdefault(hashlib.sha256(clip.tobytes()).digest(), (split, path))
        if first[1] == path:
            kept[split].append((path, clip))
        elif word_label(first[1].parent.name) != word_label(path.parent.name) and first[0] == split:
            problems.append(f"{first[1]} and {path}: the same recording under two labels")
        else:
            twice[f"{split} (first in {first[0]})"] += 1
    _raise_if(problems)
    notes += [f"{n} recordings of {where} left out: sample for sample the same" for where, n in twice.items()]
    if not is_split_folders(root):
        kept.update({split: _fewer_unknown(kept[split]) for split in splits if split != "train"})
    result = {split: _pack(clips, noise, split) for split, clips in kept.items()}
    train_noise = [pcm[: int(len(pcm) * NOISE_TRAIN_PART)] for pcm in noise]
    return Dataset(result, train_noise, notes)


def _pack(clips: list[tuple[Path, np.ndarray]], noise: list[np.ndarray], split: str) -> Split:
    if split != "train" and not any(path.parent.name == SILENCE for path, _ in clips):
        clips = clips + _noise_clips(noise, SPLITS.index(split), len(clips) // len(KEYWORDS))
    pcm = np.zeros((len(clips), CLIP_LEN), np.int16)
    span = np.zeros((len(clips), 2), np.int64)
    for i, (_, clip) in enumerate(clips):
        pcm[i, : len(clip)] = clip
        span[i] = word_span(clip)
    words = [path.parent.name for path, _ in clips]
    return Split(pcm, np.array([word_label(w) for w in words]), np.array(words),
                 np.array([str(path) for path, _ in clips]), span)


def _fewer_unknown(clips: list[tuple[Path, np.ndarray]]) -> list[tuple[Path, np.ndarray]]:
    """As many unknown clips as a keyword has on average, evenly picked: in the published data set about 60 % are
    other words, and its own 12-class test set holds equal shares."""
    words = [path.parent.name for path, _ in clips]
    unknown = [i for i, w in enumerate(words) if word_label(w) == LABELS.index(UNKNOWN)]
    limit = sum(w in KEYWORDS for w in words) // len(KEYWORDS)
    dropped = set(unknown) - {unknown[k * len(unknown) // limit] for k in range(limit)}
    return [clip for i, clip in enumerate(clips) if i not in dropped]


def _noise_clips(noise: list[np.ndarray], seed: int, count: int) -> list[tuple[Path, np.ndarray]]:
    """`count` seconds from the part of the noise that training never hears, at drawn volumes from 0 to 1."""
    rng = np.random.default_rng(seed)
    clips = []
    for i in range(count):
        pcm = noise[i % len(noise)]
        start = int(rng.integers(int(len(pcm) * NOISE_TRAIN_PART), len(pcm) - CLIP_LEN + 1))
        clip = np.round(pcm[start:start + CLIP_LEN] * rng.uniform()).astype(np.int16)
        clips.append((Path(SILENCE) / f"noise_{i}", clip))
    return clips
