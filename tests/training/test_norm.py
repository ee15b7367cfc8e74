"""The fused batch norm is Keras' own, only faster."""
from __future__ import annotations

import keras
import numpy as np
import pytest

from training.norm import BatchNormalization


def trained(layer: keras.layers.Layer, x: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
    """Weights, running statistics among them, and losses after some steps of a network with this layer."""
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(layer(inputs))))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = [float(model.train_on_batch(x, np.ones((len(x), x.shape[-1])))) for _ in range(3)]
    return model.get_weights(), losses


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}], ids=str)
def test_fused_batch_norm_learns_what_keras_own_does(options: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other statistics than Keras' would shift every layer behind them, and a checkpoint would go on as another run."""
    x = np.random.default_rng(2).normal(1, 3, (6, 5, 4, 3)).astype(np.float32)       # few values: a batch is no large sample
    with monkeypatch.context() as patched:
        patched.setattr(keras.layers.BatchNormalization, "call", lambda *_, **__: pytest.fail("not the fused operation"))
        fused, fused_losses = trained(BatchNormalization(momentum=0.9, **options), x)
    own, own_losses = trained(keras.layers.BatchNormalization(momentum=0.9, **options), x)
    assert own_losses[0] > own_losses[-1]
    np.testing.assert_allclose(fused_losses, own_losses, rtol=1e-4)
    for a, b in zip(fused, own, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
