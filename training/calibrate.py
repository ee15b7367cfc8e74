"""Scales of the activations, from what the float network computes; biases that make up for what the rounding of weights shifts."""
from __future__ import annotations

import numpy as np

from training.features import OUT_SCALE
from training.fine_tune import network
from training.quantise import INPUT, INT8, Layer

BATCH = 64
SAMPLES = 50_000                        # values of a layer from which its range is chosen
NARROWER = np.geomspace(1.0, 0.2, 41)   # parts of the whole range that are tried


class _Seen:
    """Of one layer: some of its values, their extremes, and the mean of each channel."""

    def __init__(self) -> None:
        self.values: list[np.ndarray] = []
        self.low, self.high, self.count, self.sums = 0.0, 1e-6, 0, 0.0

    def add(self, values: np.ndarray, samples: int, rng: np.random.Generator) -> None:
        self.values.append(rng.choice(values.reshape(-1), samples))
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        rows = values.reshape(-1, values.shape[-1])
        self.count, self.sums = self.count + len(rows), self.sums + rows.sum(axis=0, dtype=np.float64)

    @property
    def means(self) -> np.ndarray:
        return self.sums / self.count


def _observe(chain: list[Layer], x: np.ndarray) -> dict[int, _Seen]:
    """What the float network's input and layers hold, in batches: all values at once would not fit in memory."""
    model, rng = network(chain, x.shape[1:], rounding=False), np.random.default_rng(0)
    seen = {number: _Seen() for number in range(INPUT, len(chain))}
    for at in range(0, len(x), BATCH):
        batch = x[at:at + BATCH]
        for number, values in enumerate([batch, *model.predict_on_batch(batch)], INPUT):
            seen[number].add(np.asarray(values), SAMPLES * len(batch) // len(x) + 1, rng)
    return seen


def quant(low: float, high: float) -> tuple[float, int]:
    """(scale, zero point) with which int8 goes from low <= 0 to high > 0."""
    scale = (high - low) / (INT8[1] - INT8[0])
    return scale, round(INT8[0] - low / scale)


def best_quant(values: np.ndarray, low: float, high: float) -> tuple[float, int]:
    """The (scale, zero point) with the least mean of |error|^3 among those of narrower ranges.

    The third power, because an output far off does more harm than many that are a little off: with the second, ranges
    become too narrow.
    """
    def error(scale: float, zero: int) -> float:
        steps = np.clip(np.rint(values / scale), INT8[0] - zero, INT8[1] - zero)
        return float(np.mean(np.abs(steps * scale - values) ** 3))

    return min((quant(low * part, high * part) for part in NARROWER), key=lambda found: error(*found))


def _share_scales(chain: list[Layer]) -> None:
    """The inputs of an add get the larger scale of the two: a sum of one scale takes the core little more than half the time."""
    pairs = [[chain[i] for i in layer.inputs] for layer in chain if layer.kind == "add" and INPUT not in layer.inputs]
    pairs = [pair for pair in pairs if not any(layer.keeps_scale for layer in pair)]
    for _ in pairs:                     # a layer may be an input of several
        for pair in pairs:
            scale = max(layer.out_scale for layer in pair)
            for layer in pair:
                spare = (INT8[1] - INT8[0]) * (1 - layer.out_scale / scale)      # steps, half of them below the range
                low = (INT8[0] - layer.out_zero) * layer.out_scale / scale
                layer.out_zero = INT8[0] if layer.relu else round(INT8[0] - low + spare / 2)
                layer.out_scale = scale


def _correct_bias(layer: Layer, means: np.ndarray) -> None:
    """Takes the mean of what the rounded weights add off the bias (Nagel 2019); means: of the input's channels."""
    scale = layer.weight_scale().reshape([-1 if i == layer.channel_axis else 1 for i in range(layer.weight.ndim)])
    added = layer.int_weight() * scale - layer.weight
    if layer.kind == "depthwise":
        layer.bias = layer.bias - (added * means).sum(axis=(0, 1))
    else:
        layer.bias = layer.bias - (added * means).sum(axis=tuple(range(1, added.ndim)))


def calibrate(chain: list[Layer], x: np.ndarray, in_scale: float = OUT_SCALE, in_zero: int = 0) -> None:
    """Sets every layer's output scale and zero point, and corrects the biases, once.

    x: float inputs [n, h, w, c], as the network will see them; they have in_scale, in_zero.
    """
    seen = _observe(chain, x)
    for number, layer in enumerate(chain):
        if not layer.keeps_scale:
            found = seen[number]
            layer.out_scale, layer.out_zero = best_quant(np.concatenate(found.values), found.low, found.high)
    _share_scales(chain)
    for layer in chain:
        first = layer.inputs[0]
        if layer.keeps_scale:
            layer.out_scale, layer.out_zero = (in_scale, in_zero) if first == INPUT else (chain[first].out_scale, chain[first].out_zero)
        if layer.has_weights:
            _correct_bias(layer, seen[first].means)
