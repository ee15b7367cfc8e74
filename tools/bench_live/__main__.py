"""How well the app spots recorded words of real people on the virtual board: python -m tools.bench_live

A track of test recordings is played into the virtual microphones while the app of the firmware's ROMFS listens.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from tools import report

from .board import STEP_S, Listener, figures
from .score import Scorer
from .track import AudioError, Track, from_recordings

BUILD = report.ROOT / "build" / "STM32F769I_DISCO"
KEYWORDS, OTHERS, SEED = 300, 150, 1  # the track whose figures are kept; with 120 keywords they scatter by some 4 %
BARS = {"hits_percent": (75, ">="), "false_accepts_per_minute": (2, "<="), "overruns": (0, "<=")}


def bench(track: Track, elf: Path, romfs: Path, progress: bool = True) -> tuple[dict[str, float], Scorer, list[str]]:
    """Metrics of `track`, the scorer with its hits and false accepts, and what else the app printed."""
    scorer = Scorer(track.words)
    listener = Listener(elf, romfs, track.pcm)
    with tqdm(total=track.seconds, unit="s", bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}", disable=not progress) as bar:
        left = track.seconds
        while left > 0:
            for event in listener.listen(min(STEP_S, left)):
                scorer.add(event)
            bar.update(min(STEP_S, left))
            bar.set_postfix(hits=len(scorer.score.hits), false=len(scorer.score.false_accepts))
            left -= STEP_S
    run = listener.finish()
    result = {
        "hits_percent": round(scorer.score.hits_percent, 1),
        "false_accepts_per_minute": round(scorer.score.false_accepts_per_minute(track.seconds), 2),
    }
    return result | figures(run), scorer, run.notes


def failures(result: dict[str, float]) -> list[str]:
    """Sentences about the bars that were not reached."""
    said = []
    for metric, (bar, sign) in BARS.items():
        if not (result[metric] >= bar if sign == ">=" else result[metric] <= bar):
            said.append(f"{metric} is {result[metric]:g}, must be {sign} {bar}")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_live", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=report.ROOT.parent / "shared" / "data" / "speech", help="recordings: SPLIT/WORD/*")
    parser.add_argument("--keywords", type=int, default=KEYWORDS, help="recordings of keywords (%(default)s)")
    parser.add_argument("--others", type=int, default=OTHERS, help="recordings of other words (%(default)s)")
    parser.add_argument("--snr", type=float, default=15.0, help="dB (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--elf", type=Path, default=BUILD / "firmware.elf")
    parser.add_argument("--romfs", type=Path, default=BUILD / "romfs.img")
    args = parser.parse_args()
    console = Console()
    if not args.data.is_dir():
        console.print(f"There are no recordings in {args.data}: nothing to measure. --data names another folder (SPLIT/WORD/*.flac or .wav).")
        return 1
    try:
        track = from_recordings(args.data, "test", args.keywords, args.others, args.seed, args.snr)
    except (AudioError, OSError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(f"{len(track.words)} words in {track.seconds:.0f} s, {args.keywords} of them keywords, noise {args.snr:g} dB below")
    result, scorer, notes = bench(track, args.elf, args.romfs)
    how = "make bench-live: recordings of the test split in the virtual microphones; " + track.name
    rows = report.rows(track.name, result, how)
    report.write(rows)
    console.print(report.table(rows))
    show_confusions(console, scorer)
    for line in notes:
        console.print(f"the app also printed: {line}", markup=False)
    missed = failures(result)
    for line in missed:
        console.print(f"[red]{line}[/red]")
    return 1 if missed else 0


def show_confusions(console: Console, scorer: Scorer) -> None:
    """Misses by keyword, and what was said where a false accept came."""
    misses = [word.keyword for i, word in enumerate(scorer.words) if word.keyword and i not in scorer.score.hits]
    console.print("missed:", ", ".join(f"{word} {misses.count(word)}" for word in sorted(set(misses))) or "none", highlight=False)
    for keyword, score, time_s in scorer.score.false_accepts:
        near = [word.text for word in scorer.words if word.start_s <= time_s <= word.end_s + scorer.latest_s]
        console.print(f"false accept: {keyword} {score:.2f} at {time_s:.2f} s, where {near[-1] if near else 'nothing'} was said", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
