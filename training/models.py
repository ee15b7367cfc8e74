"""Network shapes. Each function returns an uncompiled Keras model that gives logits; any Keras backend runs them."""
from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from training.published import ds_cnn_published


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


def _features_as_channels(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """[n, frames, features, 1] -> [n, frames, 1, features], for convolutions over time alone."""
    return layers.Reshape((inputs.shape[1], 1, inputs.shape[2]))(inputs)


def tc_resnet8(input_shape: tuple[int, int], classes: int, channels: int = 16) -> keras.Model:
    """Temporal residual network (Choi 2019, TC-ResNet8): features are channels, kernels of 9 frames, three blocks.

    channels: of the first layer; the blocks have 1.5, 2 and 3 times as many. It looks ahead, so it does not stream.
    """
    inputs = keras.Input((*input_shape, 1))
    x = _features_as_channels(inputs)                                               # [n, frames, 1, features]
    x = _bn_relu(layers.Conv2D(channels, (3, 1), padding="same", use_bias=False)(x))
    for width in (channels * 3 // 2, channels * 2, channels * 3):
        skip = _bn_relu(layers.Conv2D(width, 1, strides=2, use_bias=False)(x))
        x = _bn_relu(layers.Conv2D(width, (9, 1), strides=2, padding="same", use_bias=False)(x))
        x = layers.BatchNormalization(momentum=0.98)(layers.Conv2D(width, (9, 1), padding="same", use_bias=False)(x))
        x = layers.ReLU()(layers.Add()([x, skip]))                                  # [n, frames / 2, / 4, / 8, 1, width]
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x), name="tc_resnet8")


def _causal(x: keras.KerasTensor, layer: layers.Layer) -> keras.KerasTensor:
    """The convolution over time, [n, frames, 1, c], looking at no frame after its newest."""
    (kernel, _), (dilation, _) = layer.kernel_size, layer.dilation_rate
    return layer(layers.ZeroPadding2D((((kernel - 1) * dilation, 0), (0, 0)))(x))


def _stream(inputs: keras.KerasTensor, classes: int, channels: int, first: int, dilations: tuple[int, ...], name: str) -> keras.Model:
    """Hark's causal family: what a stream has computed for a frame stays true for all later windows.

    A layer over all features of `first` frames; for each of `dilations` a depthwise convolution over 9 rows in time, a
    pointwise one and a skip; the average of the newest rows. Only rows that no padding reaches are averaged, so a
    window's scores are those of the stream. ValueError for a window that is shorter than what one row has seen.
    """
    kernel, frames = 9, inputs.shape[1]
    hidden = first - 1 + (kernel - 1) * sum(dilations)                              # rows that have seen padding
    if hidden >= frames:
        raise ValueError(f"{name} looks at {hidden + 1} frames, the window has {frames}")
    x = _features_as_channels(inputs)                                               # [n, frames, 1, features]
    x = _bn_relu(_causal(x, layers.Conv2D(channels, (first, 1), use_bias=False)))
    for dilation in dilations:                                                      # [n, frames, 1, channels]
        y = _causal(x, layers.DepthwiseConv2D((kernel, 1), dilation_rate=(dilation, 1), use_bias=False))
        y = layers.Conv2D(channels, 1, use_bias=False)(_bn_relu(y))
        x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization(momentum=0.98)(y)]))
    x = layers.Cropping2D(((hidden, 0), (0, 0)))(x)
    x = layers.GlobalAveragePooling2D()(x)                                          # [n, channels]
    return keras.Model(inputs, layers.Dense(classes)(x), name=name)


def stream_small(input_shape: tuple[int, int], classes: int, channels: int = 40) -> keras.Model:
    """At most 20 KB of blob, and 0.25 M instructions for 20 ms on a Cortex-M7 with the front end."""
    return _stream(keras.Input((*input_shape, 1)), classes, channels, 1, (1, 1, 2), "stream_small")


def stream_medium(input_shape: tuple[int, int], classes: int, channels: int = 88) -> keras.Model:
    """At most 80 KB of blob."""
    return _stream(keras.Input((*input_shape, 1)), classes, channels, 3, (1, 1, 1, 1, 1), "stream_medium")


MODELS: dict[str, Callable[..., keras.Model]] = {f.__name__: f for f in (ds_cnn, ds_cnn_published, tc_resnet8, stream_small, stream_medium)}


def build(name: str, input_shape: tuple[int, int], classes: int, channels: int = 0) -> keras.Model:
    """channels: 0 for the model's own."""
    if name not in MODELS:
        raise ValueError(f"unknown model '{name}'; known are {', '.join(MODELS)}")
    return MODELS[name](input_shape, classes, **({"channels": channels} if channels else {}))
