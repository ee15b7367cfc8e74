"""Larger networks teach a smaller one, the student (Hinton 2015, "Distilling the knowledge in a neural network").

Teachers are folders of finished runs. Each hears a window through its own front end; what they say together is the
mean of their log-probabilities, with every teacher's class shares exchanged for the student's. Where they are wrong about a
window, its label alone is taught; windows without a label (two at once, `overlaid`) are taught by them alone (Beyer 2022,
arXiv 2106.05237: a student needs many inputs that its teacher is not sure of). A teacher may know more words than its student, for which they are `_unknown_`.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from keras import ops

from training import models
from training.config import Config
from training.features import Sampler, class_shares, network_input, window_shape
from training.files import write_arrays
from training.folders import UNKNOWN, word_of
from training.run_folder import load_config, load_weights, set_weights
from training.sources import check_teachers

CACHE = Path("build/epochs")
CACHE_FORMAT = 2                        # counted up when the same configuration gives other windows


class DistillationLoss(keras.losses.Loss):
    """(1 - share) cross-entropy with the label + share t^2 cross-entropy with the teachers, at temperature t; the former
    alone, in full, where the teachers' largest logit is not the label's; the latter alone where there is no label.

    y_true: [n, 2 classes], one-hot labels (zeros for none) and then the teachers' logits; y_pred: logits [n, classes].
    """

    def __init__(self, share: float, temperature: float, label_smoothing: float) -> None:
        super().__init__(name="distillation")
        self.share, self.temperature = share, temperature
        self.label = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing, reduction=None)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        hard, teachers = ops.split(y_true, 2, axis=-1)
        soft = ops.softmax(teachers / self.temperature)
        soft_loss = -ops.sum(soft * ops.log_softmax(y_pred / self.temperature), axis=-1)
        right = ops.cast(ops.equal(ops.argmax(hard, axis=-1), ops.argmax(teachers, axis=-1)), y_pred.dtype)
        share = ops.where(ops.any(hard > 0, axis=-1), self.share * right, 1.0)
        return (1 - share) * self.label(hard, y_pred) + share * self.temperature**2 * soft_loss


def label_accuracy(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """1 for windows whose label has the largest logit, 0 also where there is none; y_true as DistillationLoss takes it, or
    one-hot alone."""
    hard = y_true[:, :y_pred.shape[-1]]
    right = ops.equal(ops.argmax(hard, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(ops.logical_and(right, ops.any(hard > 0, axis=-1)), "float32")


def loss_of(config: Config) -> keras.losses.Loss:
    """Of one-hot labels; with the teachers' logits behind them where the run has teachers."""
    if config.teacher:
        return DistillationLoss(config.distill, config.temperature, config.label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)


def targets(labels: np.ndarray, classes: int, logits: np.ndarray | None) -> np.ndarray:
    """float32 [n, classes] one-hot, or [n, 2 classes] with the teachers' logits, of int64 [n] labels; zeros for UNNAMED."""
    y = (labels[:, None] == np.arange(classes)).astype(np.float32)
    return y if logits is None else np.concatenate([y, logits], axis=1)


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class Teachers:
    """Finished runs that know all of `labels`, ready to be asked. Raises ValueError, naming the folder, for weights of another network."""

    def __init__(self, folders: list[Path], labels: tuple[str, ...]) -> None:
        self.frontends, self.models, self.shares, self.columns = [], [], [], []     # front end: its section, and samples of a window
        self.digest, taught = hashlib.sha256(), [word_of(label) for label in labels]
        for folder in folders:
            config, weights = load_config(folder), load_weights(folder)
            known = [word_of(label) for label in config.labels]
            self.frontends.append(((folder / "frontend.bin").read_bytes(), config.window_samples))
            model = models.build(config.model, window_shape(*self.frontends[-1]), len(known), config.channels)
            set_weights(model, weights, folder)
            self.models.append(model)
            meant = [name if name in taught else UNKNOWN for name in known]
            self.columns.append([[i for i, name in enumerate(meant) if name == word] for word in taught])
            shares = class_shares(config.labels, config.silence, config.unknown)
            self.shares.append(np.array([shares[own].sum() for own in self.columns[-1]]))
            self.digest.update(f"{config.window_samples} ".encode() + self.frontends[-1][0] + (folder / "float.npz").read_bytes())

    def logits(self, features: list[np.ndarray], shares: np.ndarray) -> np.ndarray:
        """float32 [n, classes] of int8 windows [n, frames, features], one array a teacher; shares: of the student's windows."""
        total = 0.0
        for model, own, columns, x in zip(self.models, self.shares, self.columns, features, strict=True):
            said = model.predict(network_input(x), batch_size=256, verbose=0)
            said = np.stack([np.logaddexp.reduce(said[:, of_label], axis=1) for of_label in columns], axis=1)
            total = total + log_softmax(said - np.log(own))
        return (total / len(self.models) + np.log(shares)).astype(np.float32)


def teachers_of(config: Config, labels: tuple[str, ...]) -> Teachers | None:
    """None where the run has no teacher. Raises as `check_teachers` and `Teachers` do."""
    if not config.teacher:
        return None
    check_teachers(config)
    return Teachers([Path(folder) for folder in config.teacher.split()], labels)


class TaughtEpochs:
    """Epochs of windows and what the teachers say of them, in the place of a Sampler.

    With `cycle` > 0 only so many epochs of windows are made and then come again (SpecAugment still differs); windows and
    logits are kept in build/epochs/, so that the next run with the same windows and teachers starts at once.
    """

    def __init__(self, sampler: Sampler, config: Config, teachers: Teachers | None) -> None:
        self.sampler, self.config, self.teachers = sampler, config, teachers
        self.folder = CACHE / self._key() if config.cycle else CACHE

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """int8 [size, frames, features], int64 [size] labels, float32 [size, classes] logits or None."""
        if not self.config.cycle:
            return self._made(epoch)
        kept = epoch % self.config.cycle
        features, labels, logits = self._kept(kept)
        if epoch == kept:
            return features, labels, logits
        order = np.random.default_rng((self.config.seed, epoch, 2)).permutation(len(labels))        # other batches each time
        return features[order], labels[order], None if logits is None else logits[order]

    def _kept(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        path = self.folder / f"{epoch:04d}.npz"
        if path.exists():
            with np.load(path) as saved:
                return saved["features"], saved["labels"], saved["logits"] if self.teachers else None
        features, labels, logits = self._made(epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {"features": features, "labels": labels} | ({} if logits is None else {"logits": logits}))
        return features, labels, logits

    def _made(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        if not self.teachers:
            return (*self.sampler.epoch(epoch), None)
        features, labels, *heard = self.sampler.epoch(epoch, *self.teachers.frontends)
        return features, labels, self.teachers.logits(heard, self.sampler.shares())

    def _key(self) -> str:
        c, windows = self.config, self.sampler.windows
        augment = {k: v for k, v in asdict(c.augment).items() if "mask" not in k}
        drawn = [CACHE_FORMAT, self.sampler.labels, c.windows, c.seed, c.epoch_size, c.silence, c.unknown, self.sampler.overlaid, augment]
        found = hashlib.sha256(json.dumps(drawn).encode())
        for part in (windows.split.pcm, windows.split.label, *windows.noise):
            found.update(part.tobytes())
        found.update(self.sampler.section + (self.teachers.digest.digest() if self.teachers else b""))
        return found.hexdigest()[:16]
