"""Keras models and tf.Modules through TensorFlow's converter, as people make their .tflite files."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

L = keras.layers


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The converter prints from C++; this keeps it out of the tests' output."""
    sys.stdout.flush()
    keep, null = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1), os.dup2(null, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout.flush()
        os.dup2(keep[0], 1), os.dup2(keep[1], 2)
        for handle in (*keep, null):
            os.close(handle)


def quantised(converter: tf.lite.TFLiteConverter, shape: tuple[int, ...], edges: tuple[type, type] = (tf.int8, tf.int8)) -> bytes:
    """Full integer quantisation with random calibration data [1, *shape]."""
    rng = np.random.default_rng(1)
    samples = [[rng.normal(size=(1, *shape)).astype(np.float32)] for _ in range(24)]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = edges
    with quiet():
        return converter.convert()


def from_keras(layers: Callable[[keras.KerasTensor], keras.KerasTensor], shape: tuple[int, ...], edges: tuple[type, type] = (tf.int8, tf.int8),
               batch: int | None = None) -> bytes:  # fmt: skip
    """A model of an input of `shape`; its batch is not fixed, unless it is given, as Keras has it."""
    keras.utils.set_random_seed(7)
    x = keras.Input(shape, batch_size=batch)
    model = keras.Model(x, layers(x))
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):  # as if it had been trained
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.3, beta.shape), rng.normal(0, 0.3, mean.shape),
                               rng.uniform(0.5, 2, variance.shape)])  # fmt: skip
    with quiet():
        return quantised(tf.lite.TFLiteConverter.from_keras_model(model), shape, edges)


def dscnn(x: keras.KerasTensor) -> keras.KerasTensor:
    """The depthwise separable network of MLPerf Tiny, narrower."""
    x = L.Conv2D(16, (10, 4), strides=2, padding="same", use_bias=False)(x)
    x = L.ReLU()(L.BatchNormalization()(x))
    for _ in range(3):
        x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 1, use_bias=False)(x)))
    x = L.Flatten()(L.AveragePooling2D((25, 5))(L.Dropout(0.2)(x)))
    return L.Dense(12, activation="softmax")(x)


def tc_resnet(x: keras.KerasTensor) -> keras.KerasTensor:
    """Temporal convolutions with residual sums: frames [steps, features] as an image of one column."""
    x = L.Reshape((50, 1, 20))(x)
    x = L.Conv2D(8, (3, 1), use_bias=False)(x)
    for channels in (12, 16):
        side = L.ReLU()(L.BatchNormalization()(L.Conv2D(channels, 1, strides=(2, 1), use_bias=False)(x)))
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(channels, (9, 1), strides=(2, 1), padding="same", use_bias=False)(x)))
        y = L.BatchNormalization()(L.Conv2D(channels, (9, 1), padding="same", use_bias=False)(y))
        x = L.ReLU(6.0)(L.Add()([y, side]))
    return L.Dense(10)(L.GlobalAveragePooling2D()(x))


def conv1d(x: keras.KerasTensor) -> keras.KerasTensor:
    """Causal one-dimensional convolutions, dilated ones too, with activations of many kinds and a gate."""
    x = L.BatchNormalization()(L.Conv1D(16, 3, padding="causal", activation="relu")(x))
    y = L.Conv1D(16, 5, padding="causal", dilation_rate=2)(x)
    gate = L.Conv1D(16, 1, activation="sigmoid")(x)
    x = L.Add()([x, L.Multiply()([L.Activation("tanh")(y), gate])])
    x = L.LeakyReLU(negative_slope=0.1)(L.Conv1D(12, 3, strides=2)(x))
    x = L.PReLU(shared_axes=[1], alpha_initializer="random_normal")(L.Conv1D(12, 1)(x))
    x = L.Concatenate()([x, L.Activation("hard_swish")(x)])
    x = L.Subtract()([L.SeparableConv1D(8, 3, depth_multiplier=2)(x), L.Dense(8)(x)[:, 2:, :]])
    return L.Dense(5, activation="softmax")(L.Flatten()(L.MaxPooling1D(2)(x)))


def image(x: keras.KerasTensor) -> keras.KerasTensor:
    """Padding of all kinds, cropping, transposing, pooling with overlap, means over one axis."""
    x = L.ZeroPadding2D(((3, 0), (1, 2)))(x)
    x = L.Conv2D(6, (4, 3), strides=(2, 1), activation="relu6")(x)
    x = L.Cropping2D(((1, 0), (0, 2)))(x)
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    x = L.AveragePooling2D((2, 1), strides=1, padding="same")(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2, padding="same")(x)
    x = L.Permute((2, 1, 3))(x)
    x = L.Lambda(lambda t: tf.reduce_mean(t, axis=2))(x)
    return L.Dense(4, activation="sigmoid")(L.Flatten()(x))


class Ring(tf.Module):
    """A streaming network: each convolution keeps its last inputs in a variable, and takes `rows` frames a run."""

    def __init__(self, rows: int = 2, features: int = 10) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.rows, self.features = rows, features
        self.kernels = [tf.constant(rng.normal(0, 0.25, shape), tf.float32) for shape in ((3, 1, features, 8), (5, 1, 8, 8))]
        self.dense = tf.constant(rng.normal(0, 0.2, (8 * rows, 6)), tf.float32)
        self.rings = [tf.Variable(tf.zeros((1, k.shape[0] - 1, 1, k.shape[2])), trainable=False, name=f"ring{i}") for i, k in enumerate(self.kernels)]

    def __call__(self, frames: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(frames, (1, self.rows, 1, self.features))
        for kernel, ring in zip(self.kernels, self.rings, strict=True):
            x = tf.concat([ring, x], axis=1)
            ring.assign(x[:, -(kernel.shape[0] - 1) :])
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "VALID"))
        return tf.nn.softmax(tf.reshape(x, (1, 8 * self.rows)) @ self.dense)


def streaming(edges: tuple[type, type] = (tf.int8, tf.uint8)) -> bytes:
    ring = Ring()
    signature = tf.TensorSpec((1, ring.rows, ring.features), tf.float32)
    function = tf.function(ring.__call__).get_concrete_function(signature)
    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], ring)
    converter.experimental_enable_resource_variables = True
    converter._experimental_variable_quantization = True
    return quantised(converter, (ring.rows, ring.features), edges)
