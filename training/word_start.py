"""From training/backbones/*.npz to a run that `training.word` goes on from: the network's body, and dense layers for the phrase."""
from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np

from training import models
from training.augment import Windows
from training.clips import DataError
from training.config import Config, to_json
from training.data import Dataset
from training.features import Sampler, network_input
from training.files import named, weights_of, write_arrays, write_atomic

BACKBONES = Path(__file__).parent / "backbones"
HEAD_WINDOWS, HEAD_EPOCHS, HEAD_RATE = 4000, 40, 0.02


def backbone(model: str) -> tuple[list[np.ndarray], bytes]:
    """A backbone's weights and front end section. Raises DataError where there is none for this model."""
    path = BACKBONES / f"{model}.npz"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in BACKBONES.glob("*.npz"))) or "none"
        raise DataError(f"{path} is not there, and a word cannot be started without it; there are: {known} (python -m training.backbone)")
    with np.load(path) as saved:
        return weights_of(saved), saved["frontend"].tobytes()


def about(model: str) -> dict:
    """What a backbone's file says of it: `words` that it tells apart, `around_ms` of its windows."""
    return {"around_ms": 0.0} | json.loads((BACKBONES / f"{model}.json").read_text())


def prepare(config: Config, dataset: Dataset, folder: Path) -> None:
    """Writes `folder` as a finished run of the phrase's labels: the backbone's body as it is, and dense layers fitted to
    windows of the phrase while the body stays (Kumar et al., 2022, arXiv 2202.10054: what was learnt from people is
    distorted less when the last layers fit before the rest moves)."""
    weights, section = backbone(config.model)
    sampler = Sampler(Windows(dataset.splits["train"], dataset.noise, config.augment), section, config.seed,
                      min(HEAD_WINDOWS, config.epoch_size), config.silence, config.unknown, config.threads)
    windows, labels = sampler.epoch(0)
    keras.utils.set_random_seed(config.seed)
    model = with_body(config, windows.shape[1:], len(dataset.labels), weights)
    heads = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    averages = keras.Model(model.input, [head.input for head in heads]).predict(network_input(windows), batch_size=256, verbose=0)
    inputs = [keras.Input(head.input.shape[1:]) for head in heads]
    head = keras.Model(inputs, keras.layers.Dense(len(dataset.labels))(keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]))
    head.compile(keras.optimizers.Adam(HEAD_RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    head.fit(averages, labels, batch_size=256, epochs=HEAD_EPOCHS, verbose=0)
    kernel, bias = head.get_weights()
    parts = np.split(kernel, np.cumsum([layer.input.shape[-1] for layer in heads])[:-1])
    for layer, part in zip(heads, parts, strict=True):
        layer.set_weights([part, bias] if layer.use_bias else [part])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frontend.bin").write_bytes(section)
    write_atomic(folder / "config.json", json.dumps(to_json(config), indent=1))
    write_arrays(folder / "float.npz", named(model.get_weights()))


def with_body(config: Config, shape: tuple[int, int], classes: int, weights: list[np.ndarray]) -> keras.Model:
    """A model of `classes` whose layers up to the dense ones have the backbone's weights, which are of as many classes as its
    last bias has. Raises DataError for weights of another network."""
    model, source = (models.build(config.model, shape, n, config.channels) for n in (classes, len(weights[-1])))
    if [w.shape for w in source.get_weights()] != [w.shape for w in weights]:
        raise DataError(f"{BACKBONES / config.model}.npz holds another network than {config.model} with channels={config.channels}: leave channels out, or make it anew "
                        "(python -m training.backbone)")
    source.set_weights(weights)
    for layer, trained in zip(model.layers, source.layers, strict=True):
        if not isinstance(layer, keras.layers.Dense):
            layer.set_weights(trained.get_weights())
    return model
