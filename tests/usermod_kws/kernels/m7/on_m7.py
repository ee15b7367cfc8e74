"""Runs a `Case` (../direct.py) with the Cortex-M7's kernels in Unicorn."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from direct import Case, check

from tools.bench.m7machine import MEGABYTE, RAM, REPO_ROOT, Machine, compile_m7, sources

GUARD, POISON = 64, 0x5A
PARAMS = RAM + 0x1_0000
BUFFERS = RAM + 0x1_1000
# The input ends where memory ends, so that a read behind it stops the run.
INPUT_END = 0x2010_0000 + MEGABYTE


class Kernels(Machine):
    """The kernels alone, compiled with `extra`. After `run`, `counts` and `instructions` are of the kernel called."""

    def __init__(self, elf: str = "m7-kernels.elf", extra: Iterable[str] = ()) -> None:
        super().__init__(compile_m7(REPO_ROOT / "build" / "tests" / elf, sources("m7", ["kernels"]), extra=extra))
        self._uc.mem_map(INPUT_END - MEGABYTE, MEGABYTE)

    def run(self, case: Case, name: str = "") -> dict[str, bytes]:
        """Calls `name` (the case's m7 kernel unless given) with guards around every buffer; the contents of case.results."""
        addresses, at = {"params": PARAMS}, BUFFERS
        for buffer_name, buffer in case.buffers.items():
            size = buffer.data.size
            if buffer_name == "in0" and "in0" not in case.results:
                addresses["in0"] = INPUT_END - size - (0 if buffer.offset < 4 else 16 - (size + buffer.offset) % 16)
            else:
                addresses[buffer_name] = (at + GUARD + 15) // 16 * 16 + buffer.offset
                at = addresses[buffer_name] + size + GUARD
            self.write(addresses[buffer_name] - GUARD, bytes([POISON]) * GUARD)
            self.write(addresses[buffer_name], buffer.data.tobytes())
            if addresses[buffer_name] + size < INPUT_END - GUARD:
                self.write(addresses[buffer_name] + size, bytes([POISON]) * GUARD)
        self.write(PARAMS, case.params_bytes(addresses, 4))
        self.call(name or f"kws_{case.kernel}_m7", *(addresses[a] if isinstance(a, str) else a for a in case.arguments))
        for buffer_name, buffer in case.buffers.items():
            size, address = buffer.data.size, addresses[buffer_name]
            assert self.read(address - GUARD, GUARD) == bytes([POISON]) * GUARD, f"writes before {buffer_name}: {case}"
            if address + size < INPUT_END - GUARD:
                assert self.read(address + size, GUARD) == bytes([POISON]) * GUARD, f"writes behind {buffer_name}: {case}"
            if buffer_name not in (*case.results, "scratch"):
                assert self.read(address, size) == buffer.data.tobytes(), f"changes {buffer_name}: {case}"
        return {n: self.read(addresses[n], case.buffers[n].data.size) for n in case.results}

    def check(self, case: Case) -> None:
        """Fails unless the kernel gives the reference's bytes."""
        check(case, self.run(case))


@cache
def kernels() -> Kernels:
    return Kernels()


def ordinary(case: Case) -> Case:
    """The same with the whole output range, as a network's layer mostly has it."""
    assert case.params is not None
    values = {**case.params.__dict__, "out_min": -128, "out_max": 127}
    return Case(case.kernel, type(case.params)(**values), case.buffers, case.arguments, case.results)


def seeded(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
