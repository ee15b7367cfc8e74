"""Models made by Keras and TensorFlow's converter, tensor by tensor against the reference kernels."""

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
import keras_models
from tflite_graphs import compare

from tools.import_tflite import import_model
from tools.import_tflite.frontend import configured
from tools.kwslib import Model, Stream

MODELS = {
    "dscnn": (keras_models.dscnn, (49, 10, 1), (tf.int8, tf.int8), None),
    "tc_resnet, float edges": (keras_models.tc_resnet, (50, 20), (tf.float32, tf.float32), None),
    "conv1d, uint8 output": (keras_models.conv1d, (30, 12), (tf.int8, tf.uint8), 1),
    "conv1d, batch not fixed": (keras_models.conv1d, (30, 12), (tf.int8, tf.int8), None),
    "image, uint8 edges": (keras_models.image, (20, 12, 3), (tf.uint8, tf.uint8), 1),
    "image, batch not fixed": (keras_models.image, (20, 12, 3), (tf.float32, tf.int8), None),
}


@pytest.mark.parametrize("name", MODELS)
def test_keras(name: str) -> None:
    """What somebody has trained and judged on the PC is what the device computes."""
    layers, shape, edges, batch = MODELS[name]
    model = keras_models.from_keras(layers, shape, edges, batch)
    inputs = np.random.default_rng(2).integers(-128, 128, (8, int(np.prod(shape)))).astype(np.int8)
    report, compared = compare(model, inputs)
    assert compared >= 8
    scores = Model(report.blob).run(inputs.reshape(8, *report.input.shape))
    assert len(np.unique(scores)) > 10  # a network that says nothing proves nothing
    assert report.input.type.name == np.dtype(edges[0].as_numpy_dtype).name.upper()


def test_ring_buffers_in_variables() -> None:
    """A streaming model remembers what it should from run to run, and begins as it should."""
    model = keras_models.streaming()
    inputs = np.random.default_rng(2).integers(-128, 128, (40, 20)).astype(np.int8)
    report, compared = compare(model, inputs)
    ours = Model(report.blob)
    assert compared >= 5 and ours.variables
    # The state matters: a run by itself is not what the same frames give in a sequence.
    assert not np.array_equal(ours.run(inputs.reshape(40, *ours.input_shape)), ours.run_sequence(inputs.reshape(40, *ours.input_shape)))


def test_model_with_state_streams() -> None:
    """With a front end, such a model takes its frames as they come."""
    model = keras_models.streaming()
    report = import_model(model, frontend=configured({"n_mels": 10, "n_dct": 0}))
    frames = np.random.default_rng(3).integers(-128, 128, (60, 10)).astype(np.int8)
    ours = Model(report.blob)
    assert ours.decision_hop_frames == 2
    expected = ours.run_sequence(frames.reshape(30, *ours.input_shape))
    np.testing.assert_array_equal(Stream(report.blob).feed_features(frames), expected)


def test_step_program_of_a_causal_model() -> None:
    """A causal one-dimensional network streams layer by layer, and gives the window's scores."""

    def layers(x):
        L = keras_models.L
        for dilation in (1, 2, 4):
            x = L.Conv1D(8, 3, dilation_rate=dilation, padding="valid", activation="relu")(x)
        return L.Dense(4, activation="softmax")(L.GlobalAveragePooling1D()(x))

    model = keras_models.from_keras(layers, (40, 12), batch=1)
    report = import_model(model, frontend=configured({"n_mels": 12, "n_dct": 0}), decision_hop_frames=2)
    ours = Model(report.blob)
    assert ours.streaming, report.writer.no_step_program
    assert all(line.streams for line in report.writer.report[:3]), report.writer.report
    frames = np.random.default_rng(4).integers(-128, 128, (200, 12)).astype(np.int8)
    expected = Stream(report.blob, mode="window").feed_features(frames)
    np.testing.assert_array_equal(Stream(report.blob).feed_features(frames), expected)
    assert len(expected) > 50
