"""Recordings on disk -> arrays, labels and word positions. `training/folders.py` says which file is what.

Training hears the first half of every noise file; the silence clips of a split that has none of its own are cut
from the second. Everything that is wrong with the folder or in a file is collected and raised as one `DataError`
that names every file.
"""
from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from training import synthetic as synthesis
from training.clips import CLIP_LEN, RATE_HZ, DataError, in_window, read_clip, start_in, word_span
from training.folders import (
    KEYWORDS,
    NOISE_FOLDER,
    SILENCE,
    SPLITS,
    UNKNOWN,
    find,
    is_recording,
    is_split_folders,
    keywords_in,
    labels_of,
    word_label,
)

if TYPE_CHECKING:
    from training.config import Config

SILENCE_SHARE = 10                      # one clip of silence to so many others, where a split has none of its own
NOISE_TRAIN_PART = 0.5                  # of each noise file; evaluation alone hears the rest


@dataclass
class Split:
    """One split, in memory.

    pcm: int16 [n, window's samples], a clip's second in the middle; label: int64 [n], index into labels; word: the folder's name of each clip;
    path: its file; span: int64 [n, 2], first sample of the word and one past its last; labels: the classes.
    """
    pcm: np.ndarray
    label: np.ndarray
    word: np.ndarray
    path: np.ndarray
    span: np.ndarray
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    def of(self, label: str) -> np.ndarray:
        """Indices of the clips with this label."""
        return np.flatnonzero(self.label == self.labels.index(label))

    def counts(self) -> dict[str, int]:
        return {name: int(np.sum(self.label == i)) for i, name in enumerate(self.labels)}


@dataclass
class Dataset:
    """splits: by name; noise: int16 recordings, training part only; notes: lines about what was left out;
    labels: the classes of every split, as `labels_of` has them."""
    splits: dict[str, Split]
    noise: list[np.ndarray]
    notes: list[str]
    labels: tuple[str, ...]

    def table(self) -> str:
        """Counts by class and split, one line a class."""
        columns = {name: split.counts() for name, split in self.splits.items()}
        lines = [f"{'class':12}" + "".join(f"{name:>12}" for name in columns)]
        lines += [f"{label:12}" + "".join(f"{c[label]:12d}" for c in columns.values()) for label in self.labels]
        return "\n".join(lines + [f"{'total':12}" + "".join(f"{sum(c.values()):12d}" for c in columns.values())])


def _raise_if(problems: list[str], shown: int = 20) -> None:
    if problems:
        more = f"\n... and {len(problems) - shown} more" if len(problems) > shown else ""
        raise DataError("the recordings cannot be used:\n" + "\n".join(problems[:shown]) + more)


def _read_noise(root: Path, window_samples: int, problems: list[str], **how: Any) -> list[np.ndarray]:
    recordings = []
    paths = sorted(p for p in (root / NOISE_FOLDER).glob("*") if is_recording(p))
    for path in paths:
        try:
            pcm = read_clip(path, max_len=None, **how)
        except DataError as exc:
            problems.append(f"{path}: {exc}")
            continue
        if len(pcm) * (1 - NOISE_TRAIN_PART) < window_samples:
            problems.append(f"{path}: shorter than {window_samples / RATE_HZ / (1 - NOISE_TRAIN_PART):.3g} s, too short for noise")
        recordings.append(pcm)
    if not paths:
        problems.append(f"{root / NOISE_FOLDER}: no background noise")
    return recordings


def load(root: Path | str, splits: tuple[str, ...] = SPLITS, threads: int = 2, progress: bool = True, *,
         keywords: Sequence[str] = KEYWORDS, told_apart: Sequence[str] = (),
         leave_out: Sequence[str] = (), needed: Sequence[str] = SPLITS, resample: bool = True, mix_down: bool = False,
         synthetic: int = 0, seed: int = 1, window_samples: int = CLIP_LEN) -> Dataset:
    """Read the named splits of a data folder. Raises DataError, naming every file that is to blame.

    keywords: words of the folder that get a label of their own, as do those told apart; all others are unknown. leave_out: words that are not
    read. needed: splits that must have every keyword.
    resample, mix_down: what is done to recordings of another rate and of several channels, as in `read_clip`.
    window_samples: of each clip, its second in the middle, zeros around words and more of the same around silence.
    synthetic: so many utterances of other words are made by `training/synthetic.py` and added to training.
    A recording that occurs twice, sample for sample, is kept once, and in evaluation rather than training: where training
    is loaded, the recordings of all splits are read and compared.
    """
    root = Path(root)
    labels = labels_of(keywords, told_apart)
    found = find(root, keywords, leave_out, needed, told_apart)
    problems, notes = found.problems, found.notes
    converted: list[str] = []           # one line a recording, appended by several threads
    how = {"resample": resample, "mix_down": mix_down, "converted": converted}
    noise = _read_noise(root, window_samples, problems, **how)
    jobs = [(split, path) for split in reversed(SPLITS) if split in splits or "train" in splits for path in found.files[split]]

    def read(job: tuple[str, Path]) -> np.ndarray | str:
        try:
            return read_clip(job[1], **how)
        except DataError as exc:
            return f"{job[1]}: {exc}"

    with ThreadPoolExecutor(threads) as pool:
        clips = list(tqdm(pool.map(read, jobs), total=len(jobs), desc="reading", unit="clip", disable=None if progress else True))
    problems += [clip for clip in clips if isinstance(clip, str)]

    seen: dict[bytes, tuple[str, Path]] = {}
    kept: dict[str, list[tuple[Path, np.ndarray]]] = {split: [] for split in splits}
    twice: Counter[str] = Counter()
    for (split, path), clip in zip(jobs, clips, strict=True):
        if isinstance(clip, str):
            continue
        first = seen.setdefault(hashlib.sha256(clip.tobytes()).digest(), (split, path))
        if first[1] == path:
            if split in splits:
                kept[split].append((path, clip))
        elif word_label(first[1].parent.name, labels) != word_label(path.parent.name, labels) and first[0] == split:
            problems.append(f"{first[1]} and {path}: the same recording under two labels")
        else:
            twice[f"{split} (first in {first[0]})"] += 1
    _raise_if(problems)
    notes += [f"{n} recordings {what}" for what, n in sorted(Counter(converted).items())]
    notes += [f"{n} recordings of {where} left out: sample for sample the same" for where, n in twice.items()]
    if not is_split_folders(root):
        kept.update({split: _fewer_unknown(kept[split], labels) for split in splits if split != "train"})
    if synthetic and "train" in splits:
        kept["train"] += _synthetic_clips(synthetic, keywords, seed, threads, notes)
    result = {split: _pack(clips, noise, split, labels, window_samples) for split, clips in kept.items()}
    train_noise = [pcm[: int(len(pcm) * NOISE_TRAIN_PART)] for pcm in noise]
    return Dataset(result, train_noise, notes, labels)


def load_for(config: Config, splits: tuple[str, ...] = SPLITS, root: str | None = None, needed: Sequence[str] = SPLITS) -> Dataset:
    """`load` as a run's configuration wants it. root: another folder than the configuration's."""
    return load(root or config.data, splits, config.threads, keywords=config.keywords.split(), told_apart=config.told_apart.split(), needed=needed,
                leave_out=config.leave_out.split(), resample=config.resample, mix_down=config.mix_down, synthetic=config.synthetic_unknown, seed=config.seed,
                window_samples=config.window_samples)


def _pack(clips: list[tuple[Path, np.ndarray]], noise: list[np.ndarray], split: str, labels: tuple[str, ...], window_samples: int) -> Split:
    if split != "train" and not any(path.parent.name == SILENCE for path, _ in clips):
        clips = clips + _noise_clips(noise, SPLITS.index(split), len(clips) // SILENCE_SHARE, window_samples)
    pcm = np.zeros((len(clips), window_samples), np.int16)
    span = np.zeros((len(clips), 2), np.int64)
    for i, (path, clip) in enumerate(clips):
        pcm[i] = in_window(clip, window_samples, mirrored=path.parent.name == SILENCE)
        span[i] = np.add(word_span(clip), start_in(clip, window_samples))
    words = [path.parent.name for path, _ in clips]
    return Split(pcm, np.array([word_label(w, labels) for w in words]), np.array(words),
                 np.array([str(path) for path, _ in clips]), span, labels)


def _fewer_unknown(clips: list[tuple[Path, np.ndarray]], labels: tuple[str, ...]) -> list[tuple[Path, np.ndarray]]:
    """As many unknown clips as a keyword has on average, evenly picked: in the published data set about 60 % are
    other words, and its own 12-class test set holds equal shares."""
    words = [path.parent.name for path, _ in clips]
    unknown = [i for i, w in enumerate(words) if w not in labels]
    keywords = keywords_in(labels)
    limit = sum(w in keywords for w in words) // len(keywords)
    dropped = set(unknown) - {unknown[k * len(unknown) // limit] for k in range(limit)}
    return [clip for i, clip in enumerate(clips) if i not in dropped]


def _synthetic_clips(count: int, keywords: Sequence[str], seed: int, threads: int, notes: list[str]) -> list[tuple[Path, np.ndarray]]:
    made = synthesis.unknown_words(count - count // 3, seed, threads, without=keywords)
    made += synthesis.unknown_sentences(count // 3, seed, threads, without=keywords)
    notes.append(f"{len(made)} utterances of other words and pieces of sentences added to the training of {UNKNOWN}, made by "
                 + ", ".join(synthesis.installed()))
    notes += [synthesis.missing()] if synthesis.missing() else []
    return [(Path("synthetic") / u.voice / u.text / str(i), u.pcm) for i, u in enumerate(made)]


def _noise_clips(noise: list[np.ndarray], seed: int, count: int, window_samples: int) -> list[tuple[Path, np.ndarray]]:
    """`count` windows from the part of the noise that training never hears, at drawn volumes from 0 to 1."""
    rng = np.random.default_rng(seed)
    clips = []
    for i in range(count):
        pcm = noise[i % len(noise)]
        start = int(rng.integers(int(len(pcm) * NOISE_TRAIN_PART), len(pcm) - window_samples + 1))
        clip = np.round(pcm[start:start + window_samples] * rng.uniform()).astype(np.int16)
        clips.append((Path(SILENCE) / f"noise_{i}", clip))
    return clips
