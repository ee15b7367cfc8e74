"""Which class a row of scores stands for.

Words that are only told apart (labels `_WORD`) are `_unknown_` to whoever asks: their posteriors are added to it before the
largest is taken. The detector on the device adds nothing: there each is a class that competes by itself, and the thresholds
are tuned so.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.folders import UNKNOWN, is_told_apart


def reported(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels without the words that are only told apart; all of them where no `_unknown_` is there to stand for those."""
    return tuple(label for label in labels if not is_told_apart(label) or UNKNOWN not in labels)


def _places(labels: Sequence[str]) -> list[int]:
    """For each label its index into `reported`."""
    names = reported(labels)
    return [names.index(label if label in names else UNKNOWN) for label in labels]


def truth(label: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """int64 [n], indices into `reported(labels)`, of indices into `labels`."""
    return np.array(_places(labels))[label]


def answers(posteriors: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """int64 [n] of `posteriors` [n, classes], in any unit: index into `reported(labels)` of the largest, the first of equal ones."""
    total = np.zeros((len(posteriors), len(reported(labels))), np.float64)
    for place, column in zip(_places(labels), np.asarray(posteriors).T, strict=True):
        total[:, place] += column
    return total.argmax(axis=1)


def of_scores(rows: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """`answers` of a blob's int8 score rows, which a softmax brings to 256 times the posterior, less 128."""
    return answers(rows.astype(np.int64) + 128, labels)


def of_logits(logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """`answers` of a Keras model's logits."""
    return answers(np.exp(logits - logits.max(axis=1, keepdims=True)), labels)
