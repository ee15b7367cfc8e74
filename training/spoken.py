"""A data folder of synthetic speech, in the layout that `training/data.py` reads: anyone can listen to what was trained on.

Synthesisers have few throats and no rooms. So each utterance gets another vocal tract here (resampling moves formants
and pitch together; rate and pitch of the synthesiser are drawn apart from it), and a floor of noise, as no recording is
without one. Spectral tilt, rooms, louder noise and the place in the window are drawn anew for every window by
`training/augment.py`.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from training.augment import at_speed, coloured_noise, rms
from training.clips import CLIP_LEN, RATE_HZ, DataError
from training.folders import NOISE_FOLDER, find, is_recording
from training.synthetic import CACHE, utterances

TRACT = (0.82, 1.25)                    # formants against the synthesiser's own, drawn evenly in octaves
FLOOR_DB = (15.0, 50.0)                 # word against the noise that is always there
LONGEST = CLIP_LEN - 800                # samples of an utterance in its clip
FASTEST = TRACT[1]                      # a longer one is played so much faster at most, or is not used
NOISES, NOISE_S = 8, 40                 # recordings of coloured noise, where there are none of rooms


def varied(pcm: np.ndarray, rng: np.random.Generator, tracts: tuple[float, float] = TRACT) -> np.ndarray | None:
    """int16 [CLIP_LEN] with the utterance somewhere in it: another vocal tract, over a floor of noise. None if too long."""
    tract = 2 ** rng.uniform(*np.log2(tracts))
    if len(pcm) / tract > LONGEST:
        tract = len(pcm) / LONGEST
        if tract > FASTEST:
            return None
    voice = at_speed(pcm, tract)[:LONGEST]
    clip = coloured_noise(rng, CLIP_LEN) * np.float32(rms(voice) * 10 ** (-rng.uniform(*FLOOR_DB) / 20))
    at = int(rng.integers(0, CLIP_LEN - len(voice) + 1))
    clip[at:at + len(voice)] += voice
    return np.round(clip * min(1.0, 32767 / np.abs(clip).max())).astype(np.int16)


def pieces(pcm: np.ndarray, rng: np.random.Generator) -> Iterable[np.ndarray]:
    """A longer utterance as parts of up to a clip's length, cut anywhere."""
    at = 0
    while at < len(pcm):
        length = int(rng.uniform(0.5, 0.9) * CLIP_LEN)
        if len(pcm) - at > CLIP_LEN // 4:
            yield pcm[at:at + length]
        at += length


def folder_name(text: str) -> str:
    """A folder's name and label for a phrase: its letters and digits with `_` between."""
    return "_".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def write(path: Path, pcm: np.ndarray) -> None:
    """A FLAC file, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    soundfile.write(part, pcm, RATE_HZ, format="FLAC")
    part.replace(path)


def say(text: str, count: int, seed: int, folder: Path, cache: Path = CACHE, whole: bool = True) -> None:
    """`count` utterances as FLAC files in `folder`; what is there already is kept.

    whole: too long ones are left out; otherwise they are cut into pieces. Raises SyntheticError.
    """
    name = f"{folder_name(text)}{sum(map(ord, text)) % 97:02d}"         # "hey" and "hey!" are two texts
    done = folder / f".{name}_{count}_{seed}"
    if done.exists():
        return
    said = utterances(text, count, seed, threads=1, cache=cache)
    folder.mkdir(parents=True, exist_ok=True)
    for i, one in enumerate(said):
        rng = np.random.default_rng((seed, i, *text.encode()))
        parts = [one.pcm] if whole else list(pieces(one.pcm, rng))
        for k, part in enumerate(parts):
            clip = varied(part, rng)
            if clip is not None:
                write(folder / f"{name}_{seed}_{i:03d}_{k}.flac", clip)
    done.touch()


def say_all(jobs: Sequence[tuple[str, int, int, Path, bool]], threads: int, what: str) -> None:
    """`say` for each (text, count, seed, folder, whole), with a progress bar."""
    with ThreadPoolExecutor(threads) as pool:
        list(tqdm(pool.map(lambda job: say(*job[:4], whole=job[4]), jobs), what, len(jobs), unit="phrase", disable=None))


def link(path: Path, target: Path) -> None:
    """A symbolic link to a recording; it stays if it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink():
        target.symlink_to(path.resolve())


def link_recordings(root: Path, split: str, target: Path, leave_out: Sequence[str] = (), most: int = 10**9) -> int:
    """Links to a data folder's recordings of one split in `target`/<word>. Returns how many: `most`, evenly picked.

    leave_out: words that are not taken. Raises DataError for what is wrong with `root`.
    """
    found = find(root, (), needed=())
    if found.problems:
        raise DataError("the recordings cannot be used:\n" + "\n".join(found.problems[:20]))
    paths = [path for path in found.files[split] if not path.parent.name.startswith("_") and path.parent.name not in leave_out]
    picked = paths if len(paths) <= most else [paths[i * len(paths) // most] for i in range(most)]
    for path in picked:
        link(path, target / path.parent.name / f"recording_{path.stem}{path.suffix.lower()}")
    return len(picked)


def make_noise(target: Path, root: Path | None, seed: int) -> None:
    """`target`/_background_noise_: links to the recordings of `root`, or coloured noise that swells and fades."""
    if root is not None:
        for path in sorted(p for p in (root / NOISE_FOLDER).glob("*") if is_recording(p)):
            link(path, target / NOISE_FOLDER / path.name)
        return
    (target / NOISE_FOLDER).mkdir(parents=True, exist_ok=True)
    for i in range(NOISES):
        path = target / NOISE_FOLDER / f"coloured_{i}.flac"
        if not path.exists():
            rng = np.random.default_rng((seed, i))
            swell = np.interp(np.arange(NOISE_S * RATE_HZ), np.arange(NOISE_S + 1) * RATE_HZ, 10 ** (rng.uniform(-12, 0, NOISE_S + 1) / 20))
            write(path, np.round(1000 * swell * coloured_noise(rng, NOISE_S * RATE_HZ)).clip(-32768, 32767).astype(np.int16))
