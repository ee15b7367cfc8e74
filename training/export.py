"""Make a blob of a run: `python -m training.export build/runs/NAME -o MODEL.kws`.

Quantises the run's averaged weights, fine-tunes them with the rounding in place where plain rounding costs too much,
packs network, front end and labels, and measures the result on the test split through the C core. A manifest is
written beside the blob; `--manifest MODEL.kws` alone writes it anew (after the detector's defaults were changed).
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools.blob import BlobWriter, Quant
from tools.blob.network import Tensor
from training import answers, models
from training.calibrate import calibrate
from training.clips import DataError
from training.config import Config
from training.data import Dataset, load_for
from training.distill import TaughtEpochs, loss_of, targets, teachers_of
from training.evaluate import figures, run_network
from training.features import OUT_SCALE, Sampler, extract, network_input
from training.files import write_atomic
from training.fine_tune import fine_tune
from training.fold import fold
from training.folders import keywords_in
from training.manifest import source_of, write_manifest
from training.published import windows_for
from training.quantise import INPUT, Layer
from training.run_folder import commands, load_config, load_weights, set_weights
from training.train import accuracy, deterministic

DECISION_HOP_FRAMES = 4                 # 80 ms at a hop of 20 ms
CALIBRATION_WINDOWS = 2048


def untuned(labels: Sequence[str]) -> dict:
    """Settings of the detector for a model that nobody has tuned yet."""
    return {"window": 4, "refractory_ms": 640, "threshold": dict.fromkeys(keywords_in(labels), 0.7)}


def pack(chain: list[Layer], section: bytes, input_shape: tuple[int, int], meta: dict, labels: Sequence[str], softmax: bool = True) -> bytes:
    """The blob of calibrated layers. input_shape: (frames, features). Without `softmax` its scores are the logits."""
    return collect(chain, section, input_shape, meta, labels, softmax).finish()


def collect(chain: list[Layer], section: bytes, input_shape: tuple[int, int], meta: dict, labels: Sequence[str], softmax: bool = True) -> BlobWriter:
    """The writer of that blob, which also tells what of it streams once it has finished."""
    writer = BlobWriter(frontend=section, labels=labels, decision_hop_frames=DECISION_HOP_FRAMES, meta=meta)
    tensors = {INPUT: writer.input((*input_shape, 1), Quant(OUT_SCALE, 0))}
    for number, layer in enumerate(chain):
        tensors[number] = add_layer(writer, layer, *(tensors[i] for i in layer.inputs))
    if softmax:
        writer.softmax(tensors[len(chain) - 1])
    return writer


def add_layer(writer: BlobWriter, layer: Layer, x: Tensor, other: Tensor | None = None) -> Tensor:
    """A calibrated layer as a layer of the blob. other: an add's second input."""
    out, activation = Quant(layer.out_scale, layer.out_zero), "relu" if layer.relu else "none"
    if layer.kind == "avg_pool":
        return writer.avg_pool2d(x, x.shape[:2])
    if layer.kind == "mean":
        return writer.mean(x, (1,), out)
    if layer.kind == "reshape":
        return writer.reshape(x, (1,) * (3 - len(layer.shape)) + layer.shape)
    if layer.kind == "crop":
        height, width, channels = x.shape
        return writer.slice(x, (layer.front, 0, 0), (height - layer.front, width, channels))
    if layer.kind == "add":
        return writer.add(x, other, out, activation=activation)
    values = (layer.int_weight(), layer.int_bias(x.quant.scale), layer.weight_scale(), out)
    if layer.kind == "dense":
        return writer.fully_connected(x, *values, activation=activation)
    method = writer.conv2d if layer.kind == "conv2d" else writer.depthwise_conv2d
    return method(x, *values, stride=layer.stride, dilation=layer.dilation, padding=layer.padding, activation=activation)


def class_priors(sampler: Sampler, each: bool = False) -> np.ndarray:
    """float64 [classes]: the logarithm of each class's training share. Words that are told apart are one class with
    `_unknown_` here; with `each` every one of them is as likely as a keyword."""
    shares, classes = sampler.shares(), answers.truth(np.arange(len(sampler.labels)), sampler.labels)
    return np.log(shares if each else np.bincount(classes, shares)[classes])


def equal_priors(weights: list[np.ndarray], sampler: Sampler, each: bool = False) -> list[np.ndarray]:
    """The weights with `class_priors` taken off the last layer's bias.

    Training windows are mostly no keyword, as the microphones' are, and the network learns that as a prior. Without
    it the scores are those of equally likely classes, which is what the test split holds; how much a detection needs
    is the detector's thresholds' to say.
    """
    return [*weights[:-1], weights[-1] - class_priors(sampler, each).astype(np.float32)]


def int8_accuracy(blob: bytes, features: np.ndarray, label: np.ndarray, labels: Sequence[str]) -> float:
    return float(np.mean(answers.of_scores(run_network(blob, features), labels) == answers.truth(label, labels)))


def quantise(config: Config, sampler: Sampler, float_weights: list[np.ndarray], features: np.ndarray,
             label: np.ndarray) -> tuple[list[Layer], dict]:
    """int8 layers and how they were made. features, label: of the validation split, which decides."""
    shape = features.shape[1:]
    model = models.build(config.model, shape, len(sampler.labels), config.channels)
    model.set_weights(float_weights)
    chain = fold(model)
    windows, _ = sampler.epoch(0)
    calibrate(chain, network_input(windows[:CALIBRATION_WINDOWS]))
    as_float = accuracy(model, features, label, sampler.labels)
    rounded = int8_accuracy(pack(chain, sampler.section, shape, {}, sampler.labels), features, label, sampler.labels)
    report = {"validation_float_percent": round(100 * as_float, 2), "method": "post-training",
              "validation_int8_percent": round(100 * rounded, 2)}
    print(f"validation: float {as_float:.2%}, rounded {rounded:.2%}", flush=True)
    if 100 * (as_float - rounded) <= config.quantise_loss:
        return chain, report

    share = 1 / len(answers.reported(sampler.labels))
    even = replace(sampler, silence=share, unknown=share)
    taught = TaughtEpochs(even, replace(config, cycle=0), teachers_of(config, sampler.labels))

    def epoch(i: int) -> tuple[np.ndarray, np.ndarray]:
        x, y, logits = taught.epoch(config.epochs + i)
        return network_input(x), targets(y, len(sampler.labels), logits)

    tuned = fine_tune(chain, epoch, config.quantise_epochs, config.batch, config.quantise_rate, loss_of(config))
    after = int8_accuracy(pack(tuned, sampler.section, shape, {}, sampler.labels), features, label, sampler.labels)
    print(f"validation after quantisation-aware training: {after:.2%}", flush=True)
    if after <= rounded:
        return chain, report
    return tuned, report | {"method": "quantisation-aware", "validation_int8_percent": round(100 * after, 2)}


def make(folder: Path, dataset: Dataset, output: Path, detector: dict, source: str = "", each: bool = False) -> dict:
    """Blob and manifest of a run's folder; returns the manifest. `dataset` has all three splits.
    source: what the recordings are; without it, what `source_of` finds in the run's data folder. each: see `class_priors`."""
    config = load_config(folder)
    source = source or source_of(Path(config.data))
    section, made_by = (folder / "frontend.bin").read_bytes(), commands(folder)
    deterministic(config.seed)
    sampler = Sampler(windows_for(config, dataset), section, config.seed,
                      config.epoch_size, config.silence, config.unknown, config.threads)
    weights = equal_priors(load_weights(folder), sampler, each)
    validation, test = dataset.splits["validation"], dataset.splits["test"]
    features = extract(section, test.pcm, config.threads)
    shape = features.shape[1:]
    model = models.build(config.model, shape, len(dataset.labels), config.channels)
    set_weights(model, weights, folder)
    chain, report = quantise(config, sampler, weights, extract(section, validation.pcm), validation.label)
    rows = run_network(pack(chain, section, shape, {}, dataset.labels), features)
    result = figures(answers.truth(test.label, dataset.labels), answers.of_scores(rows, dataset.labels), dataset.labels)
    meta = {
        "name": config.name, "model": config.model, "seed": config.seed,
        "command": " && ".join(made_by),
        "data": source,
        "quantisation": report,
        "test": {"accuracy_float_percent": round(100 * accuracy(model, features, test.label, dataset.labels), 2),
                 "accuracy_int8_percent": result["accuracy_percent"], "clips": result["clips"]},
        "detector": detector,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, pack(chain, section, shape, meta, dataset.labels))
    return write_manifest(output)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run's folder, build/runs/NAME")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL.kws")
    parser.add_argument("--data", metavar="DIR", help="recordings, where they are not the run's own folder")
    parser.add_argument("--manifest", type=Path, metavar="MODEL.kws", help="only write this blob's manifest anew")
    args = parser.parse_args()
    if not args.manifest and not (args.run and args.output):
        parser.error("give RUN and -o MODEL.kws, or --manifest MODEL.kws")
    try:
        if args.manifest:
            result = write_manifest(args.manifest)
        else:
            data = load_for(load_config(args.run), root=args.data)
            result = make(args.run, data, args.output, untuned(data.labels), source_of(Path(args.data or load_config(args.run).data)))
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    print(json.dumps({k: result[k] for k in ("file", "sha256", "blob_bytes", "arena_bytes", "macs", "test") if k in result}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
