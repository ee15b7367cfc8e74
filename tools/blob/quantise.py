"""Fixed-point multipliers from real scales, as TensorFlow Lite computes them when it prepares a model."""

import math
from functools import lru_cache

import numpy as np


def multiplier(real: float, largest_shift: int = 30) -> tuple[int, int]:
    """(mult, shift) with real = mult * 2^(shift - 31), mult in 2^30..2^31-1, or (0, 0) for what is too small.

    A kernel's products must stay below 2^30 after the shift: `largest_shift` is its limit."""
    if real < 0 or not math.isfinite(real):
        raise ValueError(f"multiplier {real} is not a positive number")
    fraction, shift = math.frexp(real)
    mult = math.floor(fraction * 2**31 + 0.5)
    if mult == 2**31:
        mult, shift = 2**30, shift + 1
    if shift < -31 or mult == 0:
        return 0, 0
    if shift > largest_shift:
        raise ValueError(f"multiplier {real:g} is 2^{largest_shift} or more: the scale of the output is too small")
    return mult, shift


def f32(x: float) -> float:
    """The nearest float32, which is what a TensorFlow Lite file can hold."""
    return float(np.float32(x))


def per_channel(in_scale: float, weight_scales: np.ndarray, out_scale: float) -> list[tuple[int, int]]:
    """Multipliers of a convolution's output channels; computed in double precision from float32 scales."""
    return [multiplier(f32(in_scale) * f32(w) / f32(out_scale)) for w in weight_scales]


def dense(in_scale: float, weight_scales: np.ndarray, out_scale: float) -> list[tuple[int, int]]:
    """Multipliers of a fully connected layer's output channels, see `one_rounding`."""
    return [one_rounding(f32(in_scale) * f32(w) / f32(out_scale)) for w in weight_scales]


@lru_cache(maxsize=1024)
def one_rounding(real: float) -> tuple[int, int]:
    """(mult, shift) for fixed.h's fx_requantise_once that gives what TensorFlow Lite's fully connected kernel gives.

    That kernel multiplies in double precision and rounds halves away from zero. The integer formula rounds halves up, so
    mult / 2^(31 - shift) has to be a little more than `real` where sums fall half-way between two integers. `low` and
    `high` bound the mults that give the right result on both sides of each of the 255 steps that an int8 can make. Where
    31 bits are too few for all of them (`real` below some 1e-4) the nearest mult stays, wrong at a few single sums.
    """
    mult, shift = multiplier(real)
    if mult == 0:
        return 0, 0
    n, low, high = 31 - shift, 0, 1 << 31
    for k in range(1, 256):
        first = math.ceil((k - 0.5) / real)  # the least sum that gives k
        first += (first * real < k - 0.5) - ((first - 1) * real >= k - 0.5)
        half = (2 * k - 1) << (n - 1)
        low = max(low, half // first + 1)
        if first > 1:
            high = min(high, -(-half // (first - 1)) - 1)
    if low <= high:
        mult = min(max(mult, low), high)
    return (mult, shift) if mult < 1 << 31 else (1 << 30, shift + 1)


def rescale(in_scale: float, out_scale: float) -> tuple[int, int]:
    """Multiplier of relu: the quotient is a float32."""
    return multiplier(float(np.float32(in_scale) / np.float32(out_scale)))


def add_multipliers(scale0: float, scale1: float, out_scale: float) -> list[tuple[int, int]]:
    """(mult, shift) of input 0, input 1 and the output of an add with 20 bits of headroom."""
    twice_max = 2 * max(f32(scale0), f32(scale1))
    real = [f32(scale0) / twice_max, f32(scale1) / twice_max, twice_max / (2**20 * f32(out_scale))]
    return [multiplier(x, 0) for x in real]


def mul_multiplier(scale0: float, scale1: float, out_scale: float) -> tuple[int, int]:
    """Multiplier of a product of two tensors; all of it in float32."""
    return multiplier(float(np.float32(scale0) * np.float32(scale1) / np.float32(out_scale)), 14)


def mean_multiplier(in_scale: float, out_scale: float, count: int) -> tuple[int, int]:
    """Multiplier of the sum of `count` values whose mean is wanted."""
    mult, shift = multiplier(f32(in_scale) / f32(out_scale))
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (mult << bits) // count, shift - bits


def prelu_multipliers(in_scale: float, alpha_scale: float, out_scale: float) -> list[tuple[int, int]]:
    """(mult, shift) for what is not negative, and for the product with alpha."""
    return [multiplier(float(np.float32(in_scale) / np.float32(out_scale)), 22), mul_multiplier(in_scale, alpha_scale, out_scale)]


def svdf_multipliers(in_scale: float, feature_scale: float, state_scale: float, time_scale: float, out_scale: float) -> list[tuple[int, int]]:
    """(mult, shift) from the feature weights' sums to the int16 state, and from the time weights' sums to the output; all float32."""
    scales = ((in_scale, feature_scale, state_scale), (state_scale, time_scale, out_scale))
    return [multiplier(float(np.float32(a) * np.float32(b) / np.float32(c))) for a, b, c in scales]


def softmax_multiplier(beta: float, in_scale: float) -> tuple[int, int]:
    """(mult, shift) that brings input steps into Q5.26; shift is 0..31."""
    real = min(f32(beta) * f32(in_scale) * 2**26, 2**31 - 1.0)
    fraction, shift = math.frexp(real)
    mult = math.floor(fraction * 2**31 + 0.5)
    if mult == 2**31:
        mult, shift = 2**30, shift + 1
    if shift < 0:
        raise ValueError(f"softmax input scale {in_scale:g} is too small")
    return mult, shift


def clamp_of(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """int8 limits of a fused activation: "none", "relu", "relu6", "relu_n1_to_1" or "relu_0_to_1"."""
    limits = {"none": (None, None), "relu": (0, None), "relu6": (0, 6), "relu_n1_to_1": (-1, 1), "relu_0_to_1": (0, 1)}
    low, high = limits[activation]

    def quantised(x: float) -> int:
        q = np.float32(x) / np.float32(scale)
        return zero_point + int(math.copysign(math.floor(abs(float(q)) + 0.5), q))

    # The limits are kept within int8 on both sides: an extreme scale may put 0 or 6 outside of it.
    lo = -128 if low is None else min(max(-128, quantised(low)), 127)
    hi = 127 if high is None else max(min(127, quantised(high)), -128)
    return lo, hi
