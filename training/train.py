"""Train a model: `python -m training.train [FILE.json] [key=value ...]`.

A run lives in build/runs/<name>/: config.json, frontend.bin, checkpoint.npz (written after every epoch, so a killed
run goes on with the same command), log.json, curves.png and float.npz, the averaged weights so far.
The same configuration gives the same weights on the same machine and library versions.
"""
from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from training import answers, models
from training.augment import spec_augment
from training.config import Config, check, parse, to_json
from training.data import DataError, Dataset, load_for
from training.distill import TaughtEpochs, label_accuracy, loss_of, targets, teachers_of
from training.features import UNNAMED, Prefetch, Sampler, extract, fit_section, network_input
from training.files import named, write_arrays, write_atomic
from training.published import windows_for
from training.run_folder import RUNS, load_config, load_weights, set_weights
from training.sources import check_sources

STATISTICS_WINDOWS, STATISTICS_BATCH = 4096, 256    # for the averaged weights' batch statistics


def deterministic(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow
        tensorflow.config.experimental.enable_op_determinism()


def learning_rate(config: Config) -> keras.optimizers.schedules.LearningRateSchedule:
    """Over all steps of the run. Raises ValueError for an unknown schedule."""
    steps = -(-config.epoch_size // config.batch)
    if config.schedule == "steps":
        bounds = [round(config.epochs * steps * third / 3) for third in (1, 2)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(bounds, [config.learning_rate / by for by in (1, 5, 25)])
    if config.schedule != "cosine":
        raise ValueError(f"unknown schedule '{config.schedule}'; known are cosine, steps")
    warmup = max(1, round(config.warmup_epochs * steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, config.epochs * steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup)


def compiled(config: Config, input_shape: tuple[int, int], classes: int) -> keras.Model:
    model = models.build(config.model, input_shape, classes, config.channels)
    optimizer = keras.optimizers.AdamW(learning_rate(config), weight_decay=config.weight_decay, use_ema=True,
                                       ema_momentum=config.weight_average)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(optimizer, loss_of(config), metrics=[keras.metrics.MeanMetricWrapper(label_accuracy, name="accuracy")])
    optimizer.build(model.trainable_variables)
    return model


class Run:
    """One run's folder, model and history. `epoch` is the number of epochs done."""

    def __init__(self, config: Config, section: bytes, input_shape: tuple[int, int], classes: int) -> None:
        self.config, self.section = config, section
        self.folder = RUNS / config.name
        self.model = compiled(config, input_shape, classes)
        self.history: list[dict[str, float]] = []

    @property
    def epoch(self) -> int:
        return len(self.history)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def save(self, averaged: list[np.ndarray]) -> None:
        """The averaged weights first: where the checkpoint says an epoch is done, its result is there."""
        write_arrays(self.folder / "float.npz", named(averaged))
        values = {f"v{i:04d}": np.asarray(v) for i, v in enumerate(self._variables())}
        write_arrays(self.folder / "checkpoint.npz", {**values, "history": json.dumps(self.history)})
        write_atomic(self.folder / "log.json", json.dumps(self.history, indent=1))

    def resume(self) -> bool:
        path = self.folder / "checkpoint.npz"
        if not path.exists():
            return False
        try:
            with np.load(path) as saved:
                for i, variable in enumerate(self._variables()):
                    variable.assign(saved[f"v{i:04d}"])
                self.history = json.loads(str(saved["history"]))
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as exc:
            raise ValueError(f"{path} is damaged ({exc}): delete the run's folder to begin anew") from exc
        write_atomic(self.folder / "log.json", json.dumps(self.history, indent=1))      # a kill may have come before it was written
        return True

    def averaged(self, features: np.ndarray) -> list[np.ndarray]:
        """The averaged weights, with batch statistics of their own; the model is left as it was.

        The running statistics belong to the newest weights and are far off for the averaged ones, so they are taken
        anew from `features` (int8 [n, frames, features] of training windows).
        """
        newest = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        weights = self.with_statistics(features)
        self.model.set_weights(newest)
        return weights

    def with_statistics(self, features: np.ndarray) -> list[np.ndarray]:
        """The model's weights, with batch statistics taken from `features`; they replace those of the model."""
        norms = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momentum = [layer.momentum for layer in norms]
        whole = max(1, min(len(features), STATISTICS_WINDOWS) // STATISTICS_BATCH)
        for batch in range(whole):
            for layer in norms:
                layer.momentum = batch / (batch + 1)            # the mean of all batches so far
            self.model(network_input(features[batch * STATISTICS_BATCH:(batch + 1) * STATISTICS_BATCH]), training=True)
        for layer, value in zip(norms, momentum, strict=True):
            layer.momentum = value
        return self.model.get_weights()


def train_epoch(run: Run, features: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """One pass. features: int8 [n, frames, features]; y: what `targets` makes of labels."""
    config, epoch = run.config, run.epoch
    x = network_input(spec_augment(features, config.augment, np.random.default_rng((config.seed, epoch, 0, 0))))
    loss, correct = 0.0, 0.0            # sums over the windows
    steps = tqdm(range(0, len(x), config.batch), desc=f"epoch {epoch + 1}/{config.epochs}", disable=None, leave=False)
    for at in steps:
        batch = x[at:at + config.batch]
        result = run.model.train_on_batch(batch, y[at:at + config.batch], return_dict=True)
        loss, correct = loss + len(batch) * float(result["loss"]), correct + len(batch) * float(result["accuracy"])
        steps.set_postfix_str(f"loss {float(result['loss']):.3f}")
    if not np.isfinite(loss):
        raise ValueError(f"the loss is no number any more in epoch {epoch + 1}: a lower learning_rate may help")
    labelled = y[:, :run.model.output_shape[-1]].sum()
    return {"loss": loss / len(x), "train_accuracy": correct / max(1.0, float(labelled))}


def accuracy(model: keras.Model, features: np.ndarray, label: np.ndarray, labels: Sequence[str]) -> float:
    """Share of right answers to int8 windows [n, frames, features]; label: int64 [n], indices into `labels`."""
    logits = model.predict(network_input(features), batch_size=256, verbose=0)
    return float(np.mean(answers.of_logits(logits, labels) == answers.truth(label, labels)))


def curves(history: list[dict[str, float]], path: Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [h["loss"] for h in history])
    left.set(xlabel="epoch", ylabel="training loss")
    for key, label in (("train_accuracy", "training windows"), ("validation_accuracy", "validation, averaged weights")):
        right.plot(epochs, [100 * h[key] for h in history], label=label)
    right.set(xlabel="epoch", ylabel="accuracy, %")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def check_run(config: Config, folder: Path) -> None:
    """Raises ValueError where the configuration is beyond its range, `folder` holds a run of another one, or `check_sources` finds something."""
    check(config)
    if config.blob:
        raise ValueError(f"configuration key 'blob' is training.read_back's, a run that is trained goes on with start=; got '{config.blob}'")
    begun = any((folder / name).exists() for name in ("checkpoint.npz", "float.npz"))
    if begun and (folder / "config.json").exists() and load_config(folder) != config:
        raise ValueError(f"{folder} holds a run of another configuration: give name=..., or delete the folder")
    check_sources(config)


def prepare(config: Config, dataset: Dataset, folder: Path) -> Sampler:
    """The run's folder with its configuration and front end; the sampler of its epochs. Raises as `check_run` does, before it makes a folder."""
    check_run(config, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "config.json", json.dumps(to_json(config), indent=1))
    sampler = Sampler(windows_for(config, dataset), b"", config.seed,
                      config.epoch_size, config.silence, config.unknown, config.threads, config.overlaid)
    if config.start:
        sampler.section = (Path(config.start) / "frontend.bin").read_bytes()
    else:
        sampler.section = fit_section(config.frontend, sampler.normalisation_windows(), config.threads)
    write_atomic(folder / "frontend.bin", sampler.section)
    return sampler


def train(config: Config, dataset: Dataset) -> Run:
    """Train from the start or from the run's checkpoint. Returns the run with the averaged weights in its model."""
    deterministic(config.seed)
    sampler = prepare(config, dataset, RUNS / config.name)
    validation = dataset.splits["validation"]
    features = extract(sampler.section, validation.pcm, config.threads)
    run = Run(config, sampler.section, features.shape[1:], len(dataset.labels))
    if run.resume():
        print(f"going on after epoch {run.epoch} of {run.folder}", flush=True)
    elif config.start:
        set_weights(run.model, load_weights(Path(config.start)), Path(config.start))
    epochs = Prefetch(TaughtEpochs(sampler, config, teachers_of(config, dataset.labels)), config.epochs)
    while run.epoch < config.epochs:
        windows, labels, logits = epochs.take(run.epoch)
        row = train_epoch(run, windows, targets(labels, len(dataset.labels), logits))
        newest, weights = run.model.get_weights(), run.averaged(windows[labels != UNNAMED])
        run.model.set_weights(weights)
        row["validation_accuracy"] = accuracy(run.model, features, validation.label, dataset.labels)
        run.model.set_weights(newest)
        run.history.append(row)
        run.save(weights)
        print(f"epoch {run.epoch:3d}/{config.epochs}  loss {row['loss']:.4f}  training {row['train_accuracy']:.2%}  "
              f"validation {row['validation_accuracy']:.2%}", flush=True)
        curves(run.history, run.folder / "curves.png")
    run.model.set_weights(load_weights(run.folder))
    return run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("overrides", nargs="*", metavar="FILE.json | key=value", help="configuration overrides")
    parser.add_argument("--show", action="store_true", help="print the configuration and leave")
    args = parser.parse_args()
    try:
        config = parse(args.overrides)
        if args.show:
            print(json.dumps(asdict(config), indent=1))
            return 0
        check_run(config, RUNS / config.name)
        dataset = load_for(config, ("train", "validation"))
        print(dataset.table(), *dataset.notes, sep="\n", flush=True)
        run = train(config, dataset)
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        return 130
    print(f"done: {run.folder}; next: python -m training.export {run.folder} -o MODEL.kws")
    return 0


if __name__ == "__main__":
    sys.exit(main())
