"""Networks with variables: what a run remembers, and when it forgets."""

import numpy as np
import pytest

from tools.blob.samples import dscnn, tiny_sequence
from tools.kwslib import Model, Stream

INPUTS = np.random.default_rng(9).integers(-128, 128, (40, 2, 3, 2)).astype(np.int8)


def test_a_sequence_remembers() -> None:
    """A streaming model from TensorFlow keeps its past in variables: without them it hears single frames."""
    model = Model(tiny_sequence())
    rows = model.run_sequence(INPUTS)
    assert model.variables and not model.streaming
    np.testing.assert_array_equal(rows[0], model.run(INPUTS[0]))
    assert (rows != model.run(INPUTS)).any(axis=1).sum() > 30
    np.testing.assert_array_equal(rows, model.run_sequence(INPUTS))  # nothing is left over from the time before


def test_a_stream_is_the_sequence() -> None:
    """On the device each run sees new frames only and the variables as the run before left them, until a reset."""
    model = Model(tiny_sequence())
    stream, expected = Stream(model), model.run_sequence(INPUTS)
    frames = INPUTS.reshape(-1, model.n_out)
    assert stream.mode == "window"
    for _ in range(2):
        pieces = [stream.feed_features(frames[i : i + 7]) for i in range(0, len(frames), 7)]
        np.testing.assert_array_equal(np.concatenate(pieces), expected)
        stream.reset()


def test_layers_end_in_the_scores() -> None:
    """Whoever looks for the layer that differs from TensorFlow's sees every op's output."""
    model = Model(dscnn())
    features = np.random.default_rng(2).integers(-128, 128, model.input_shape).astype(np.int8)
    layers = model.run_layers(features)
    assert [layer.shape for layer in layers[:3]] == [(25, 5, 64)] * 3
    np.testing.assert_array_equal(layers[-1].reshape(-1), model.run(features))
    with pytest.raises(ValueError, match="one input"):
        model.run_layers(np.stack([features, features]))


@pytest.mark.parametrize("n", [1, 2])
def test_a_batch_stays_a_batch(n: int) -> None:
    """Whoever works through recordings in batches must get rows of scores for the last one, too, if it holds one recording."""
    model = Model(dscnn())
    h, w, c = model.input_shape
    batch = np.random.default_rng(3).integers(-128, 128, (n, h, w, c)).astype(np.int8)
    rows = model.run(batch)
    assert rows.shape == (n, model.classes)
    for shape in ((n, h, w * c), (n, h * w * c)):
        np.testing.assert_array_equal(model.run(batch.reshape(shape)), rows)
    for shape in ((h, w, c), (h, w * c), (h * w * c,)):
        np.testing.assert_array_equal(model.run(batch[0].reshape(shape)), rows[0])
    with pytest.raises(TypeError, match="elements"):
        model.run(np.zeros(2 * h * w * c, np.int8))


def test_a_batch_of_inputs_of_one_row() -> None:
    """An array of the input's own shape is one input, though its first dimension may be 1."""
    model = Model(tiny_sequence())
    assert model.run(INPUTS[0]).shape == (model.classes,)
    assert model.run(INPUTS[:1]).shape == (1, model.classes)
