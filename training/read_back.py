"""A run of a blob: `python -m training.read_back MODEL.kws NAME [FILE.json] [key=value ...]` makes build/runs/NAME.

The overrides are what the blob was trained with (a released model's: its recipe, or for the mean of several runs that
of one of them). The run has the blob's weights, whole numbers times their scales, and batch statistics of training
windows, so others can go on from it (`start=`) or learn from it (`teacher=`) where the run that the blob was made of is
not there any more. Labels, front end, window and layers are compared, and its answers with the blob's; biases that the
rounding gave to layers which have none in Keras are lost (of the models here, `bc_resnet` has such).
"""
from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from tools.blob import BlobError, read
from tools.blob import format as fmt
from tools.blob.frontend import with_norm
from tools.blob.reader import BlobInfo
from training import models
from training.config import Config, check, overrides, parse, to_json
from training.data import DataError, Dataset, load_for
from training.distill import log_softmax
from training.evaluate import run_network
from training.export import class_priors
from training.features import OUT_SCALE, Sampler, network_input, window_shape
from training.files import named, write_arrays, write_atomic
from training.fold import fold
from training.published import windows_for
from training.run_folder import BLOB, RUNS, check_new

STATISTICS_WINDOWS = 4096
MOST_DIFFERENT = 0.1                    # the rounding of activations makes some hundredths
KERNEL_SCALE = 1.5                      # of a fresh layer's kernels, which is near what trained ones have


def linear_layers(info: BlobInfo, model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of the blob's layers with weights, float64 as training/quantise.py's Layer has them. ValueError for another network than `model`."""
    ops = [op for op in info.window.ops if op.code in fmt.LINEAR]
    layers = [layer for layer in fold(model) if layer.has_weights]
    found, kinds = [], {fmt.Op.CONV_2D: "conv2d", fmt.Op.DEPTHWISE_CONV_2D: "depthwise", fmt.Op.FULLY_CONNECTED: "dense"}
    if [kinds[fmt.Op(op.code)] for op in ops] != [layer.kind for layer in layers]:
        raise ValueError(f"its layers are not those of model={model.name}")
    for number, (op, layer) in enumerate(zip(ops, layers, strict=True)):
        x, y = (info.window.tensors[i] for i in (op.inputs[0], op.output))
        channels = layer.weight.shape[layer.channel_axis]
        products = layer.weight.size // channels
        if y.shape[2] != channels or op.macs != products * y.bytes or (op.kernel and (op.kernel, op.stride, op.dilation) != (layer.kernel, layer.stride, layer.dilation)):
            raise ValueError(f"its layer {number} of those with weights is not that of model={model.name}, channels={layers[0].weight.shape[layers[0].channel_axis]}")
        rows_at, records_at = fmt.WINDOW_PARAMS.unpack(op.params)[8:]
        rows = np.frombuffer(info.weights, np.int8, channels * fmt.row_bytes(products), rows_at).reshape(channels, -1)[:, :products].astype(np.float64)
        bias, mult, shift = np.frombuffer(info.weights, "<i4", 3 * channels, records_at).reshape(channels, 3).T.astype(np.float64)
        step = mult * 2.0 ** (shift - 31) * y.scale / x.scale               # of a weight
        weight = rows * step[:, None]
        weight = weight.T.reshape(layer.weight.shape) if layer.kind == "depthwise" else weight.reshape(layer.weight.shape)
        found.append((weight, (bias + x.zero_point * rows.sum(axis=1)) * step * x.scale))
    return found


def put(parts: list[tuple[np.ndarray, np.ndarray]], model: keras.Model) -> list[tuple[keras.layers.BatchNormalization, np.ndarray, np.ndarray]]:
    """The weights into the Keras model. Kernels get about the scale that they have when training begins, which its weight decay and rate are
    made for; batch norm takes it off again. Returns (layer, that scale, bias) of each batch norm, whose mean and variance are still 0 and 1."""
    norms = {id(layer.input): layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    weighted = [layer for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense))]
    found, last = [], np.zeros(model.output_shape[-1])
    for layer, (weight, bias) in zip(weighted, parts, strict=True):
        if isinstance(layer, keras.layers.Dense):                           # their sum is the logits, so one may have all of the bias
            last = last + bias
            layer.set_weights([weight.T, last] if layer.use_bias else [weight.T])
            continue
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = weight[..., None] if depthwise else weight.transpose(1, 2, 3, 0)
        norm = norms.get(id(layer.output))
        if norm is not None:
            fresh = np.sqrt(np.mean(layer.get_weights()[0] ** 2))
            axes = (0, 1, 3) if depthwise else (0, 1, 2)
            scale = KERNEL_SCALE * fresh / np.maximum(np.sqrt(np.mean(kernel**2, axis=axes)), 1e-6)
            kernel = kernel * (scale[:, None] if depthwise else scale)
            norm.set_weights([np.sqrt(1 + norm.epsilon) / scale, bias, np.zeros_like(bias), np.ones_like(bias)])
            found.append((norm, scale, bias))
        own = bias if norm is None else np.zeros_like(bias)
        layer.set_weights([kernel, own] if layer.use_bias else [kernel])
    return found


def set_statistics(model: keras.Model, norms: list[tuple[keras.layers.BatchNormalization, np.ndarray, np.ndarray]], features: np.ndarray) -> None:
    """Gives each batch norm the mean and variance that its input has over `features`, and changes gain and offset so that it computes what it did."""
    inputs = keras.Model(model.inputs, [norm.input for norm, *_ in norms])
    sums = [np.zeros((2, len(scale))) for _, scale, _ in norms]
    count = np.zeros(len(norms))
    for at in range(0, len(features), 256):
        for i, x in enumerate(inputs.predict(network_input(features[at:at + 256]), verbose=0)):
            rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
            sums[i] += rows.sum(axis=0), (rows**2).sum(axis=0)
            count[i] += len(rows)
    for (norm, scale, bias), total, n in zip(norms, sums, count, strict=True):
        mean, square = total / n
        variance = np.maximum(square - mean**2, 0)
        norm.set_weights([np.sqrt(variance + norm.epsilon) / scale, bias + mean / scale, mean, variance])


def disagreement(blob: bytes, info: BlobInfo, model: keras.Model, features: np.ndarray) -> float:
    """Mean total variation between the scores of blob and model: 0 where they say the same of all windows, 1 where they agree on none."""
    said = (run_network(blob, features).reshape(len(features), -1).astype(np.float64) - info.output.zero_point) * info.output.scale
    return float(np.abs(said - np.exp(log_softmax(model.predict(network_input(features), verbose=0)))).sum(axis=1).mean() / 2)


def check_fits(path: Path, info: BlobInfo, config: Config) -> None:
    """Raises ValueError that names the blob where it is not of this configuration, as far as can be seen without its layers."""
    if tuple(info.labels) != config.labels:
        raise ValueError(f"{path} listens for {' '.join(info.labels[2:])}, the configuration for {' '.join(config.labels[2:])}")
    if not info.frontend:
        raise ValueError(f"{path} has no front end")
    if with_norm(info.frontend, 0.0, 1.0, OUT_SCALE, 0) != config.frontend.section(0.0, 1.0, OUT_SCALE):
        raise ValueError(f"{path} has another front end than the configuration (frontend.*): give what it was trained with, for a released model training/recipes/NAME.json")
    if (info.input.scale, info.input.zero_point) != (OUT_SCALE, 0):
        raise ValueError(f"{path} takes inputs of scale {info.input.scale:g} and zero point {info.input.zero_point}, networks trained here have {OUT_SCALE:g} and 0")
    frames = info.input.shape[0]
    if window_shape(info.frontend, config.window_samples)[0] != frames:
        raise ValueError(f"{path} takes windows of {frames} frames, not those of around_ms={config.around_ms:g}")


def read_back(path: Path, name: str, config: Config, dataset: Dataset | None = None) -> Path:
    """The new run's folder. dataset: what `config` trains with, where it is read already. Raises ValueError that names the blob where it is not of this
    configuration or is no blob, and where the run is there already."""
    check_new(RUNS / name)
    if config.average:
        raise ValueError(f"the configuration is of a mean of runs: give that of one of them, training/recipes/{Path(config.average.split()[0]).name}.json")
    blob = path.read_bytes()
    try:
        info = read(blob)
    except BlobError as exc:
        raise ValueError(f"{path}: {exc}") from exc
    config = check(replace(config, name=name, blob=str(path), start="", teacher="", overlaid=0.0, cycle=0))
    check_fits(path, info, config)
    keras.utils.set_random_seed(config.seed)
    model = models.build(config.model, info.input.shape[:2], len(info.labels), config.channels)
    try:
        parts = linear_layers(info, model)
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from exc
    sampler = Sampler(windows_for(config, dataset or load_for(replace(config, synthetic_unknown=0), ("train",))), info.frontend, config.seed,
                      min(config.epoch_size, STATISTICS_WINDOWS), config.silence, config.unknown, config.threads)
    features, _ = sampler.epoch(0)
    set_statistics(model, put(parts, model), features)
    differs = disagreement(blob, info, model, features)
    print(f"scores differ from the blob's by {differs:.2%} (mean total variation, {len(features)} training windows)", flush=True)
    if differs > MOST_DIFFERENT:
        raise ValueError(f"{path}: model={config.model} with its weights says something else than it, so it was made of another network")
    weights = model.get_weights()
    weights[-1] = weights[-1] + class_priors(sampler, each="phrase" in info.meta).astype(np.float32)     # a word's blob: training.word exports it so
    folder = RUNS / name
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / BLOB, blob)
    write_atomic(folder / "frontend.bin", info.frontend)
    write_atomic(folder / "config.json", json.dumps(to_json(replace(config, epochs=0)), indent=1))
    write_arrays(folder / "float.npz", named(weights))
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.read_back", description=__doc__.split("\n")[0])
    parser.add_argument("blob", metavar="MODEL.kws", type=Path)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("overrides", nargs="*", metavar="FILE.json | key=value", help="configuration overrides: what the blob was trained with")
    args = parser.parse_args()
    try:
        config = parse(args.overrides)
        folder = read_back(args.blob, args.name, config)
    except (DataError, ValueError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    alone = replace(config, name="MINE", start=str(folder), teacher="", overlaid=0.0, cycle=0)
    print(f"done: {folder}; to go on without a teacher: {shlex.join(['python', '-m', 'training.train', *overrides(alone)])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
