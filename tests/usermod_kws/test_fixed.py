"""The rounding and saturation rules of fixed.h against Python's unbounded integers."""

import ctypes
import subprocess
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

RULES = {
    "fx_sat8": ("int8_t", ("int32_t",)),
    "fx_sat16": ("int16_t", ("int32_t",)),
    "fx_dot2_hi": ("int32_t", ("int32_t",) * 4),
    "fx_norm2_hi": ("uint32_t", ("int32_t",) * 2),
    "fx_shl": ("int32_t", ("int32_t", "unsigned")),
    "fx_magnitude_bits": ("uint32_t", ("int32_t",)),
    "fx_clz32": ("unsigned", ("uint32_t",)),
    "fx_shr_round64": ("int64_t", ("int64_t", "unsigned")),
    "fx_shr_round32": ("int32_t", ("int32_t", "unsigned")),
    "fx_add_wrap": ("int32_t", ("int32_t",) * 2),
    "fx_mul_q31": ("int32_t", ("int32_t",) * 2),
    "fx_div_pot": ("int32_t", ("int32_t",) * 2),
    "fx_div_round": ("int32_t", ("int32_t",) * 2),
    "fx_requantise": ("int32_t", ("int32_t",) * 3),
    "fx_requantise_wide": ("int32_t", ("int32_t",) * 3),
    "fx_requantise_once": ("int32_t", ("int32_t",) * 3),
}
CTYPES = {"unsigned": ctypes.c_uint, **{f"{u}int{n}_t": getattr(ctypes, f"c_{u}int{n}") for u in ("", "u") for n in (8, 16, 32, 64)}}

word = st.integers(-(1 << 31), (1 << 31) - 1) | st.sampled_from([0, 1, -1, (1 << 31) - 1, -(1 << 31), 1 << 30, -(1 << 30)])


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def half_away(value: Fraction) -> int:
    return half_up(value) if value >= 0 else -half_up(-value)


def wrap(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


@pytest.fixture(scope="module")
def fx(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Every rule as a callable function, from a build that stops at undefined behaviour."""
    folder = tmp_path_factory.mktemp("fixed")
    lines = ['#include "fixed.h"']
    for name, (result, arguments) in RULES.items():
        letters = "abcd"[: len(arguments)]
        declared = ", ".join(f"{kind} {letter}" for kind, letter in zip(arguments, letters, strict=True))
        lines.append(f"{result} call_{name}({declared}); {result} call_{name}({declared}) {{ return {name}({', '.join(letters)}); }}")
    (folder / "rules.c").write_text("\n".join(lines) + "\n")
    trap = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *trap, f"-I{repo_root / 'usermod_kws'}"]
    subprocess.run(["cc", *flags, "-o", folder / "rules.so", folder / "rules.c"], check=True)
    library = ctypes.CDLL(str(folder / "rules.so"))
    for name, (result, arguments) in RULES.items():
        function = getattr(library, f"call_{name}")
        function.restype, function.argtypes = CTYPES[result], [CTYPES[kind] for kind in arguments]
        setattr(library, name, function)
    return library


@given(x=word, y=word, n=st.integers(0, 31))
def test_one_word_rules(fx: ctypes.CDLL, x: int, y: int, n: int) -> None:
    """When this fails, numbers wrap or round differently from what SPEC.md says."""
    assert fx.fx_sat8(x) == max(-128, min(127, x))
    assert fx.fx_sat16(x) == max(-32768, min(32767, x))
    assert fx.fx_shl(x, n) == wrap(x << n)
    assert fx.fx_add_wrap(x, y) == wrap(x + y)
    assert fx.fx_magnitude_bits(x) == (x if x >= 0 else -x - 1)
    assert fx.fx_div_pot(x, n) == half_away(Fraction(x, 1 << n))
    if x > 0:
        assert fx.fx_clz32(x) == 32 - x.bit_length()
    if 1 <= n <= 30 and x < (1 << 31) - (1 << (n - 1)):
        assert fx.fx_shr_round32(x, n) == half_up(Fraction(x, 1 << n))
    if not x == y == -(1 << 31):
        assert fx.fx_mul_q31(x, y) == half_up(Fraction(x * y, 1 << 31))


@given(a=word, b=word, c=word, d=word)
def test_products(fx: ctypes.CDLL, a: int, b: int, c: int, d: int) -> None:
    """When this fails, the FFT or the power spectrum overflows or rounds differently from what SPEC.md says."""
    if -(1 << 63) <= a * b + c * d < 1 << 63:
        assert fx.fx_dot2_hi(a, b, c, d) == (a * b + c * d) >> 32
    assert fx.fx_norm2_hi(a, b) == (a * a + b * b) >> 32


@given(x=st.integers(-(1 << 62), 1 << 62), n=st.integers(1, 62))
def test_wide_rounding_shift(fx: ctypes.CDLL, x: int, n: int) -> None:
    """When this fails, cepstral coefficients round differently from what SPEC.md says."""
    assert fx.fx_shr_round64(x, n) == half_up(Fraction(x, 1 << n))


@given(x=word, mult=st.integers(0, (1 << 31) - 1), shift=st.integers(-31, 30))
def test_requantisation(fx: ctypes.CDLL, x: int, mult: int, shift: int) -> None:
    """When this fails, every layer rounds differently from what SPEC.md says, and from TensorFlow Lite."""
    high = half_up(Fraction(wrap(x << max(shift, 0)) * mult, 1 << 31))
    twice = half_away(Fraction(high, 1 << max(-shift, 0)))
    assert fx.fx_requantise_wide(x, mult, shift) == twice
    if shift >= 0 or abs(x) < 1 << 30:
        assert fx.fx_requantise(x, mult, shift) == twice
    assert fx.fx_requantise_once(x, mult, shift) == wrap(half_up(Fraction(x * mult, 1 << (31 - shift))))


@given(x=word, n=st.integers(1, (1 << 31) - 1) | st.integers(1, 100))
def test_division(fx: ctypes.CDLL, x: int, n: int) -> None:
    """When this fails, average pools round differently from what SPEC.md says."""
    assert fx.fx_div_round(x, n) == half_away(Fraction(x, n))
    assert fx.fx_div_round(-(1 << 31), 1) == -(1 << 31)
