"""Boots a firmware on the virtual board and offers its serial port.

    python -m tools.vboard build/STM32F769I_DISCO/firmware.elf --audio speech.wav
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .board import Board
from .errors import PowerCut, VBoardError
from .feed import Feed
from .host import Pty, Tcp
from .live import Live

PROFILE_ROWS = 40


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.vboard", description=__doc__.splitlines()[0])
    parser.add_argument("elf", type=Path, help="the firmware, as built for the board")
    parser.add_argument("--audio", type=Path, help="a sound file that the microphones hear from the first conversion on; "
                        "- for live sound: raw int16 samples, mono, 16 kHz, on standard input")  # fmt: skip
    parser.add_argument("--romfs", type=Path, help="an image for the ROMFS partition")
    parser.add_argument("--flash-dir", type=Path, help="a folder that keeps the serial flash between runs")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="offer the serial port on this TCP port too (0: any)")
    parser.add_argument("--realtime", action="store_true", help="never run ahead of the wall clock")
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds a wall second where the board waits")
    parser.add_argument("--profile", action="store_true", help="print instructions by function at the end")
    parser.add_argument("--seconds", type=float, help="stop after this much virtual time")
    return parser.parse_args()


def summary(board: Board, profile: bool) -> None:
    cycles = max(board.now_cycles(), 1)
    print(f"\n{board.now_s:.3f} virtual seconds, {board.instructions} instructions, "
          f"{100 * board.asleep_cycles / cycles:.1f} % asleep", file=sys.stderr)  # fmt: skip
    if profile:
        counts = board.profile()
        total = sum(counts.values()) or 1
        for name, count in list(counts.items())[:PROFILE_ROWS]:
            print(f"{count:14d} {100 * count / total:5.1f} %  {name}", file=sys.stderr)


def main() -> int:
    args = parse()
    live_sound = args.audio == Path("-")
    board = Board(args.elf, audio=None if live_sound else args.audio, flash_dir=args.flash_dir, romfs=args.romfs)
    if args.profile:
        board.profile_start()
    ports = [Pty()] + ([Tcp(args.tcp)] if args.tcp is not None else [])
    # The first line is for programs: the name to connect to.
    for port in ports:
        print(port.name, flush=True)
    live = Live(board, ports, args.realtime, args.speed, Feed(board, sys.stdin.fileno()) if live_sound else None)
    asked = []
    # SIGTERM too, because a background job of a shell ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.append(True))
    try:
        live.run(lambda: bool(asked) or (args.seconds is not None and board.now_s >= args.seconds))
    except PowerCut as error:
        print(error, file=sys.stderr)
    except VBoardError as error:
        print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        if args.flash_dir is not None:
            board.save_nor()
        summary(board, args.profile)
        for port in ports:
            port.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
