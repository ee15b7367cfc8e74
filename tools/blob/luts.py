"""Lookup tables of the functions of one int8, as TensorFlow Lite's reference kernels compute them.

A table is int8 [256]: table[q + 128] is the output for the input q. A quantisation is (scale, zero_point). uint8 tensors
are int8 tensors whose values and zero point are 128 less, so their tables are made here too.

Arithmetic is TensorFlow Lite's to the last bit: scales are float32, quotients are float32 or float64 just where its
kernels have them so, and rescaling is fixed point (`requantised` is fixed.h's fx_requantise).
"""

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tools.blob import quantise
from tools.blob.quantise import f32


class Q(NamedTuple):
    """Quantisation of an int8 tensor: value = scale * (q - zero_point)."""

    scale: float
    zero_point: int


INPUTS = range(-128, 128)


def _wrapped(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def _divided(x: int, bits: int) -> int:
    """x / 2^bits, to nearest, ties away from zero."""
    half = (1 << bits) >> 1
    return (x + half) >> bits if x >= 0 else -((half - x) >> bits)


def requantised(x: int, mult: int, shift: int) -> int:
    """x * mult * 2^(shift - 31) with two roundings; fixed.h's fx_requantise for any int32 x."""
    high = (_wrapped(x << max(shift, 0)) * mult + (1 << 30)) >> 31
    return _divided(high, max(-shift, 0))


def _table(value: Callable[[int], int], low: int = -128, high: int = 127) -> np.ndarray:
    return np.array([min(max(value(q), low), high) for q in INPUTS], np.int8)


def relu(activation: str, x: Q, y: Q) -> np.ndarray:
    """RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1 as layers of their own: "relu", "relu6", "relu_n1_to_1", "relu_0_to_1"."""
    mult, shift = quantise.rescale(x.scale, y.scale)
    low, high = quantise.clamp_of(activation, y.scale, y.zero_point)
    return _table(lambda q: y.zero_point + requantised(q - x.zero_point, mult, shift), low, high)


def leaky_relu(alpha: float, x: Q, y: Q) -> np.ndarray:
    """LEAKY_RELU; alpha may be negative."""
    positive = quantise.rescale(x.scale, y.scale)
    real = np.float32(x.scale) * np.float32(abs(alpha)) / np.float32(y.scale)
    mult, shift = quantise.multiplier(float(real))
    negative = (-mult if alpha < 0 else mult), shift  # ties are rounded by the sign of the product

    def value(q: int) -> int:
        d = q - x.zero_point
        return y.zero_point + (requantised(d, *positive) if d >= 0 else requantised(d, *negative))

    return _table(value)


def requantise(x: Q, y: Q) -> np.ndarray:
    """QUANTIZE from int8 to int8."""
    mult, shift = quantise.multiplier(f32(x.scale) / f32(y.scale))
    return _table(lambda q: y.zero_point + requantised(q - x.zero_point, mult, shift))


def _libm(name: str) -> Callable[[float], float]:
    """The C library's float32 function, which is what the interpreter calls; without it, the float32 nearest to the truth."""
    path = ctypes.util.find_library("m")
    if path is None:
        return lambda v: float(getattr(np, name.removesuffix("f"))(np.float64(v)))
    function = getattr(ctypes.CDLL(path), name)
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return function


def _of_float(function: Callable[[np.float32], np.float32], x: Q, y: Q) -> np.ndarray:
    """Tables that TensorFlow Lite fills itself, in float32."""
    inverse = np.float32(1) / np.float32(y.scale)

    def value(q: int) -> int:
        real = function(np.float32(x.scale) * np.float32(q - x.zero_point))
        scaled = float(real * inverse)
        return y.zero_point + int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))

    return _table(value)


def logistic(x: Q, y: Q) -> np.ndarray:
    """LOGISTIC; TensorFlow Lite wants an output scale of 1/256."""
    exp, one = _libm("expf"), np.float32(1)
    if f32(y.scale) != 1 / 256:
        raise ValueError(f"logistic has an output scale of {y.scale:g}, and 1/256 is the only one that TensorFlow Lite takes")
    with np.errstate(over="ignore"):
        return _of_float(lambda v: one / (one + np.float32(exp(-v))), x, y)


def tanh(x: Q, y: Q) -> np.ndarray:
    """TANH."""
    function = _libm("tanhf")
    return _of_float(lambda v: np.float32(function(v)), x, y)


def _sat16(x: int) -> int:
    return min(max(x, -32768), 32767)


def _mul_q15(a: int, b: int) -> int:
    """a * b / 2^15 to nearest, ties towards plus infinity (b is never -2^15)."""
    return (a * b + (1 << 14)) >> 15


def _divided16(x: int, bits: int) -> int:
    """_divided in 16-bit words, also in what they make of more than 15 bits."""
    if bits <= 15:
        return _divided(x, bits)
    return (x >> bits) + (x > -1 + (x < 0))


def _mult16(real: np.float32) -> tuple[int, int]:
    """A multiplier in 16 bits: (mult, shift), real = mult * 2^(shift - 15)."""
    mult, shift = quantise.multiplier(float(real))
    return (0x7FFF if mult >= 0x7FFF8000 else (mult + (1 << 15)) >> 16), shift


def hard_swish(x: Q, y: Q) -> np.ndarray:
    """HARD_SWISH, in 16-bit fixed point with 7 more bits for the input."""
    fine = np.float32(1 / 128) * np.float32(x.scale)
    out_mult, out_shift = _mult16(fine / np.float32(y.scale))
    gate_mult, gate_shift = _mult16(fine / np.float32(3 / 32768))
    if out_shift > 0:
        raise ValueError(f"hard_swish cannot scale from {x.scale:g} to {y.scale:g}")

    def value(q: int) -> int:
        d = (q - x.zero_point) * 128
        gate = d
        if gate_shift > 0:
            gate = _sat16(gate << (gate_shift - 1))
        gate = _mul_q15(gate, gate_mult)
        if gate_shift > 0:
            gate = _sat16(gate << 1)
        if gate_shift < 0:
            gate = _divided16(gate, -gate_shift)
        gate = (gate + 32768) >> 1  # from -1..1 to 0..1
        product = gate * _mul_q15(d, out_mult)
        towards_zero = product >> 15 if product >= 0 else -(-product >> 15)
        return y.zero_point + _divided16(towards_zero, -out_shift)

    return _table(value)


def _add_shifted(d: int, mult: int, shift: int) -> int:
    return _divided((d * mult + (1 << 30)) >> 31, -shift)


def binary(op: str, x: Q, constant: int, c: Q, y: Q, *, swapped: bool = False, activation: str = "none") -> np.ndarray:
    """ADD, SUB or MUL ("add", "sub", "mul") of the input and one constant int8; `swapped`: the constant is the first operand."""
    low, high = quantise.clamp_of(activation, y.scale, y.zero_point)
    k = constant - c.zero_point
    if op == "mul":
        mult, shift = quantise.mul_multiplier(x.scale, c.scale, y.scale)
        return _table(lambda q: y.zero_point + requantised((q - x.zero_point) * k, mult, shift), low, high)
    mx, mc, my = quantise.add_multipliers(x.scale, c.scale, y.scale)
    sign_x, sign_c = {("add", False): (1, 1), ("add", True): (1, 1), ("sub", False): (1, -1), ("sub", True): (-1, 1)}[op, swapped]
    other = sign_c * _add_shifted(k << 20, *mc)
    return _table(lambda q: y.zero_point + _add_shifted(sign_x * _add_shifted((q - x.zero_point) << 20, *mx) + other, *my), low, high)
