"""Runs MicroPython's own test suite over the serial port of a virtual board.

    python -m tests.micropython_port.upstream build/STM32F769I_DISCO/firmware.elf MICROPYTHON_DIR [DIR...]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from littlefs import LittleFS

from tools.vboard.periph.nor import SECTOR

HERE = Path(__file__).parent
REPO = HERE.parents[1]
DIRS = ["basics", "micropython", "float", "import", "io", "misc", "extmod", "stress", "inlineasm/thumb"]
FLASH_BLOCKS = 16320  # of the port's file system on the serial flash
LIST = HERE / "upstream_expected.txt"
# Two boards share the work; these take about equally long.
SHARES = [["basics", "float", "import", "io", "misc", "inlineasm/thumb"], ["extmod", "micropython", "stress"]]
# Leaves a changed data file behind where a file opened for reading can be written; runs last.
LAST = ["io/file1.py"]
RESULT = re.compile(r"^(pass|FAIL|skip)\s+(\S+\.py)", re.MULTILINE)


def expected_failures() -> dict[str, str]:
    """Test -> reason, from upstream_expected.txt."""
    rows = [line.split(None, 1) for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, reason in rows}


def prepare_flash(suite: Path, folder: Path) -> None:
    """A file system with what the tests of import and io expect beside them, and a unittest module."""
    fs = LittleFS(block_size=SECTOR, block_count=FLASH_BLOCKS)
    files = [(p, p.relative_to(suite / "import")) for p in sorted((suite / "import").rglob("*.py"))]
    files += [(p, Path("data") / p.name) for p in sorted((suite / "io" / "data").iterdir())]
    files.append((HERE / "unittest.py", Path("lib") / "unittest.py"))
    for source, target in files:
        if target.parent != Path():
            fs.makedirs(str(target.parent), exist_ok=True)
        with fs.open(str(target), "wb") as f:
            f.write(source.read_bytes())
    image = memoryview(fs.context.buffer)
    folder.mkdir(parents=True)
    for at in range(0, len(image), SECTOR):
        sector = bytes(image[at : at + SECTOR])
        if sector.strip(b"\xff"):
            (folder / f"nor_{at:08x}.bin").write_bytes(sector)


def tests_in(suite: Path, dirs: list[str]) -> list[str]:
    """The tests of some directories, in the order in which run-tests.py takes them, but for LAST."""
    names = [str(p.relative_to(suite)) for d in dirs for p in sorted((suite / d).glob("*.py"))]
    return sorted(names, key=lambda name: name in LAST)


def run_share(elf: Path, suite: Path, work: Path, name: str, arguments: list[str]) -> dict[str, str]:
    """Test -> pass, FAIL or skip, of one board. `arguments` go to run-tests.py."""
    results = work / f"results_{name}"
    results.mkdir(parents=True, exist_ok=True)
    flash = work / f"flash_{name}"
    shutil.rmtree(flash, ignore_errors=True)
    shutil.copytree(work / "flash", flash)
    command = [sys.executable, "-m", "tools.vboard", str(elf), "--flash-dir", str(flash), "--speed", "8"]
    log = work / f"vboard_{name}.log"
    with log.open("w") as errors:
        board = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        port = board.stdout.readline().strip()
        tests = [sys.executable, "run-tests.py", "-t", f"port:{port}", "-r", str(results), *arguments]
        done = subprocess.run(tests, cwd=suite, capture_output=True, text=True, check=False)
    finally:
        board.terminate()
        board.wait(timeout=300)
    (work / f"run_{name}.log").write_text(done.stdout + done.stderr)
    return {test: result for result, test in RESULT.findall(done.stdout)}


def run(elf: Path, micropython: Path, work: Path, shares: list[list[str]] = SHARES) -> dict[str, str]:
    """All results. What fails unexpectedly is run once more, alone and on a fresh file system: some tests
    compare times with the host's CPython, whose output depends on how busy this machine is, and some leave
    changed files behind for the next.
    """
    suite = micropython / "tests"
    shutil.rmtree(work, ignore_errors=True)
    prepare_flash(suite, work / "flash")
    with ThreadPoolExecutor(len(shares)) as pool:
        jobs = [pool.submit(run_share, elf, suite, work, f"{i}", tests_in(suite, dirs)) for i, dirs in enumerate(shares)]
        results = {test: result for job in jobs for test, result in job.result().items()}
    for test in sorted(t for t, r in results.items() if r == "FAIL" and t not in expected_failures()):
        results.update(run_share(elf, suite, work, "again_" + test.replace("/", "_"), [test]))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elf", type=Path)
    parser.add_argument("micropython", type=Path, help="MicroPython's sources")
    parser.add_argument("dirs", nargs="*", help="directories of its tests; all that the port is tested with by default")
    parser.add_argument("--work", type=Path, default=Path("build/upstream"), help="folder for logs and results")
    args = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    shares = [args.dirs] if args.dirs else SHARES
    results = run(args.elf.resolve(), args.micropython.resolve(), args.work.resolve(), shares)
    known = expected_failures()
    counts = {kind: sum(r == kind for r in results.values()) for kind in ("pass", "FAIL", "skip")}
    print(f"{counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    for test, result in sorted(results.items()):
        if result == "FAIL":
            print(f"FAIL {test}  {known.get(test, 'UNEXPECTED')}")
    return int(any(r == "FAIL" and t not in known for t, r in results.items()))


if __name__ == "__main__":
    sys.exit(main())
