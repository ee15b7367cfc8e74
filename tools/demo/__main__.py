"""The firmware on the virtual board hears words and names them: python -m tools.demo (or make demo)

Plays sentences by espeak-ng (or --wav, or --mic) into the virtual microphones, runs `mpremote run py_app/main.py`, shows
detections beside what was said, and ends with a summary and build/demo.png.
"""

import argparse
import contextlib
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from tools import report, romfs
from tools.bench_live.board import CORE_HZ, parse_events
from tools.bench_live.host import HostModel, decide
from tools.bench_live.score import Scorer
from tools.bench_live.track import RATE_HZ, Track
from tools.blob import BlobError
from tools.blobfile import load

from . import audio, microphone, speech
from .session import ROOT, Mpremote, SessionError, VirtualBoard, ask, fetch_stats
from .view import View, summary

IMAGES = ROOT / "build" / "STM32F769I_DISCO"
RELEASED = ROOT / "py_app" / "models"
BUILT_IN = RELEASED / "dscnn.kws"
STATS = re.compile(r"^# (\d+\.\d\d) s ")
# The board's flash is empty: settings are made there as a user would make them.
SETUP = "from settings import Settings; s = Settings(); s.load(); s.set('stats_s', 1); s.set('model', {model!r}); s.save()"
LATEST_S = 0.8  # words are cut close here, so a detection may come later behind the end than in the bench


@dataclass
class Outcome:
    """What came of listening."""

    track: Track  # what was heard
    stats: dict
    heard_s: float
    speed: float  # seconds of audio a second of wall clock


def find_model(name: Path) -> Path:
    """A file of the user's, or a released model by its name, with or without ".kws". ValueError lists those that there are."""
    if name.is_file():
        return name
    released = RELEASED / f"{name.name.removesuffix('.kws')}.kws"
    if len(name.parts) == 1 and released.exists():
        return released
    known = ", ".join(path.stem for path in sorted(RELEASED.glob("*.kws")))
    raise ValueError(f"{name}: neither a file nor a released model; those are: {known}")


def load_model(path: Path) -> HostModel:
    try:
        return HostModel(load(path))
    except BlobError:  # which names the file
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def main() -> int:
    args = arguments()
    console = Console()
    try:
        args.model = args.model and find_model(args.model)
        model = load_model(args.model or BUILT_IN)
        if args.model:
            user_image(args.model)
        track, notes = chosen_track(args, model)
    except (audio.AudioError, speech.SpeechError, microphone.NoMicrophoneError, OSError, ValueError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    for note in notes:
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    scorer = Scorer(track.words if track else [], LATEST_S)
    try:
        with tempfile.TemporaryDirectory() as folder:
            outcome = listen(args, console, track, Path(folder), View(console, scorer))
    except (SessionError, OSError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    finish(console, args, model, scorer, outcome)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--wav", type=Path, help="a recording instead of espeak-ng's sentences")
    parser.add_argument("--mic", action="store_true", help="this computer's microphone, until Ctrl-C")
    parser.add_argument("--model", type=Path, help="another model: a name from py_app/models, or a .kws blob")
    parser.add_argument("--elf", type=Path, default=IMAGES / "firmware.elf")
    parser.add_argument("--picture", type=Path, default=ROOT / "build" / "demo.png")
    args = parser.parse_args()
    if args.wav and args.mic:
        parser.error("--wav and --mic exclude each other")
    return args


def chosen_track(args: argparse.Namespace, model: HostModel) -> tuple[Track | None, list[str]]:
    """The audio, and what to tell about it; None for the microphone."""
    if args.mic:
        microphone.check()
        return None, ["listening to this computer's microphone; Ctrl-C ends"]
    if args.wav:
        pcm, notes = audio.load(args.wav)
        # The last word needs some audio behind it before it is complete in the model's window.
        return Track(args.wav.name, np.concatenate([pcm, np.zeros(RATE_HZ, np.int16)]), []), notes
    said = [keyword for keyword in speech.KEYWORDS if keyword in model.labels]
    if not said:
        raise ValueError(
            f"no sentence of the demonstration has a word of this model ({', '.join(model.labels)}); it has {', '.join(speech.KEYWORDS)}; "
            "make demo WAV=mine.wav plays a recording of yours"
        )
    notes = [] if len(said) == len(speech.KEYWORDS) else [f"only the sentences with {', '.join(said)}: this model has no other of their words"]
    return speech.cached(ROOT / "build" / "demo.wav", said), notes


def user_image(model: Path) -> bytes:
    """The ROMFS image with the user's model beside the app's modules. ValueError when the board has no room for it."""
    files = {path.name: path.read_bytes() for path in sorted((IMAGES / "rom").glob("*.mpy"))}
    files[model.name] = model.read_bytes()
    image = romfs.pack(sorted(files.items()))
    if len(image) > romfs.PARTITION_KB * 1024:
        room = romfs.PARTITION_KB * 1024 - (len(image) - len(files[model.name]))
        raise ValueError(f"{model}: {len(files[model.name]):,} bytes are too many for the board's ROMFS, which has room for a model of {room:,}")
    return image


def board_image(model: Path | None, folder: Path) -> Path:
    """The ROMFS image for the board: the one that was built, or one in `folder` with the user's model."""
    if not model:
        return IMAGES / "romfs.img"
    path = folder / "romfs.img"
    path.write_bytes(user_image(model))
    return path


def listen(args: argparse.Namespace, console: Console, track: Track | None, folder: Path, view: View) -> Outcome:
    """Boot, run the app, and show its lines until the audio is at its end (or Ctrl-C)."""
    options = [str(args.elf), "--romfs", str(board_image(args.model, folder))]
    if track:
        path = folder / "track.wav"
        soundfile.write(path, track.pcm, RATE_HZ, subtype="PCM_16")
        options += ["--audio", str(path)]
    else:
        options += ["--audio", "-"]
    board = VirtualBoard(options)
    recorder = None if track else microphone.Microphone(board.sound)
    setup = SETUP.format(model=f"/rom/{args.model.name}" if args.model else "")
    remote = None
    errors: list[str] = []
    try:
        console.print(f"$ mpremote connect {board.port} run py_app/main.py", highlight=False)
        ask(board.port, setup)
        remote = Mpremote(board.port, "run", "py_app/main.py")
        clock: list[tuple[float, float]] = []  # (wall, audio) at each line of statistics
        with contextlib.suppress(KeyboardInterrupt):
            for line in remote.lines():
                if match := STATS.match(line):
                    clock.append((time.monotonic(), float(match[1])))
                    view.until(clock[-1][1])
                    if track and clock[-1][1] >= track.seconds:
                        break
                elif events := list(parse_events(line)):
                    for event in events:
                        view.event(event)
                elif line.strip():
                    console.print(line, markup=False, highlight=False)
                    if "Error" in line:
                        errors.append(line)
                    if recorder and line.startswith("listening"):
                        recorder.start()
        remote.stop()
        if errors or not board.running:
            raise SessionError("the app ended early" + ("" if board.running else "; the virtual board said:\n" + board.output[-3000:]))
        if recorder:
            track = Track("microphone", recorder.stop(), [])
        speed = (clock[-1][1] - clock[0][1]) / (clock[-1][0] - clock[0][0]) if len(clock) > 1 else 0.0
        return Outcome(track, fetch_stats(board.port), clock[-1][1] if clock else 0.0, speed)
    finally:
        if remote:
            remote.stop()
        board.stop()


def finish(console: Console, args: argparse.Namespace, model: HostModel, scorer: Scorer, outcome: Outcome) -> None:
    """Summary, report and picture."""
    track, stats, score = outcome.track, outcome.stats, scorer.score
    load = stats["load_mean_percent"]
    hop_s = model.hop_samples / RATE_HZ
    lines = {}
    if scorer.words:
        lines["hits"] = f"{len(score.hits)} of {score.keywords} keywords ({score.hits_percent:.0f} %)"
        lines["misses"] = str(score.keywords - len(score.hits))
        lines["false accepts"] = f"{len(score.false_accepts)} in {outcome.heard_s:.0f} s"
    else:
        lines["detections"] = str(stats["detections"])
    lines["CPU load"] = f"{load:.1f} % of 216 MHz (worst second {stats['load_max_percent']:.1f} %)"
    lines["instructions a hop"] = f"{load / 100 * hop_s * CORE_HZ:,.0f} ({1000 * hop_s:.0f} ms hop; audio callback: front end, network, detector)"
    lines["samples lost"] = str(stats["overruns"])
    lines["speed"] = f"{outcome.speed:.2f} x real time on this computer"
    if track.seconds > 1:
        from .picture import draw

        draw(args.picture, track, model, decide(model, track.pcm), scorer, f"{track.name} through {(args.model or BUILT_IN).name}")
        lines["picture"] = str(args.picture.relative_to(ROOT) if args.picture.is_relative_to(ROOT) else args.picture)
    console.print(summary(lines))
    if scorer.words:
        figures = {
            "hits_percent": round(score.hits_percent, 1),
            "false_accepts_per_minute": round(score.false_accepts_per_minute(outcome.heard_s), 2),
            "overruns": stats["overruns"],
            "load_percent": round(load, 1),
            "realtime_factor": round(outcome.speed, 2),
        }
        report.write(report.rows(track.name, figures, "make demo: espeak-ng's sentences in the virtual microphones"))


if __name__ == "__main__":
    sys.exit(main())
