"""Network shapes. Each function returns an uncompiled Keras model that gives logits; any Keras backend runs them."""
from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from training.norm import BatchNormalization
from training.published import ds_cnn_published


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(BatchNormalization(momentum=0.98)(x))


def ds_cnn(input_shape: tuple[int, int], classes: int, channels: int = 64) -> keras.Model:
    """Depthwise-separable CNN in MLPerf Tiny's shape (Banbury 2021, after Zhang 2017, "Hello Edge").

    input_shape: (frames, features). The first layer makes 25 x 5 places of 49 frames: of 10 MFCC
    with MLPerf's 10 x 4 kernel at a stride of 2 (22.6 k weights, 2.66 M multiply-adds at 64 channels), of 40 mel bands
    with 10 x 10 at 2 x 8 (26.4 k, 3.14 M).
    """
    stride = -(-input_shape[1] // 5)
    inputs = keras.Input((*input_shape, 1))                                         # [n, 49, 10, 1]
    x = layers.Conv2D(channels, (10, stride + 2), strides=(2, stride), padding="same", use_bias=False)(inputs)
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
        x = BatchNormalization(momentum=0.98)(layers.Conv2D(width, (9, 1), padding="same", use_bias=False)(x))
        x = layers.ReLU()(layers.Add()([x, skip]))                                  # [n, frames / 2, / 4, / 8, 1, width]
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x), name="tc_resnet8")


def _broadcasted(x: keras.KerasTensor, channels: int, stride: int, dilation: int) -> keras.KerasTensor:
    """A block of bc_resnet: over the features, then their mean over time, and that added to all features again.

    stride: of the features, in a block that changes the channels; only the others have a skip from end to end.
    """
    y = x if x.shape[-1] == channels else _bn_relu(
        layers.Conv2D(channels, (1, 3 if stride > 1 else 1), strides=(1, stride), padding="same", use_bias=False)(x))
    y = BatchNormalization(momentum=0.98)(layers.DepthwiseConv2D((1, 3), padding="same", use_bias=False)(y))
    z = layers.AveragePooling2D((1, y.shape[2]))(y)                                 # [n, frames, 1, channels]
    z = _bn_relu(layers.DepthwiseConv2D((3, 1), dilation_rate=(dilation, 1), padding="same", use_bias=False)(z))
    z = layers.SpatialDropout2D(0.1)(layers.Conv2D(channels, 1, use_bias=False)(z))
    return layers.ReLU()(layers.Add()([layers.Add()([x, y]) if x.shape == y.shape else y, z]))


def bc_resnet(input_shape: tuple[int, int], classes: int, channels: int = 8) -> keras.Model:
    """Broadcasted residual network (Kim 2021, arXiv 2106.04140), BC-ResNet-1: 8.3 k weights for 12 classes.

    channels: of the first stage, 8 tau; the next have 1.5, 2 and 2.5 times as many. It looks ahead and further than a
    window, so it does not stream. What differs from the paper:

    - Batch norm in the place of sub-spectral norm, which scales every fifth of the features by itself: the weights of a
      depthwise convolution are the same for all features and cannot take that in. In int8 it would be a product and a
      sum with constants, 27 instructions an element on a Cortex-M7 behind a convolution of 18.
    - ReLU in the place of swish behind the convolutions over time.
    - The stride of the features is in the convolution that changes the channels, which has three taps there, not in the
      depthwise one: Keras' TensorFlow backend wants one stride for both axes of those.
    """
    inputs = keras.Input((*input_shape, 1))
    x = _bn_relu(layers.Conv2D(2 * channels, 5, strides=(1, 2), padding="same", use_bias=False)(inputs))
    for width, blocks, stride, dilation in ((2, 2, 1, 1), (3, 2, 2, 2), (4, 4, 2, 4), (5, 4, 1, 8)):
        for _ in range(blocks):                                                     # [n, frames, features / 2, / 4, / 8, .]
            x = _broadcasted(x, channels * width // 2, stride, dilation)
    x = layers.ZeroPadding2D(((2, 2), (0, 0)))(x)
    x = layers.DepthwiseConv2D((5, x.shape[2]), use_bias=False)(x)                  # [n, frames, 1, .]
    x = layers.GlobalAveragePooling2D()(_bn_relu(layers.Conv2D(4 * channels, 1, use_bias=False)(x)))
    return keras.Model(inputs, layers.Dense(classes)(x), name="bc_resnet")


def _residual(x: keras.KerasTensor, channels: int, stride: int) -> keras.KerasTensor:
    y = _bn_relu(layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x))
    y = BatchNormalization(momentum=0.98)(layers.Conv2D(channels, 3, padding="same", use_bias=False)(y))
    if stride != 1 or x.shape[-1] != channels:
        x = BatchNormalization(momentum=0.98)(layers.Conv2D(channels, 1, strides=stride, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, y]))


def resnet(input_shape: tuple[int, int], classes: int, channels: int = 32) -> keras.Model:
    """A residual network over time and frequency (He 2016), to teach smaller ones: five blocks of two 3x3 convolutions.

    channels: of the first two blocks' layers; then twice and four times as many. 32 have 0.68 M weights and, on 49 x 40,
    44 M multiply-adds.
    """
    inputs = keras.Input((*input_shape, 1))
    x = _bn_relu(layers.Conv2D(channels, 5, strides=2, padding="same", use_bias=False)(inputs))
    for width, stride in ((1, 1), (2, 2), (2, 1), (4, 2), (4, 1)):
        x = _residual(x, width * channels, stride)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes)(x), name="resnet")


def _valid(x: keras.KerasTensor, layer: layers.Conv2D | layers.DepthwiseConv2D) -> keras.KerasTensor:
    """A convolution only where a window has all the frames; zeros around the features, as "same" has them."""
    kernel, stride = layer.kernel_size[1], layer.strides[1]
    around = max((-(-x.shape[2] // stride) - 1) * stride + kernel - x.shape[2], 0)
    return layer(layers.ZeroPadding2D(((0, 0), (around // 2, around - around // 2)))(x))


def _check_window(name: str, seen: int, frames: int) -> None:
    if seen > frames:
        raise ValueError(f"{name} looks at {seen} frames, the window has {frames}")


def _say(features: list[keras.KerasTensor], classes: int) -> keras.KerasTensor:
    """Logits: the sum of what the average over each feature map says. Layers early in a network have more rows of a window
    without padding, nearer to its ends."""
    averages = [layers.GlobalAveragePooling2D()(x) for x in features]
    logits = layers.Dense(classes, use_bias=False)(averages[0])
    for number, average in enumerate(averages[1:], 2):
        logits = layers.Add()([logits, layers.Dense(classes, use_bias=number == len(averages))(average)])
    return logits


def stream_small(input_shape: tuple[int, int], classes: int, channels: int = 36) -> keras.Model:
    """At most 20 KB of blob, and 0.25 M instructions for 20 ms on a Cortex-M7 with the front end.

    Causal: what a stream has computed for a frame stays true for all later windows. `ds_cnn` with a shorter first kernel
    and without padding in time: rows are two frames apart, and of 49 frames 19 rows have seen 13 frames each, 15 have seen 21.
    ValueError for a window that is shorter than that.
    """
    _check_window("stream_small", 21, input_shape[0])
    stride, maps = -(-input_shape[1] // 5), []
    inputs = keras.Input((*input_shape, 1))
    x = _bn_relu(_valid(inputs, layers.Conv2D(channels, (5, stride + 2), strides=(2, stride), use_bias=False)))
    for number in range(4):
        x = _bn_relu(_valid(x, layers.DepthwiseConv2D(3, use_bias=False)))
        x = _bn_relu(layers.Conv2D(channels, 1, use_bias=False)(x))                 # [n, rows, 5, channels]
        if number % 2:
            maps.append(x)
    return keras.Model(inputs, _say(maps, classes), name="stream_small")


def stream_dense(input_shape: tuple[int, int], classes: int, channels: int = 12) -> keras.Model:
    """At most 80 KB of blob, what a phrase of your own starts from. channels: of the first layer and block; then twice and four times as many.

    Causal, a residual network (He 2016) of dense convolutions, a 3x3 and a 1x3 one a block. A row is every second frame, from
    the second width on every fourth, which is the step of a decision: of 49 frames, 21 rows that have seen 9 frames each, 8
    that have seen 21 and 4 that have seen 37. ValueError for a window that is shorter than that.
    """
    _check_window("stream_dense", 37, input_shape[0])
    inputs = keras.Input((*input_shape, 1))
    x, maps = _bn_relu(_valid(inputs, layers.Conv2D(channels, 5, strides=2, use_bias=False))), {}
    for width, stride in ((1, (1, 1)), (2, (2, 2)), (2, (1, 1)), (4, (1, 2)), (4, (1, 1))):
        y = _bn_relu(_valid(x, layers.Conv2D(width * channels, 3, strides=stride, use_bias=False)))
        y = BatchNormalization(momentum=0.98)(_valid(y, layers.Conv2D(width * channels, (1, 3), use_bias=False)))
        x = layers.Cropping2D(((2, 0), (0, 0)))(x)
        if y.shape != x.shape:
            x = BatchNormalization(momentum=0.98)(layers.Conv2D(width * channels, 1, strides=stride, use_bias=False)(x))
        x = maps[width] = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, _say([*maps.values()], classes), name="stream_dense")


def _separable(x: keras.KerasTensor, rows: int) -> keras.KerasTensor:
    """A residual block: a depthwise convolution over `rows` rows and three bands, a pointwise one, and the newest rows added."""
    y = _bn_relu(_valid(x, layers.DepthwiseConv2D((rows, 3), use_bias=False)))
    y = BatchNormalization(momentum=0.98)(layers.Conv2D(x.shape[-1], 1, use_bias=False)(y))
    newest = layers.Cropping2D(((rows - 1, 0), (0, 0)))(x) if rows > 1 else x
    return layers.ReLU()(layers.Add()([newest, y]))


def stream_medium(input_shape: tuple[int, int], classes: int, channels: int = 60) -> keras.Model:
    """At most 80 KB of blob. channels: of all layers but the first, which has a quarter.

    Causal: two dense convolutions make 10 bands of 40, and a row of two frames; residual separable blocks follow, three at
    half the bands. Of 65 frames, 27 rows that have seen 13 frames each, 25 that have seen 17 and 21 that have seen 25.
    ValueError for a window that is shorter than that.
    """
    _check_window("stream_medium", 25, input_shape[0])
    inputs = keras.Input((*input_shape, 1))
    x = _bn_relu(_valid(inputs, layers.Conv2D(max(1, channels // 4), 5, strides=2, use_bias=False)))
    x = _bn_relu(_valid(x, layers.Conv2D(channels, 3, strides=(1, 2), use_bias=False)))
    first = _separable(x, 3)
    second = _separable(_separable(first, 1), 3)
    x = _separable(_separable(second, 1), 3)
    x = _bn_relu(_valid(x, layers.Conv2D(channels, (1, 3), strides=(1, 2), use_bias=False)))
    last = _separable(_separable(_separable(x, 1), 3), 1)
    return keras.Model(inputs, _say([first, second, last], classes), name="stream_medium")


MODELS: dict[str, Callable[..., keras.Model]] = {
    f.__name__: f for f in (ds_cnn, ds_cnn_published, tc_resnet8, bc_resnet, resnet, stream_small, stream_medium, stream_dense)}


def build(name: str, input_shape: tuple[int, int], classes: int, channels: int = 0) -> keras.Model:
    """channels: 0 for the model's own."""
    if name not in MODELS:
        raise ValueError(f"unknown model '{name}'; known are {', '.join(MODELS)}")
    return MODELS[name](input_shape, classes, **({"channels": channels} if channels else {}))
