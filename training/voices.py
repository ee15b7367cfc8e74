"""The speech synthesisers that may be installed here: which voices they have, how one is drawn, and how it speaks.

espeak-ng makes vowels of formants; flite and festival put recorded or modelled pieces of a few people together. All of
them are free programs of a Debian system, and none has to be there: what is missing is said, with its package.
"""
from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.clips import DataError

EFFECTS = re.compile(r"whisper|croak|robo|demonic|storm|echo", re.IGNORECASE)
PACKAGES = {"espeak-ng": "espeak-ng", "flite": "flite",
            "festival": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts"}
ENGINES = tuple(PACKAGES)
SHARES = {"espeak-ng": 4, "flite": 3, "festival": 1}    # of what is said: festival takes five times as long for three voices
HTS_F0_HZ = 190                         # pitch of festival's modelled voice as it is


class SyntheticError(DataError):
    """No speech could be made; the message says what is missing or which text is to blame."""


def run(command: list[str], text: str = "", checked: bool = True) -> str:
    """A program's standard output for `text` on its input."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SyntheticError(f"{command[0]}: {exc}") from exc
    if checked and done.returncode:
        raise SyntheticError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@functools.cache
def installed() -> dict[str, str]:
    """Version line of every synthesiser that is installed here, by name. (flite prints its own and fails.)"""
    found = {name: " ".join(run([name, "--version"], checked=False).split()) for name in ENGINES if shutil.which(name)}
    return {name: version for name, version in found.items() if name != "festival" or voices("festival")}


def missing() -> str:
    """A line about the synthesisers that are not installed, empty if all are."""
    absent = [name for name in ENGINES if name not in installed()]
    packages = " ".join(PACKAGES[name] for name in absent)
    return f"not installed, so none of their voices is heard: {', '.join(absent)} (apt-get install {packages})" if absent else ""


@functools.cache
def voices(engine: str) -> tuple[str, ...]:
    """Names of the engine's English voices as its own option takes them, sorted."""
    if engine == "flite":
        return tuple(sorted(v for v in run(["flite", "-lv"]).partition(":")[2].split() if "time" not in v))
    if engine == "festival":
        return tuple(sorted(re.findall(r"[a-z]\w+", run(["festival", "--pipe"], "(print (voice.list))", checked=False))))
    listed = [line.split() for line in run(["espeak-ng", "--voices=en"]).splitlines()[1:]]
    accents = sorted({row[1] for row in listed if row[1].startswith("en") and not row[4].startswith("mb/")})
    variants = re.findall(r"!v/(.+?)\s*(?:\(|$)", run(["espeak-ng", "--voices=variant"]), re.MULTILINE)
    return tuple(accents + [f"{a}+{v}" for a in accents for v in sorted(variants) if not EFFECTS.search(v)])


def _espeak(rng: np.random.Generator) -> tuple[list[str], str]:
    voice, rate, pitch = str(rng.choice(voices("espeak-ng"))), int(rng.integers(110, 221)), int(rng.integers(10, 91))
    options = ["-v", voice, "-s", str(rate), "-p", str(pitch), "--stdin", "-w"]
    return options, f"espeak-ng {voice}, {rate} words a minute, pitch {pitch}"


def _flite(rng: np.random.Generator) -> tuple[list[str], str]:
    voice, stretch, f0_hz = str(rng.choice(voices("flite"))), round(rng.uniform(0.75, 1.4), 2), int(rng.integers(85, 251))
    options = ["-voice", voice, "--setf", f"duration_stretch={stretch}", "--setf", f"int_f0_target_mean={f0_hz}", "-"]
    return options, f"flite {voice}, {stretch} times as slow, {f0_hz} Hz"


def _festival(rng: np.random.Generator) -> tuple[list[str], str]:
    voice, stretch, f0_hz = str(rng.choice(voices("festival"))), round(rng.uniform(0.75, 1.4), 2), int(rng.integers(85, 251))
    return [voice, str(stretch), str(f0_hz)], f"festival {voice}, {stretch} times as slow, {f0_hz} Hz"


DRAW: dict[str, Callable[[np.random.Generator], tuple[list[str], str]]] = {
    "espeak-ng": _espeak, "flite": _flite, "festival": _festival}


def speak(engine: str, options: list[str], text: str, path: Path) -> None:
    """A WAV file of any rate at `path`. options: as DRAW gave them."""
    if engine != "festival":
        run([engine, *options, str(path)], text)
        return
    voice, stretch, f0_hz = options
    if voice.endswith("_hts"):
        semitones = 12 * np.log2(float(f0_hz) / HTS_F0_HZ)
        how = [f"(set! hts_engine_params (append hts_engine_params '((\"-r\" {1 / float(stretch):.3f}) (\"-fm\" {semitones:.2f}))))"]
    else:
        how = [f"(Parameter.set 'Duration_Stretch {stretch})",
               f"(set! int_lr_params '((target_f0_mean {f0_hz}) (target_f0_std {int(f0_hz) // 8}) (model_f0_mean 170) (model_f0_std 34)))"]
    quoted = text.replace("\\", " ").replace('"', " ")
    lines = [f"(voice_{voice})", *how, f'(set! said (utt.synth (Utterance Text "{quoted}")))', f'(utt.save.wave said "{path}" \'riff)']
    run(["festival", "--pipe"], "\n".join(lines))
