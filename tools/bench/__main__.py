"""Instructions and bytes of the released models on a Cortex-M7: python -m tools.bench (or make bench)

Prints each figure beside the last accepted one (tests/figures/bench.json) and writes build/reports/bench.json. `--accept` makes the new
figures the accepted ones. Instructions a function: python -m tools.bench.m7run MODEL --symbols
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tools import report
from tools.bench.m7run import REPO_ROOT, M7Bench, measure, measure_frame

REPORT = REPO_ROOT / "build" / "reports" / "bench.json"
ACCEPTED = REPO_ROOT / "tests" / "figures" / "bench.json"
HOW = "make bench: instructions retired in Unicorn's Cortex-M7, gcc -O3"


def figures(model: Path, bench: M7Bench) -> list[dict]:
    """Report rows of one blob: m7/<model>/<layer>, .../window (all layers), .../frame (front end), and its bytes."""
    blob, prefix = model.read_bytes(), f"m7/{model.stem}"
    counts = {f"{prefix}/{name.replace('total', 'window').replace(' ', '_')}": count for name, count, _ in measure(blob, bench)}
    info = bench.open(blob)
    if info.frontend:
        counts[f"{prefix}/frame"] = measure_frame(bench)
    rows = [{"name": name, "metric": "instructions", "value": value, "unit": "instructions", "how": HOW} for name, value in counts.items()]
    sizes = {"blob": len(blob), "arena": info.arena_bytes}
    return rows + [{"name": f"{prefix}/{name}", "metric": "bytes", "value": value, "unit": "bytes", "how": HOW} for name, value in sizes.items()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*", default=sorted((REPO_ROOT / "py_app" / "models").glob("*.kws")), metavar="MODEL")
    parser.add_argument("--accept", action="store_true", help="these figures are the accepted ones from now on")
    args = parser.parse_args()
    bench = M7Bench()
    rows = [row for model in args.models for row in figures(model, bench)]
    Console().print(report.table(rows, ACCEPTED, label="name"))
    report.write(rows, REPORT)
    if args.accept:
        report.write(rows, ACCEPTED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
