"""The app on the virtual board, driven through its REPL: the track goes in at the microphones, events come out as printed."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.vboard import Board

from .score import Event

EVENT_LINE = re.compile(r"^ *(\d+\.\d\d) s  (\S+) +(\d\.\d\d)\r?$", re.MULTILINE)  # py_app's event_line
CORE_HZ = 216_000_000
STEP_S = 5.0


@dataclass
class Run:
    """What the app and the virtual board counted. `stats` is the app's dict."""

    events: list[Event] = field(default_factory=list)
    stats: dict = field(default_factory=dict)
    wall_s: float = 0.0
    instructions: int = 0
    notes: list[str] = field(default_factory=list)  # whatever else the app printed


def parse_events(text: str) -> Iterator[Event]:
    """(keyword, score, time in s) of every line that is a detection."""
    for time_s, keyword, score in EVENT_LINE.findall(text):
        yield keyword, float(score), float(time_s)


class Listener:
    """An app that listens on a virtual board."""

    def __init__(self, elf: Path, romfs: Path | bytes, pcm: np.ndarray, model: str = ""):
        """`model` is a path on the board; empty takes the built-in one."""
        self.board = Board(elf, audio=pcm, romfs=romfs)
        self.board.boot()
        self.run = Run()
        self.board.exec(f"from app import App\napp = App({model!r})\napp.start()")
        self._begin = (time.monotonic(), self.board.instructions)

    def listen(self, seconds: float) -> list[Event]:
        """Let `seconds` of audio be heard; the detections in it."""
        text = self.board.exec(f"app.follow(seconds={seconds})", timeout_s=seconds + 10)
        found = list(parse_events(text))
        self.run.events += found
        self.run.notes += [line for line in text.splitlines() if line.strip() and not EVENT_LINE.match(line)]
        return found

    def finish(self) -> Run:
        """Stop the clock and fetch the statistics."""
        self.run.wall_s = time.monotonic() - self._begin[0]
        self.run.instructions = self.board.instructions - self._begin[1]
        self.run.stats = json.loads(self.board.exec("import json\nprint(json.dumps(app.stats()))"))
        self.board.exec("app.stop()")
        return self.run


def figures(run: Run) -> dict[str, float]:
    """The run's own report rows: metric -> value."""
    seconds = run.stats["seconds"]
    return {
        "overruns": run.stats["overruns"],
        "load_percent": round(run.stats["load_mean_percent"], 1),
        "realtime_factor": round(seconds / run.wall_s, 2),
        "instructions_per_hop": round(run.instructions / max(1, run.stats["frames"])),
    }
