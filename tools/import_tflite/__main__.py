"""Imports an int8-quantised TensorFlow Lite model into a .kws blob that computes the same bytes.

Without a front end the blob can be run (model.run), but not fed with sound. Nothing is written when the model cannot be imported.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from rich.console import Console

from tools.import_tflite import TfliteError, import_model, labels
from tools.import_tflite.files import check_output, read_model, write
from tools.import_tflite.frontend import from_blob, parse
from tools.import_tflite.show import show

MAX_HOP = 0xFFFF  # of a blob's header


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.import_tflite", description=__doc__)
    parser.add_argument("model", type=Path, help="a .tflite file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the blob")
    classes = parser.add_mutually_exclusive_group()
    classes.add_argument("--labels", metavar="A,B,C", help="the classes' names")
    classes.add_argument("--labels-file", type=Path, help="the same, one a line")
    frontend = parser.add_mutually_exclusive_group()
    frontend.add_argument("--frontend", metavar="KEY=VALUE,...", help='tools.blob.frontend.FrontendConfig\'s fields, and mean and std of the '
                          'features (numbers, or lists with "/" between); or a JSON file of them, or "default"')  # fmt: skip
    frontend.add_argument("--frontend-from", type=Path, metavar="BLOB", help="the front end of another blob, and the mean and std of its features")
    parser.add_argument("--decision-hop", type=int, metavar="N", help="scores every N frames (default: the rows of the input for a model with "
                        "state, else 1)")  # fmt: skip
    parser.add_argument("--stream", choices=("auto", "off"), default="auto", help="off: sliding window only")
    parser.add_argument("--meta", action="append", default=[], metavar="KEY=VALUE", help="a note kept in the blob; may be repeated")
    return parser


def _check_options(args: argparse.Namespace) -> None:
    """What can be told before the model is read."""
    hop = args.decision_hop
    if hop is not None and not 1 <= hop <= MAX_HOP:
        raise ValueError(f"--decision-hop {hop}: 1 to {MAX_HOP} frames")
    if hop is not None and args.frontend is None and args.frontend_from is None:
        raise ValueError(f"--decision-hop {hop}: a network without a front end has no frames (--frontend, --frontend-from)")
    check_output(args.output, args.model, *(path for path in (args.labels_file, args.frontend and Path(args.frontend)) if path))


def _labels(args: argparse.Namespace) -> list[str]:
    if args.labels_file:
        return labels.from_file(args.labels_file)
    return labels.from_text(args.labels) if args.labels is not None else []


def _meta(args: argparse.Namespace, data: bytes) -> dict[str, str]:
    meta = {"source": args.model.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    for pair in args.meta:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ValueError(f"--meta {pair}: KEY=VALUE is expected")
        meta[key] = value
    return meta


def run(args: argparse.Namespace) -> None:
    _check_options(args)
    names = _labels(args)
    frontend = from_blob(args.frontend_from) if args.frontend_from else None if args.frontend is None else parse(args.frontend)
    data = read_model(args.model)
    report = import_model(data, frontend=frontend, labels=names, decision_hop_frames=args.decision_hop, meta=_meta(args, data),
                          stream=args.stream)  # fmt: skip
    write(args.output, report.blob)
    show(str(args.output), report, Console(highlight=False))


def main() -> int:
    args = _arguments().parse_args()
    try:
        run(args)
    except (ValueError, OSError) as error:
        what = f"{args.model}: " if isinstance(error, TfliteError) else ""
        print(f"error: {what}{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
