"""Kernel calls (direct.py) on 64-bit Arm: a static program that qemu-aarch64 runs, each buffer in pages of its own.

`run(cases, variant, cpu)` makes the calls twice: with every buffer at its offset within poisoned pages, and with every
buffer right before a page that is not there, where reading a byte too many ends the program. It fails unless results are the
reference's and nothing else has changed.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from direct import POISON, REPO, Buffer, Case, check
from draw import KERNELS

PAGE, MAX_ARGUMENTS, MAX_REGIONS = 4096, 6, 8
FIRST_ADDRESS = 0x5_0000_0000
CORE = REPO / "usermod_kws"
Image = tuple[int, np.ndarray]  # address of the first page, contents


@cache
def program() -> Path:
    """The program with the kernels of all variants, compiled when a source is newer."""
    for name in ("aarch64-linux-gnu-gcc", "qemu-aarch64"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    sources = [
        *(p for p in CORE.glob("kernels/*.c") if p.name != "table.c"),
        *CORE.glob("kernels/a64/*.c"),
        Path(__file__).with_name("kernel_calls.c"),
    ]
    output = REPO / "build" / "tests" / "a64_kernel_calls"
    newest = max(p.stat().st_mtime for p in [*sources, *CORE.glob("**/*.h")])
    if not output.exists() or output.stat().st_mtime < newest:
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary = output.with_suffix(f".{os.getpid()}")
        flags = ["-std=c99", "-O3", "-Wall", "-Wextra", "-Werror", "-static", f"-I{CORE}"]
        subprocess.run(["aarch64-linux-gnu-gcc", *flags, "-o", temporary, *sources], check=True)
        temporary.replace(output)
    return output


def _image(buffer: Buffer, address: int, tight: bool) -> tuple[int, Image]:
    """Address of the buffer, and the pages that hold it: at its offset, or at their end."""
    size = buffer.data.size
    start = -size % PAGE if tight else 64 + buffer.offset
    pages = np.full(-(-(start + size) // PAGE) * PAGE, POISON, np.uint8)
    pages[start : start + size] = buffer.data
    return address + start, (address, pages)


class Placed:
    """A call with its buffers in pages, and the message that has kernel_calls.c make it."""

    def __init__(self, case: Case, tight: bool) -> None:
        self.case = case
        self.addresses: dict[str, int] = {}
        self.images: dict[str, Image] = {}
        at = FIRST_ADDRESS
        for name, buffer in case.buffers.items():
            self.addresses[name], self.images[name] = _image(buffer, at, tight)
            at += self.images[name][1].size + PAGE
        if case.params:
            params = Buffer.of(np.frombuffer(case.params_bytes(self.addresses, 8), np.uint8))
            self.addresses["params"], self.images["params"] = _image(params, at, False)
        arguments = [self.addresses[a] if isinstance(a, str) else a for a in case.arguments]
        regions = [v for address, pages in self.images.values() for v in (address, pages.size)]
        header = struct.pack(
            f"<{2 + MAX_ARGUMENTS + 2 * MAX_REGIONS}Q",
            KERNELS.index(case.kernel), *arguments, *[0] * (MAX_ARGUMENTS - len(arguments)),
            len(self.images), *regions, *[0] * (2 * MAX_REGIONS - len(regions)),
        )  # fmt: skip
        self.message = header + b"".join(pages.tobytes() for _, pages in self.images.values())

    def check(self, answer: bytes, start: int) -> int:
        """Compares the answer that starts there; where the next one starts."""
        actual = {}
        for name, (address, before) in self.images.items():
            after = np.frombuffer(answer, np.uint8, before.size, start)
            start += before.size
            inside = slice(self.addresses[name] - address, None)
            if name in self.case.results or name == "scratch":
                inside = slice(inside.start, inside.start + self.case.buffers[name].data.size)
                actual[name] = after[inside].tobytes()
                after, before = after.copy(), before.copy()
                after[inside] = before[inside] = 0
            assert np.array_equal(after, before), f"changes bytes outside of its results, near {name}: {self.case}"
        check(self.case, actual)
        return start


def run(cases: Sequence[Case], variant: str, cpu: str = "max") -> None:
    """Fails unless all calls of `variant` ("neon", "sdot") give the reference's bytes and touch nothing else."""
    for tight in (False, True):
        placed = [Placed(case, tight) for case in cases]
        command = ["qemu-aarch64", "-cpu", cpu, str(program()), variant]
        done = subprocess.run(command, input=b"".join(p.message for p in placed), check=False, capture_output=True)
        answer, at = done.stdout, 16
        assert answer[:16].rstrip(b"\0").decode() == variant
        for p in placed:
            whole = at + sum(pages.size for _, pages in p.images.values()) <= len(answer)
            assert whole, f"ends with {done.returncode} {done.stderr.decode()}: {p.case}"
            at = p.check(answer, at)
        assert done.returncode == 0
        assert at == len(answer)


def chosen(cpu: str) -> str:
    """Name of the table that kws_kernels() gives on this processor of qemu's."""
    done = subprocess.run(["qemu-aarch64", "-cpu", cpu, str(program())], input=b"", check=True, capture_output=True)
    return done.stdout[:16].rstrip(b"\0").decode()
