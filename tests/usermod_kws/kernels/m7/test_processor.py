"""What a Cortex-M7 and the C around a kernel insist on, and Unicorn lets pass."""

import numpy as np
import pytest
import unicorn
from cases import dense
from direct import Case
from draw import KERNELS, all_cases, random_case
from on_m7 import BUFFERS, Kernels, ordinary, seeded
from unicorn import arm_const as arm

from tools.bench.m7machine import STACK

CORE = [getattr(arm, f"UC_ARM_REG_R{i}") for i in range(4, 12)]
FLOAT = [getattr(arm, f"UC_ARM_REG_S{i}") for i in range(16, 32)]
ANY = [getattr(arm, f"UC_ARM_REG_R{i}") for i in range(13)] + [arm.UC_ARM_REG_SP, arm.UC_ARM_REG_LR]


def base_of_words(half: int) -> int | None:
    """The base register of an instruction that needs it to be a multiple of 4, of its first 16 bits; else None."""
    if half >> 12 == 0b1100:  # LDM, STM
        return half >> 8 & 7
    dual = half & 0xFE40 == 0xE840 and half & 0x0120 != 0  # LDRD, STRD
    if half & 0xFE40 == 0xE800 or dual or half >> 9 == 0b1110110:  # LDM, STM; VLDM, VSTM, VLDR, VSTR, VMOV of two
        return half & 15 if half & 0xFFE0 != 0xEC40 and half & 15 != 15 else None
    return None


class Strict(Kernels):
    """Counts the instructions that had an aligned base; `call` fails when one had none, or a register is not given back."""

    def __init__(self) -> None:
        super().__init__()
        self.aligned, self.unaligned = 0, set[str]()
        self._bases: dict[int, int | None] = {}
        self._uc.hook_add(unicorn.UC_HOOK_CODE, self._step)

    def _step(self, uc: unicorn.Uc, address: int, _size: int, _data: object) -> None:
        if address not in self._bases:
            self._bases[address] = base_of_words(int.from_bytes(self.read(address, 2), "little"))
        base = self._bases[address]
        if base is not None:
            self.aligned += 1
            if uc.reg_read(ANY[base]) % 4:
                self.unaligned.add(hex(address))

    def call(self, name: str, *args: int) -> int:
        rng = np.random.default_rng(len(args))
        before = {register: int(rng.integers(1, 1 << 30)) for register in (*CORE, *FLOAT)}
        for register, value in before.items():
            self._uc.reg_write(register, value)
        result = super().call(name, *args)
        assert not self.unaligned, f"{name}: a usage fault at {self.unaligned}"
        assert self._uc.reg_read(arm.UC_ARM_REG_SP) == STACK
        assert {register: self._uc.reg_read(register) for register in before} == before, f"{name} loses registers of its caller"
        return result


@pytest.fixture(scope="module")
def strict() -> Strict:
    return Strict()


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k not in ("prelu", "softmax", "copy")])
def test_words_are_aligned_and_registers_kept(strict: Strict, kernel: str) -> None:
    """Else the board stops with a usage fault, or the code behind a kernel goes on with wrong values, once compiled otherwise."""
    rng, cases = seeded(51), list[Case]()
    for _ in range(40):
        case = random_case(kernel, rng)
        cases += [case, ordinary(case)] if hasattr(case.params, "out_min") else [case]
    for case in cases:
        strict.check(case)


def test_the_test_sees_an_unaligned_word() -> None:
    """Unicorn stores two words at an odd address as if nothing were wrong."""
    machine = Strict()
    machine.call("m7_widen_words", BUFFERS, 12, BUFFERS + 256, 4)
    assert machine.aligned >= 4
    with pytest.raises(AssertionError, match="usage fault"):
        machine.call("m7_widen_words", BUFFERS + 2, 12, BUFFERS + 256, 4)


STACK_BYTES = 1536  # of a kernel and all that it calls; the port's STACK_MARGIN_BYTES counts on it


class Deep(Kernels):
    """Knows how deep in the stack a call wrote."""

    deepest = 0

    def call(self, name: str, *args: int) -> int:
        unwritten = b"\xa7" * 4096
        self.write(STACK - len(unwritten), unwritten)
        result = super().call(name, *args)
        below = self.read(STACK - len(unwritten), len(unwritten))
        self.deepest = max(self.deepest, len(below.lstrip(b"\xa7")))
        return result


def test_no_kernel_needs_more_stack_than_the_port_leaves() -> None:
    """Else a feed at Python's recursion limit runs off the stack, and the board resets."""
    machine, used = Deep(), {}
    for kernel in (k for k in KERNELS if k not in ("prelu", "softmax", "copy")):
        machine.deepest = 0
        for case in all_cases(kernel, seed=52, count=40):
            machine.run(case)
            if hasattr(case.params, "out_min"):
                machine.run(ordinary(case))
        if kernel == "fully_connected":
            machine.run(dense(seeded(1), 1, 1024, 12))
        used[kernel] = machine.deepest
    assert 1024 < used["fully_connected"]
    assert max(used.values()) <= STACK_BYTES, used
