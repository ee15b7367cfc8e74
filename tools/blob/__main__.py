"""Prints blobs (show) or makes one with random weights (sample). `python -m tools.import_tflite` makes them from models."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tools.blob.reader import BlobError, read
from tools.blob.samples import SAMPLES

UNLIMITED = 1000  # columns: no table has so many, and nothing is padded to it


def show(args: argparse.Namespace) -> None:
    from tools.blob.show import show as print_blob

    for path in args.blob:
        try:
            info = read(path.read_bytes())
        except BlobError as error:
            raise BlobError(f"{path}: {error}") from error
        width = args.width or (None if sys.stdout.isatty() else UNLIMITED)
        print_blob(str(path), info, Console(width=width, highlight=False))


def sample(args: argparse.Namespace) -> None:
    args.output.write_bytes(SAMPLES[args.name]())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.blob", description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("show", help="print a blob's header, front end, layers, labels and meta; checks the CRC")
    one.add_argument("blob", type=Path, nargs="+")
    one.add_argument("--width", type=int, help="columns (the terminal's; as many as needed in a file or a pipe)")
    one.set_defaults(run=show)
    two = commands.add_parser("sample", help="a network with random weights, for tests and benches")
    two.add_argument("name", choices=SAMPLES)
    two.add_argument("output", type=Path)
    two.set_defaults(run=sample)
    args = parser.parse_args()
    try:
        args.run(args)
    except (BlobError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
