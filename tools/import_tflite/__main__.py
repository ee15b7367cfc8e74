"""Imports an int8-quantised TensorFlow Lite model into a .kws blob that computes the same bytes.

Without a front end the blob can be run (model.run), but not fed with sound. Nothing is written when the model cannot be imported.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tools.import_tflite import TfliteError, import_model
from tools.import_tflite.flatbuffer import MAX_FILE_BYTES
from tools.import_tflite.frontend import from_blob, parse
from tools.import_tflite.show import show


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.import_tflite", description=__doc__)
    parser.add_argument("model", type=Path, help="a .tflite file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the blob")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--labels", metavar="A,B,C", help="the classes' names")
    labels.add_argument("--labels-file", type=Path, help="the same, one a line")
    frontend = parser.add_mutually_exclusive_group()
    frontend.add_argument("--frontend", metavar="KEY=VALUE,...", help='tools.blob.frontend.FrontendConfig\'s fields, and mean and std of the '
                          'features (numbers, or lists with "/" between); or a JSON file of them, or "default"')  # fmt: skip
    frontend.add_argument("--frontend-from", type=Path, metavar="BLOB", help="the front end of another blob, with its normalisation")
    parser.add_argument("--decision-hop", type=int, metavar="N", help="scores every N frames (default: the rows of the input for a model with "
                        "state, else 1)")  # fmt: skip
    parser.add_argument("--stream", choices=("auto", "off"), default="auto", help="off: sliding window only")
    parser.add_argument("--meta", action="append", default=[], metavar="KEY=VALUE", help="a note kept in the blob; may be repeated")
    return parser


def _labels(args: argparse.Namespace) -> list[str]:
    if args.labels_file:
        return [line.strip() for line in args.labels_file.read_text().splitlines() if line.strip()]
    return args.labels.split(",") if args.labels else []


def _meta(args: argparse.Namespace, data: bytes) -> dict[str, str]:
    meta = {"source": args.model.name, "source_sha256": hashlib.sha256(data).hexdigest()}
    for pair in args.meta:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ValueError(f"--meta {pair}: KEY=VALUE is expected")
        meta[key] = value
    return meta


def _write(path: Path, data: bytes) -> None:
    """The whole file or none, whatever happens meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def run(args: argparse.Namespace) -> None:
    if args.model.stat().st_size > MAX_FILE_BYTES:
        raise TfliteError(f"the file has {args.model.stat().st_size} bytes; models of up to {MAX_FILE_BYTES} bytes are imported")
    data = args.model.read_bytes()
    frontend = from_blob(args.frontend_from) if args.frontend_from else parse(args.frontend) if args.frontend else None
    report = import_model(data, frontend=frontend, labels=_labels(args), decision_hop_frames=args.decision_hop, meta=_meta(args, data),
                          stream=args.stream)  # fmt: skip
    _write(args.output, report.blob)
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
