"""Network shapes. Each function returns an uncompiled Keras model that gives logits; any Keras backend runs them."""
from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))


def ds_cnn(input_shape: tuple[int, int], classes: int, channels: int = 64) -> keras.Model:
    """Depthwise-separable CNN in MLPerf Tiny's shape (Banbury 2021, after Zhang 2017, "Hello Edge").

    input_shape: (frames, features). 49 x 10 and 64 channels have 22.6 k weights and 2.66 M multiply-adds.
    """
    inputs = keras.Input((*input_shape, 1))                                         # [n, 49, 10, 1]
    x = layers.Conv2D(channels, (10, 4), strides=2, padding="same", use_bias=False)(inputs)
    x = _bn_relu(x)                                                                 # [n, 25, 5, channels]
    for _ in range(4):
        x = _bn_relu(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
        x = _bn_relu(layers.Conv2D(channels, 1, use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)                                          # [n, channels]
    return keras.Model(inputs, layers.Dense(classes)(x), name="ds_cnn")


MODELS: dict[str, Callable[..., keras.Model]] = {"ds_cnn": ds_cnn}


def build(name: str, input_shape: tuple[int, int], classes: int, channels: int) -> keras.Model:
    if name not in MODELS:
        raise ValueError(f"unknown model '{name}'; known are {', '.join(MODELS)}")
    return MODELS[name](input_shape, classes, channels)
