"""What the planner says about each layer: that it streams, or why it does not."""

import numpy as np
import pytest

from tools.blob import BlobWriter, FrontendConfig, Quant, Tensor
from tools.blob.format import Op
from tools.kwslib import Model, Stream

SECTION = FrontendConfig(window_len=32, hop_len=16, fft_len=256, n_mels=4, n_dct=0, f_low_hz=100, f_high_hz=8000).section()
Q = Quant(0.1, 0)


def start(frames: int = 20, hop: int = 2) -> tuple[BlobWriter, Tensor]:
    writer = BlobWriter(frontend=SECTION, decision_hop_frames=hop)
    return writer, writer.input((frames, 1, 4), Q)


def conv(writer: BlobWriter, x: Tensor, rows: int = 3, **options: object) -> Tensor:
    weights = np.random.default_rng(1).integers(-127, 128, (4, rows, 1, x.shape[2])).astype(np.int8)
    return writer.conv2d(x, weights, np.zeros(4, np.int32), np.array([0.005]), Q, **options)


def dense(writer: BlobWriter, x: Tensor, n: int | None = None) -> Tensor:
    n = n or x.bytes
    return writer.fully_connected(x, np.ones((3, n), np.int8), np.zeros(3, np.int32), np.array([0.01]), Q)


def reasons(writer: BlobWriter) -> list[str]:
    """Of the layers that do not stream."""
    writer.finish()
    return [line.reason for line in writer.report if not line.streams]


def test_causal_and_valid_layers_stream() -> None:
    """Layers that could stream and are computed whole cost many times the instructions."""
    writer, x = start()
    y = conv(writer, conv(writer, x, padding="causal"), 5, stride=(2, 1), padding=((2, 0), (0, 0)))
    y = writer.max_pool2d(writer.relu(y, Q), (2, 1), stride=(1, 1))
    dense(writer, writer.avg_pool2d(conv(writer, y, dilation=(2, 1)), (4, 1)))
    assert reasons(writer) == ["one row, computed once a step"]
    assert [(line.layer, line.rows, line.of, line.state_bytes) for line in writer.report] == [
        ("conv2d", 2, 20, 8), ("conv2d", 1, 9, 16), ("relu", 1, 9, 0), ("max_pool2d", 1, 8, 4), ("conv2d", 1, 4, 16),
        ("avg_pool2d", 1, 1, 52), ("fully_connected", 1, 1, 0),
    ]  # fmt: skip
    assert writer.no_step_program == ""
    assert Op.AVG_POOL_STEP in [op.code for op in writer.programs[1].ops]


def test_a_layer_between_is_computed_whole_and_those_before_it_stream() -> None:
    """One layer that cannot stream must not cost the others their streaming."""
    writer, x = start()
    dense(writer, conv(writer, conv(writer, x), padding="same"))
    assert reasons(writer) == [
        "padded at the end of time: needs 1 future row (use padding 'valid' or causal)", "its input is computed whole at each step",
    ]  # fmt: skip
    assert [line.streams for line in writer.report] == [True, False, False]
    assert writer.programs[1].ops[0].output.shape == (2, 1, 4) and writer.programs[1].ops[1].output.shape == (18, 1, 4)


CASES = {
    "padded at the end of time: needs 4 future rows": lambda w, x: conv(w, x, 9, padding="same"),
    "a step of 2 rows is not a multiple of its stride 3": lambda w, x: conv(w, x, stride=(3, 1)),
    "one row from all of them, computed once a step": lambda w, x: conv(w, x, 20),
    "all of its 3 rows are new at each step": lambda w, x: conv(w, w.slice(x, (0, 0, 0), (5, 1, 4))),
    "each output depends on 20 rows of time": lambda w, x: dense(w, x),
    "each output depends on 2 rows of time": lambda w, x: dense(w, x, 8),
    "a mean over time": lambda w, x: w.mean(x, [0, 1], Q),
    "rows of time are joined or split": lambda w, x: w.softmax(w.reshape(x, (10, 2, 4))),
    "joined along time": lambda w, x: w.concat([x, x], 0),
    "time becomes another axis": lambda w, x: w.transpose(x, (2, 1, 0)),
    "it turns time round": lambda w, x: w.slice(x, (19, 0, 0), (20, 1, 4), (-1, 1, 1)),
    "padded in front of time with another value than the zero point": lambda w, x: w.pad(x, ((1, 0), (0, 0), (0, 0)), 5),
    "a pool leaves out padding, so rows before the first one would have to be told apart": lambda w, x: w.max_pool2d(
        x, (3, 1), stride=(1, 1), padding="causal"
    ),
    "a constant differs from row to row": lambda w, x: w.add(x, w.constant(np.arange(20).astype(np.int8).reshape(20, 1, 1), Q), Q),
    "one of its inputs is computed whole at each step": lambda w, x: w.mul(x, w.mean(x, [0], Q), Q),
    "its inputs advance by different numbers of rows": lambda w, x: w.add(
        w.slice(x, (0, 0, 0), (10, 1, 4)), conv(w, x, 1, stride=(2, 1)), Q
    ),
    "its input is padded by more rows than it looks back": lambda w, x: w.add(
        conv(w, y := w.pad(x, ((4, 0), (0, 0), (0, 0))), 1), y, Q
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", CASES)
def test_reasons(reason: str) -> None:
    """Whoever designs a network must learn what to change so that it streams."""
    writer, x = start()
    x = conv(writer, x, 1)
    if reason.startswith("all of its 3 rows"):
        writer, x = start(5, 4)
        conv(writer, x)
    else:
        CASES[reason](writer, x)
    assert any(text == reason or text.startswith(f"{reason} (") for text in reasons(writer))


def test_without_anything_that_streams_there_is_no_step_program() -> None:
    """A step program that computes the whole network would only cost flash."""
    writer, x = start()
    dense(writer, conv(writer, x, padding="same"))
    assert not Model(writer.finish()).streaming
    assert len(writer.programs) == 1 and writer.no_step_program == "no layer streams"


def test_stream_off() -> None:
    """A user may want the window's scores, and the smaller blob."""
    writer, x = start()
    dense(writer, conv(writer, x))
    streaming = writer.finish()
    assert Model(streaming).streaming
    off = writer.finish(stream="off")
    assert not Model(off).streaming and len(off) < len(streaming) and writer.no_step_program == "switched off"
    with pytest.raises(ValueError, match="stream"):
        writer.finish(stream="maybe")


def test_a_crop_in_front_of_padding_is_copied() -> None:
    """Rows that were cut off would be seen where the padding belongs."""
    writer, x = start(6, 1)
    y = conv(writer, writer.slice(conv(writer, x, 1), (2, 0, 0), (4, 1, 4)), padding="causal")
    dense(writer, y)
    model = Model(writer.finish())
    x = np.random.default_rng(1).integers(-128, 128, (6, 4)).astype(np.int8)
    assert Op.COPY in [op.code for op in writer.programs[1].ops]
    assert np.array_equal(Stream(model).feed_features(x)[0], model.run(x))


def test_a_hop_longer_than_the_window() -> None:
    """Frames between two windows are seen by nobody; there is nothing to keep."""
    writer, x = start(3, 5)
    conv(writer, x)
    assert not Model(writer.finish()).streaming and "longer than the window" in writer.no_step_program


def test_a_network_too_large_for_two_programs() -> None:
    """A model that runs in window mode must not be refused for want of room for a second program."""
    writer, x = start()
    x = conv(writer, x)
    for _ in range(600):
        x = writer.relu(x, Q)
    model = Model(writer.finish())
    assert not model.streaming and "more than 1024 ops" in writer.no_step_program


def test_the_hop_that_suits_the_network() -> None:
    """Who names no hop should get streaming where there is any, and not the whole network every frame where there is none."""

    def chosen(strides: tuple[int, ...], padding: str = "causal") -> int:
        writer, x = start(20, None)
        for stride in strides:
            x = conv(writer, x, stride=(stride, 1), padding=padding)
        dense(writer, writer.avg_pool2d(x, (x.shape[0], 1)))
        return Model(writer.finish()).decision_hop_frames

    assert [chosen((1,)), chosen((1, 1)), chosen((2,)), chosen((2, 2)), chosen((3,))] == [1, 1, 2, 4, 3]
    assert chosen(()) == 4  # nothing is multiplied once only
    assert chosen((1, 1), "same") == 4
    writer, x = start(3, None)
    dense(writer, conv(writer, x, padding="same"))
    assert Model(writer.finish()).decision_hop_frames == 3


def test_the_hop_that_fits_is_named() -> None:
    """A stride is no reason to give up: the hop is free to choose."""
    writer, x = start(hop=2)
    conv(writer, conv(writer, conv(writer, x, stride=(2, 1)), stride=(2, 1)), stride=(3, 1))
    assert "a step of 1 row is not a multiple of its stride 2 (--decision-hop 4 fits)" in reasons(writer)
    writer, x = start(3, hop=1)
    conv(writer, conv(writer, x, 1), 1, stride=(2, 1))
    assert "a step of 1 row is not a multiple of its stride 2 (--decision-hop 2 fits)" in reasons(writer)


def test_a_step_that_saves_nothing_is_not_made() -> None:
    """It would cost flash, and memory for history, and be chosen all the same."""
    writer, x = start()
    dense(writer, conv(writer, writer.relu(x, Q), padding="same"))
    assert not Model(writer.finish()).streaming and writer.no_step_program == "a step would compute as much as the window"
    assert not any(line.streams or line.state_bytes for line in writer.report)


def late(writer: BlobWriter, x: Tensor, rows: int) -> Tensor:
    return writer.slice(x, (x.shape[0] - rows, 0, 0), (rows, *x.shape[1:]))


FRONT_PADS = {
    "a sum of all rows": ([0, 1], lambda w, x: dense(w, conv(w, conv(w, x, padding="causal"), padding="causal"))),
    "the newest row": ([], lambda w, x: dense(w, late(w, conv(w, conv(w, x, padding="causal"), 5, padding="causal"), 1))),
    "the last row that padding reaches": ([0], lambda w, x: dense(w, late(w, conv(w, conv(w, x, padding="causal"), 9), 11))),
    "the first row that padding does not reach": ([], lambda w, x: dense(w, late(w, conv(w, conv(w, x, padding="causal"), 9), 10))),
    "padding of its own": ([0], lambda w, x: dense(w, conv(w, w.max_pool2d(w.pad(x, ((2, 0), (0, 0), (0, 0))), (3, 1), stride=(1, 1)), 1))),
    "a stride that leaves the padding out": ([], lambda w, x: dense(w, late(w, conv(w, x, padding="causal", stride=(2, 1)), 9))),
    "padding that is computed whole": ([], lambda w, x: dense(w, conv(w, conv(w, x), padding=((2, 1), (0, 0))))),
    "no padding": ([], lambda w, x: dense(w, conv(w, x))),
}  # fmt: skip


@pytest.mark.parametrize("name", FRONT_PADS)
def test_padding_in_front_of_time_is_told_of(name: str) -> None:
    """Who judged the window's scores must hear that a stream's are others; and where they are the same, nobody should worry."""
    numbers, layers = FRONT_PADS[name]
    writer, x = start()
    layers(writer, x)
    blob = writer.finish()
    assert [line.number for line in writer.report if line.pads_front] == numbers
    frames = np.random.default_rng(3).integers(-128, 128, (100, 4)).astype(np.int8)
    streams = [Stream(blob, mode=mode) for mode in ("auto", "window")]
    step, window = (stream.feed_features(frames) for stream in streams)
    assert streams[0].mode == "step" and np.array_equal(step, window) == (not numbers)
