"""From training/backbones/*.npz to a run that `training.word` goes on from: the network's body, and a last layer for the phrase."""
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


def prepare(config: Config, dataset: Dataset, folder: Path) -> None:
    """Writes `folder` as a finished run of the phrase's labels: the backbone's body as it is, and a last layer fitted to
    windows of the phrase while the body stays (Kumar et al., 2022, arXiv 2202.10054: what was learnt from people is
    distorted less when the last layer fits before the rest moves)."""
    weights, section = backbone(config.model)
    sampler = Sampler(Windows(dataset.splits["train"], dataset.noise, config.augment), section, config.seed,
                      min(HEAD_WINDOWS, config.epoch_size), config.silence, config.unknown, config.threads)
    windows, labels = sampler.epoch(0)
    classes, shape = len(dataset.labels), windows.shape[1:]
    model = models.build(config.model, shape, classes, config.channels)
    if [w.shape for w in model.get_weights()[:-2]] != [w.shape for w in weights[:-2]]:
        raise DataError(f"{BACKBONES / config.model}.npz holds another network than {config.model}: make it anew (python -m training.backbone)")
    keras.utils.set_random_seed(config.seed)
    model.set_weights([*weights[:-2], *model.get_weights()[-2:]])
    body = keras.Model(model.input, model.layers[-1].input)
    features = body.predict(network_input(windows), batch_size=256, verbose=0)      # [n, channels]
    inputs = keras.Input(features.shape[1:])
    head = keras.Model(inputs, keras.layers.Dense(classes)(inputs))
    head.compile(keras.optimizers.Adam(HEAD_RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    head.fit(features, labels, batch_size=256, epochs=HEAD_EPOCHS, verbose=0)
    model.layers[-1].set_weights(head.get_weights())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frontend.bin").write_bytes(section)
    write_atomic(folder / "config.json", json.dumps(to_json(config), indent=1))
    write_arrays(folder / "float.npz", named(model.get_weights()))
