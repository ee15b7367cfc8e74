"""Double-precision instructions, which Unicorn's Cortex-M7 lacks and the STM32F769's has.

They arrive as undefined instructions and are carried out here, one by one: slow, exact, and rare in firmware
that computes in single precision. Rounding is to nearest; flags for inexact and such are not set.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from .cpu import Cpu

NAN = 0x7FF8_0000_0000_0000
FLAG_N, FLAG_Z, FLAG_C, FLAG_V = 8, 4, 2, 1


def to_float(value: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", value))[0]


def to_bits(value: float) -> int:
    return NAN if math.isnan(value) else struct.unpack("<Q", struct.pack("<d", value))[0]


def single_to_float(value: int) -> float:
    return struct.unpack("<f", struct.pack("<I", value))[0]


def float_to_single(value: float) -> int:
    try:
        return struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        return 0xFF80_0000 if value < 0 else 0x7F80_0000


def divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, math.copysign(1, a) * math.copysign(1, b))


def multiply_add(a: float, b: float, c: float) -> float:
    """a * b + c with one rounding."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


def round_half_even(x: float) -> float:
    return float(round(x)) if math.isfinite(x) else x


def round_half_away(x: float) -> float:
    return math.copysign(math.floor(abs(x) + 0.5), x) if math.isfinite(x) else x


def keep_special(function):
    return lambda x: math.copysign(float(function(x)), x) if math.isfinite(x) else x


ROUNDINGS = {0: round_half_away, 1: round_half_even, 2: keep_special(math.ceil), 3: keep_special(math.floor)}


def to_integer(x: float, signed: bool) -> int:
    low, high = (-(1 << 31), (1 << 31) - 1) if signed else (0, (1 << 32) - 1)
    if math.isnan(x):
        return 0
    return int(min(max(x, low), high)) & 0xFFFF_FFFF


class Doubles:
    def __init__(self, cpu: Cpu) -> None:
        self._cpu = cpu

    def emulate(self, pc: int) -> bool:
        """Carry out the instruction at pc when it is one of these, and step over it."""
        code = self._cpu.code(pc, 4)
        op = int.from_bytes(code[:2], "little") << 16 | int.from_bytes(code[2:], "little")
        top, coprocessor = op >> 24, op >> 8 & 15
        convert = op & 0x0FBF_0ED0 == 0x0EB7_0AC0  # between single and double: the only one with coprocessor 10
        if top not in (0xEE, 0xFE) or op >> 4 & 1 or not (coprocessor == 11 or convert):
            return False
        if not (self._unconditional(op) if top == 0xFE else self._conditional(op)):
            return False
        self._cpu.state.instructions += 1
        xpsr = self._cpu.get("XPSR")
        it = xpsr >> 8 & 0xFC | xpsr >> 25 & 3
        if it:  # the next instruction of an IT block
            it = it & 0xE0 | it << 1 & 0x1F if it & 7 else 0
            self._cpu.set("XPSR", xpsr & ~0x0600_FC00 | (it & 0xFC) << 8 | (it & 3) << 25)
        self._cpu.set("PC", pc + 4 | 1)
        return True

    # ---- registers

    def _d(self, n: int) -> float:
        return to_float(self._bits(n))

    def _bits(self, n: int) -> int:
        return self._cpu.get(f"S{2 * n}") | self._cpu.get(f"S{2 * n + 1}") << 32

    def _put(self, n: int, value: float) -> None:
        self._put_bits(n, to_bits(value))

    def _put_bits(self, n: int, value: int) -> None:
        self._cpu.set(f"S{2 * n}", value & 0xFFFF_FFFF)
        self._cpu.set(f"S{2 * n + 1}", value >> 32)

    # ---- instructions

    def _conditional(self, op: int) -> bool:
        d, n, m = (op >> 18 & 16 | op >> 12 & 15), (op >> 3 & 16 | op >> 16 & 15), (op >> 1 & 16 | op & 15)
        kind, s = op >> 21 & 4 | op >> 20 & 3, op >> 6 & 1
        if kind == 7:
            return self._other(op, d, m, s)
        a, b = self._d(n), self._d(m)
        sign = -1.0 if s else 1.0
        if kind == 0:
            result = self._d(d) + (sign * a) * b
        elif kind == 1:  # VNMLS, VNMLA
            result = (-a if s else a) * b - self._d(d)
        elif kind == 2:
            result = sign * (a * b)
        elif kind == 3:
            result = a - b if s else a + b
        elif kind == 4:
            result = divide(a, b)
        elif kind == 5:  # VFNMS, VFNMA
            result = multiply_add(-a if s else a, b, -self._d(d))
        else:
            result = multiply_add(-a if s else a, b, self._d(d))
        self._put(d, result)
        return True

    def _other(self, op: int, d: int, m: int, s: int) -> bool:
        opc2, opc3 = op >> 16 & 15, op >> 7 & 1
        single_d, single_m = op >> 11 & 30 | op >> 22 & 1, op << 1 & 30 | op >> 5 & 1
        if not s:  # VMOV immediate
            imm = op >> 12 & 0xF0 | op & 15
            exponent = 0x3FC if imm & 0x40 else 0x400
            bits = (imm >> 7) << 63 | (exponent | imm >> 4 & 3) << 52 | (imm & 15) << 48
            self._put_bits(d, bits)
        elif opc2 == 0:
            self._put_bits(d, self._bits(m) & ~(1 << 63) if opc3 else self._bits(m))
        elif opc2 == 1:
            if opc3:
                x = self._d(m)
                self._put(d, math.sqrt(x) if x >= 0 else math.nan)
            else:
                self._put_bits(d, self._bits(m) ^ 1 << 63)
        elif opc2 in (4, 5):
            self._compare(self._d(d), 0.0 if opc2 == 5 else self._d(m))
        elif opc2 == 6:
            self._put(d, keep_special(math.trunc)(self._d(m)) if opc3 else round_half_even(self._d(m)))
        elif opc2 == 7 and not opc3:
            self._put(d, round_half_even(self._d(m)))
        elif opc2 == 7 and op >> 8 & 1:
            self._cpu.set(f"S{single_d}", float_to_single(self._d(m)))
        elif opc2 == 7:
            self._put(d, single_to_float(self._cpu.get(f"S{single_m}")))
        elif opc2 == 8:
            value = self._cpu.get(f"S{single_m}")
            self._put(d, float(value - (value >> 31 << 32) if opc3 else value))
        elif opc2 in (12, 13):
            x = self._d(m) if opc3 else round_half_even(self._d(m))
            self._cpu.set(f"S{single_d}", to_integer(x, opc2 == 13))
        else:
            return False
        return True

    def _compare(self, a: float, b: float) -> None:
        if math.isnan(a) or math.isnan(b):
            flags = FLAG_C | FLAG_V
        elif a == b:
            flags = FLAG_Z | FLAG_C
        else:
            flags = FLAG_N if a < b else FLAG_C
        self._cpu.set("FPSCR", self._cpu.get("FPSCR") & 0x0FFF_FFFF | flags << 28)

    def _unconditional(self, op: int) -> bool:
        d, n, m = (op >> 18 & 16 | op >> 12 & 15), (op >> 3 & 16 | op >> 16 & 15), (op >> 1 & 16 | op & 15)
        if not op >> 23 & 1:  # VSEL
            flags = self._cpu.get("XPSR") >> 28
            n_flag, z, v = bool(flags & FLAG_N), bool(flags & FLAG_Z), bool(flags & FLAG_V)
            take = (z, v, n_flag == v, not z and n_flag == v)[op >> 20 & 3]
            self._put_bits(d, self._bits(n if take else m))
            return True
        if op >> 20 & 3 == 0:  # VMAXNM, VMINNM
            a, b = self._d(n), self._d(m)
            pick = min if op >> 6 & 1 else max
            self._put(d, b if math.isnan(a) else a if math.isnan(b) else pick(a, b))
            return True
        rounding = ROUNDINGS[op >> 16 & 3]
        if op >> 18 & 3 == 2:  # VRINTA, N, P, M
            self._put(d, rounding(self._d(m)))
            return True
        if op >> 18 & 3 == 3:  # VCVTA, N, P, M
            self._cpu.set(f"S{op >> 11 & 30 | op >> 22 & 1}", to_integer(rounding(self._d(m)), bool(op >> 7 & 1)))
            return True
        return False
