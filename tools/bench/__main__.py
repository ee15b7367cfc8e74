"""Instructions and bytes of the core on a Cortex-M7 and a 64-bit Arm: python -m tools.bench (or make bench)

Prints the layers of MLPerf Tiny's DS-CNN beside what others need, streams beside windows, cycles as llvm-mca estimates them,
and the figures that are no longer the last accepted ones (tests/figures/bench.json); writes build/reports/bench.json. `--accept` makes the
new figures the accepted ones. One model of your own: python -m tools.bench.m7run MODEL.kws, python -m tools.bench.a64run MODEL.kws
"""

import argparse
import sys

from rich.console import Console

from tools import report
from tools.bench import tables
from tools.bench.figures import REPO_ROOT, all_rows
from tools.bench.m7run import compile_core

REPORT = REPO_ROOT / "build" / "reports" / "bench.json"
ACCEPTED = REPO_ROOT / "tests" / "figures" / "bench.json"
CHANGED = (
    "The others are in the table above: the code or the compiler has changed since they were accepted. A test fails when one is\n"
    f"more than 1 % worse. When the changes are meant: make bench ARGS=--accept, and commit {ACCEPTED.relative_to(REPO_ROOT)}."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--accept", action="store_true", help="these figures are the accepted ones from now on")
    args = parser.parse_args()
    elf = compile_core(REPO_ROOT / "build" / "bench" / "m7.elf")
    rows = all_rows(elf)
    console = Console()
    for table in (tables.layers, tables.frontend, tables.streams, tables.arm64):
        console.print(table(rows))
    console.print(tables.cycles(elf))
    accepted = {(row["name"], row["metric"]): row["value"] for row in report.load(ACCEPTED)}
    changed = [row for row in rows if row["value"] != accepted.get((row["name"], row["metric"]))]
    if changed:
        console.print(report.table(changed, ACCEPTED, label="name"))
    console.print(f"{len(rows) - len(changed)} of {len(rows)} figures are the accepted ones")
    report.write(rows, REPORT, keep=False)
    if args.accept:
        report.write(rows, ACCEPTED, keep=False)
    elif changed:
        console.print(CHANGED, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
