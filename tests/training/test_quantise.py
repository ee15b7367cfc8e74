"""From Keras to the C core, DS-CNN: the same network, bit for bit where integers are defined."""
from __future__ import annotations

import hashlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tools.blob import FrontendConfig, read
from tools.kwslib import Model
from training import models
from training.calibrate import calibrate
from training.config import mfcc
from training.evaluate import run_network
from training.export import equal_priors, pack
from training.features import OUT_SCALE, Sampler, network_input
from training.fine_tune import fine_tune, network
from training.fold import fold
from training.folders import labels_of
from training.quantise import Layer, run

LABELS = labels_of()
SHAPE = (49, 10)
CROSS_ENTROPY = keras.losses.CategoricalCrossentropy(from_logits=True)


def trained_like(seed: int, channels: int = 8):
    """A small DS-CNN whose weights and batch statistics are drawn, as if it had been trained."""
    model = models.build("ds_cnn", SHAPE, len(LABELS), channels)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


def features(seed: int, n: int = 40) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 32, (n, *SHAPE)), -128, 127).astype(np.int8)


@pytest.mark.parametrize("seed", [1, 2])
def test_scores_are_those_of_the_logits(seed: int) -> None:
    """What training measures would not be what the device computes."""
    model, x = trained_like(seed, channels=5 + seed), features(seed + 10)
    chain = fold(model)
    calibrate(chain, network_input(x))
    section = FrontendConfig().section(out_scale=OUT_SCALE)
    logits = run(chain, x[..., None], OUT_SCALE)
    assert np.array_equal(run_network(pack(chain, section, SHAPE, {}, LABELS, softmax=False), x), logits)
    exponent = (logits - logits.max(axis=1, keepdims=True).astype(float)) * chain[-1].out_scale
    posterior = np.exp(exponent) / np.exp(exponent).sum(axis=1, keepdims=True)
    scores = run_network(pack(chain, section, SHAPE, {}, LABELS), x)
    assert np.abs(np.clip(256 * posterior - 128, -128, 127) - scores).max() <= 1


def test_int8_follows_float() -> None:
    """Quantisation that loses the answer loses keywords."""
    model, x = trained_like(6, channels=16), features(7, 200)
    chain = fold(model)
    calibrate(chain, network_input(x))
    exact = model.predict(network_input(x), verbose=0)
    rounded = (run(chain, x[..., None], OUT_SCALE).astype(float) - chain[-1].out_zero) * chain[-1].out_scale
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.98


def test_equal_priors_takes_the_training_shares_off() -> None:
    """The network would go on expecting as many unknown words as training drew, and miss keywords."""
    sampler = Sampler(SimpleNamespace(split=SimpleNamespace(labels=LABELS)), b"", seed=0, size=10, silence=0.1, unknown=0.3)
    weights = equal_priors([np.ones(3), np.zeros(len(LABELS), np.float32)], sampler)
    assert np.exp(-weights[1]).sum() == pytest.approx(1)
    assert np.exp(-weights[1])[:3] == pytest.approx([0.1, 0.3, 0.06])
    assert weights[1].dtype == np.float32 and weights[0].tolist() == [1, 1, 1]


def test_blob_carries_what_the_device_needs() -> None:
    """Missing labels or front end make a blob that the app cannot use."""
    chain = fold(trained_like(8))
    calibrate(chain, network_input(features(9)))
    section = FrontendConfig().section(out_scale=OUT_SCALE)
    blob = pack(chain, section, SHAPE, {"seed": 3}, LABELS)
    model = Model(blob)
    assert tuple(model.labels) == LABELS and model.input_shape == (49, 10, 1) and model.decision_hop_frames == 4
    assert read(blob).frontend == section and read(blob).meta == {"seed": 3}
    assert model.input_quant == (OUT_SCALE, 0) and model.output_quant == (1 / 256, -128)
    assert pack(chain, section, SHAPE, {"seed": 3}, LABELS) == blob


def test_fine_tuning_lowers_the_loss_with_rounding_in_place() -> None:
    """Quantisation-aware training that does not train costs time and gains nothing."""
    model, x = trained_like(10), features(11, 256)
    chain = fold(model)
    calibrate(chain, network_input(x))
    y = np.eye(len(LABELS), dtype=np.float32)[np.random.default_rng(1).integers(0, len(LABELS), len(x))]

    def loss(layers: list[Layer]) -> float:
        logits = network(layers, (*SHAPE, 1), rounding=True).predict(network_input(x), verbose=0)
        logits = logits - logits.max(axis=1, keepdims=True)
        return float(-(y * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1).mean())

    tuned = fine_tune(chain, lambda _: (network_input(x), y), epochs=4, batch=32, learning_rate=3e-3, loss=CROSS_ENTROPY)
    assert [layer.kind for layer in tuned] == [layer.kind for layer in chain]
    assert loss(tuned) < loss(chain) - 0.1      # 2.485, the entropy of random labels, is near


def test_same_weights_give_the_released_bytes() -> None:
    """A released model could not be made again from its run."""
    chain = fold(trained_like(12, channels=16))
    for i, layer in enumerate(chain):
        layer.out_scale, layer.out_zero = (1 / 16, -128) if layer.relu or layer.kind == "avg_pool" else (1 / 8, i)
    blob = pack(chain, mfcc().section(np.zeros(10), np.ones(10), OUT_SCALE), SHAPE, {"seed": 12}, LABELS)
    assert hashlib.sha256(blob).hexdigest() == "9b834f8460a5598c4e04dd6d62fd0aab3586affb4e7a2472872a905d879ccf45"


def test_layer_without_a_rule_is_an_error() -> None:
    """A layer that was skipped in silence would give a blob of another network."""
    import keras
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.MaxPooling2D()])
    with pytest.raises(TypeError, match="MaxPooling2D"):
        fold(model)
