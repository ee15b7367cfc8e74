"""Which class a row of scores stands for.

Words that are only told apart (labels `_WORD`, behind all others) are `_unknown_` to whoever asks: their posteriors are added
to it before the largest is taken.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.folders import UNKNOWN, is_told_apart


def reported(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels without the words that are only told apart."""
    return tuple(label for label in labels if not is_told_apart(label))


def truth(label: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """int64 [n] of indices into `labels`: words told apart as `_unknown_`."""
    return np.array([labels.index(UNKNOWN) if is_told_apart(name) else i for i, name in enumerate(labels)])[label]


def answers(posteriors: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """int64 [n] of `posteriors` [n, classes], in any unit: index into `labels` of the largest, the first of equal ones."""
    total = np.array(posteriors, np.float64)
    apart = [is_told_apart(label) for label in labels]
    if any(apart):
        total[:, labels.index(UNKNOWN)] += total[:, apart].sum(axis=1)
        total[:, apart] = -np.inf
    return total.argmax(axis=1)


def of_scores(rows: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """`answers` of a blob's int8 score rows, which a softmax brings to 256 times the posterior, less 128."""
    return answers(rows.astype(np.int64) + 128, labels)


def of_logits(logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """`answers` of a Keras model's logits."""
    return answers(np.exp(logits - logits.max(axis=1, keepdims=True)), labels)
