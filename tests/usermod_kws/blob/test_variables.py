"""Variables: what a network keeps from run to run by itself."""

import numpy as np
import pytest

from tools.blob import BlobWriter, FrontendConfig, Quant
from tools.kwslib import Model, Stream

Q = Quant(0.1, 7)
RNG = np.random.default_rng(1)


def frames(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (n, *shape)).astype(np.int8)


def test_a_variable_of_past_rows_is_a_causal_layer() -> None:
    """Streaming models of other tools keep their past in variables: they must hear what a causal network hears."""
    section = FrontendConfig(window_len=32, hop_len=16, fft_len=256, n_mels=4, n_dct=0, f_low_hz=100, f_high_hz=8000).section()
    weights = RNG.integers(-127, 128, (3, 5, 1, 4)).astype(np.int8)
    rest = np.zeros(3, np.int32), np.array([0.004]), Q
    causal = BlobWriter(frontend=section, decision_hop_frames=2)
    y = causal.conv2d(causal.input((6, 1, 4), Q), weights, *rest, padding="causal")
    causal.slice(y, (4, 0, 0), (2, 1, 3))
    stateful = BlobWriter(frontend=section, decision_hop_frames=2)
    x = stateful.input((2, 1, 4), Q)
    past = stateful.variable((4, 1, 4), Q)
    seen = stateful.concat([stateful.read(past), x], 0)
    stateful.assign(past, stateful.slice(seen, (2, 0, 0), (4, 1, 4)))
    stateful.conv2d(seen, weights, *rest)
    model, x = Model(stateful.finish()), frames(40, 4)
    assert model.variables and not model.streaming and "variables" in stateful.no_step_program
    rows = Stream(model).feed_features(x)
    assert np.array_equal(rows, model.run_sequence(x.reshape(20, 2, 1, 4)))
    assert np.array_equal(rows[2:], Stream(causal.finish()).feed_features(x))


def test_what_was_read_stays_when_the_variable_changes() -> None:
    """Code that reads, assigns and then uses what it had read expects the old value."""
    writer = BlobWriter()
    x = writer.input((1, 1, 4), Q)
    last = writer.variable((1, 1, 4), Q)
    before = writer.reshape(writer.read(last), (1, 4, 1))
    writer.assign(last, x)
    writer.concat([writer.reshape(before, (1, 1, 4)), x, writer.read(last)], 2)
    x = frames(10, 1, 1, 4)
    rows = Model(writer.finish()).run_sequence(x)
    old = np.concatenate([np.full((1, 4), Q.zero_point, np.int8), x[:-1].reshape(9, 4)])
    now = x.reshape(10, 4)
    assert np.array_equal(rows, np.concatenate([old, now, now], axis=1))


def test_rows_move_within_a_variable() -> None:
    """A ring that is shifted by hand reads and writes the same bytes in one layer."""
    writer = BlobWriter()
    x = writer.input((1, 1, 3), Q)
    initial = np.arange(15).astype(np.int8).reshape(5, 1, 3)
    ring = writer.variable((5, 1, 3), Q, initial)
    writer.assign(ring, writer.concat([writer.slice(writer.read(ring), (1, 0, 0), (4, 1, 3)), x], 0))
    turned = writer.variable((5, 1, 3), Q, initial)
    writer.assign(turned, writer.slice(writer.read(turned), (4, 0, 0), (5, 1, 3), (-1, 1, 1)))
    writer.concat([writer.read(ring), writer.read(turned)], 2)
    x = frames(7, 1, 1, 3)
    rows = Model(writer.finish()).run_sequence(x).reshape(7, 5, 6)
    seen = np.concatenate([initial, x.reshape(7, 1, 3)])
    for i, row in enumerate(rows):
        assert np.array_equal(row[:, :3], seen[i + 1 : i + 6, 0])
        assert np.array_equal(row[:, 3:], initial[:, 0][::-1] if i % 2 == 0 else initial[:, 0])


def test_a_variable_may_be_assigned_to_itself() -> None:
    """The core refuses an op that writes over its own input."""
    writer = BlobWriter()
    writer.input((1, 1, 1), Q)
    state = writer.variable((6, 1, 1), Q, np.arange(6).astype(np.int8).reshape(6, 1, 1))
    writer.assign(state, writer.slice(writer.concat([writer.read(state)], 0), (0, 0, 0), (6, 1, 1)))
    writer.assign(state, writer.reshape(writer.read(state), (6, 1, 1)))
    writer.reshape(writer.read(state), (6, 1, 1))
    assert np.array_equal(Model(writer.finish()).run(np.zeros((1, 1, 1), np.int8)), np.arange(6))


def test_a_stream_of_variables_needs_each_frame_once() -> None:
    """A window that slides over a network with variables would show it frames twice."""
    section = FrontendConfig(window_len=32, hop_len=16, fft_len=256, n_mels=4, n_dct=0, f_low_hz=100, f_high_hz=8000).section()
    writer = BlobWriter(frontend=section, decision_hop_frames=1)
    x = writer.input((2, 1, 4), Q)
    last = writer.variable((2, 1, 4), Q)
    writer.assign(last, x)
    writer.softmax(writer.add(x, writer.read(last), Q))
    with pytest.raises(ValueError, match="each frame once"):
        writer.finish()


def test_svdf_remembers() -> None:
    """An svdf's past is the svdf's own: two of them must not share it, nor a reset keep it."""
    writer = BlobWriter()
    x = writer.input((1, 1, 5), Quant(0.1, 0))
    feature, time = RNG.integers(-127, 128, (4, 5)).astype(np.int8), RNG.integers(-2000, 2000, (4, 3)).astype(np.int16)
    options = {"rank": 2, "feature_scale": 0.01, "time_scale": 0.0001, "state_scale": 0.002}
    first = writer.svdf(x, feature, time, np.zeros(2, np.int32), Q, **options)
    second = writer.svdf(x, feature, time, np.zeros(2, np.int32), Q, **options)
    writer.concat([first, second], 2)
    model, x = Model(writer.finish()), frames(8, 1, 1, 5)
    rows = model.run_sequence(x)
    assert np.array_equal(rows[:, :2], rows[:, 2:]) and np.array_equal(model.run_sequence(x), rows)
    assert not np.array_equal(model.run(x), rows) and np.array_equal(model.run(x[:1]), rows[:1])
    state = np.zeros((4, 3))
    for i in range(len(x)):
        state = np.concatenate([state[:, 1:], np.round((feature.astype(float) @ x[i].reshape(5)) * 0.1 * 0.01 / 0.002)[:, None]], axis=1)
        exact = (state * time).sum(axis=1).reshape(2, 2).sum(axis=1) * 0.002 * 0.0001 / Q.scale + Q.zero_point
        assert np.abs(np.clip(exact, -128, 127) - rows[i, :2]).max() <= 1.01
