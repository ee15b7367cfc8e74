"""A million mutated blobs through the C reader, and through the network where it accepts them."""

import os
import subprocess
import sys
from pathlib import Path

RUNS = int(os.environ.get("HARK_FUZZ_RUNS", "1000000"))


def test_no_blob_harms_the_reader(repo_root: Path) -> None:
    """A damaged or hostile model file must not crash the device; address and undefined-behaviour checks are on."""
    build = repo_root / "build" / "host"
    make = ["make", "-s", "-C", str(repo_root / "usermod_kws"), f"BUILD={build}", f"PYTHON={sys.executable}", "fuzz", "N=1"]
    subprocess.run(make, check=True, capture_output=True)
    command = [build / "sanitised" / "fuzz_blob", str(RUNS // 2)]
    seeds = [build / "seeds" / f"{name}.kws" for name in ("every_op", "tiny_stream", "tiny_sequence")]
    # Two halves side by side.
    halves = [subprocess.Popen([*command, str(first), *seeds], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for first in (0, RUNS // 2)]
    seen = 0
    for half in halves:
        output, errors = half.communicate()
        assert half.returncode == 0, errors[-3000:]
        verdicts = {what.strip(): int(count) for what, count in (line.rsplit(maxsplit=1) for line in output.splitlines())}
        seen += sum(verdicts.values())
        assert verdicts["no error"] > RUNS // 200, "too few mutants reach the network for the test to mean much"
        assert len(verdicts) >= 10
    assert seen == RUNS // 2 * 2
