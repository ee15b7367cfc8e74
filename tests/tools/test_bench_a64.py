"""The instruction counter of the benches on 64-bit Arm counts right."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.bench import a64run

PROGRAM = """
.global _start
_start: mov x8, #5000
        svc #0
        mov x0, #{rounds}
loop:   add v0.4s, v0.4s, v0.4s
        subs x0, x0, #1
        b.ne loop
        mov x8, #5001
        svc #0
        mov x0, #0
        mov x8, #93
        svc #0
"""


@pytest.mark.parametrize("rounds", [1, 1000, 60000])
def test_counts_every_instruction(rounds: int, tmp_path: Path) -> None:
    """When this fails, the table of `make bench` for 64-bit Arm says something else than what the processor does."""
    for name in ("aarch64-linux-gnu-gcc", "qemu-aarch64"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    source, program = tmp_path / "loop.s", tmp_path / "loop"
    source.write_text(PROGRAM.format(rounds=rounds))
    subprocess.run(["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-o", program, source], check=True)
    command = ["qemu-aarch64", "-plugin", f"file={a64run.counter()}", str(program)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    (first, before), (second, after) = (map(int, line.split()) for line in lines)
    assert (first, second) == (0, 1)
    assert after - before == 1 + 3 * rounds + 2  # from behind the first svc to the second, which counts
