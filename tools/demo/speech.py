"""The demonstration's own audio: sentences by several espeak-ng voices over noise, with the times of the keywords.

Each sentence is made of phrases with a short rest between them, synthesised one by one, so that the time of every
keyword is known exactly. The models learnt from people; what a formant synthesiser says is harder for them.
"""

import io
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from tools.bench_live.track import KEYWORDS, Track, assemble

from .audio import RATE_HZ, resampled

# Voice, words a minute, pitch (0..99): five of espeak-ng's clearer voices at an unhurried pace (README.md, "Voices").
VOICES = (("en-us", 150, 45), ("en+m3", 150, 45), ("en-us+f2", 150, 45), ("en+m7", 150, 45), ("en-us+f3", 150, 45))
SENTENCES = (
    ("is this thing listening", "yes"),
    ("the lamp in the kitchen", "on"),
    ("and the one in the hall", "off"),
    ("now turn to the", "left"),
    ("then a little to the", "right"),
    ("raise the blind", "up"),
    ("lower it again", "down"),
    ("shall we wait for Peter", "no"),
    ("everybody is ready", "go"),
    ("that is close enough", "stop"),
)
REST_S = 0.5  # between a phrase and its keyword
PAUSE_S = 0.9  # between sentences
SNR_DB = 20.0


class SpeechError(RuntimeError):
    """espeak-ng is missing or failed; the message says what to do."""


def say(text: str, voice: str, words_per_minute: int, pitch: int) -> np.ndarray:
    """Float [n] at 16 kHz, full scale 1.0, without the silence at either end."""
    if not shutil.which("espeak-ng"):
        raise SpeechError("espeak-ng is not installed; 'make demo' installs it, or: apt-get install espeak-ng")
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise SpeechError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip() or 'no output'}")
    pcm, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float64")
    pcm = resampled(pcm, rate_hz)
    loud = np.flatnonzero(np.abs(pcm) > 0.01 * np.abs(pcm).max())
    return pcm[loud[0] : loud[-1] + 1] if len(loud) else pcm


def sentences(keywords: Sequence[str] = KEYWORDS, rounds: int = 2, seed: int = 1) -> Track:
    """Every sentence that ends in one of `keywords` `rounds` times, by changing voices, over pink noise at 20 dB."""
    rng = np.random.default_rng(seed)
    clips, pauses = [], []
    for turn in range(rounds):
        for k in rng.permutation(len(SENTENCES)):
            phrase, keyword = SENTENCES[k]
            if keyword not in keywords:
                continue
            voice = VOICES[(int(k) + turn) % len(VOICES)]
            clips += [(phrase, "", say(phrase, *voice)), (keyword, keyword, say(keyword, *voice))]
            pauses += [PAUSE_S, REST_S]
    return assemble("demo_espeak", clips, [*pauses, 1.5], pink_noise(30 * RATE_HZ, rng), SNR_DB)


def pink_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Float [samples] whose power falls by 3 dB an octave from 50 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 50.0)), samples)


def cached(path: Path, keywords: Sequence[str] = KEYWORDS) -> Track:
    """The sentences with `keywords`; their samples are kept in `path` (WAV), and made again when this program has changed.

    A part of the keywords has a file of its own beside it.
    """
    if len(keywords) < len(KEYWORDS):
        path = path.with_stem("-".join([path.stem, *keywords]))
    sources = (Path(__file__), Path(__file__).parents[1] / "bench_live" / "track.py")
    track = None
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        track = sentences(keywords)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The recording is what tells that both are there, so it comes last and whole.
        _write_words(path.with_suffix(".txt"), track)
        part = path.with_name("part-" + path.name)
        soundfile.write(part, track.pcm, RATE_HZ, subtype="PCM_16")
        part.rename(path)
    return track or Track("demo_espeak", soundfile.read(path, dtype="int16")[0], _read_words(path.with_suffix(".txt")))


def _write_words(path: Path, track: Track) -> None:
    # The label format of audio editors: start, end, text; tab-separated.
    path.write_text("".join(f"{word.start_s:.4f}\t{word.end_s:.4f}\t{word.text}\n" for word in track.words))


def _read_words(path: Path) -> list:
    from tools.bench_live.track import Word

    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return [Word(text, text if text in KEYWORDS else "", float(start), float(end)) for start, end, text in lines]
