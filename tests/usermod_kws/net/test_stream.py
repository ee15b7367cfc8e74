"""Window mode: scores depend on the audio alone. test_step.py is about the other mode."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.blob.reader import read
from tools.blob.samples import every_op, temporal, tiny_stream
from tools.kwslib import Frontend, Model, Stream, library

NOISE = (np.random.default_rng(7).normal(0, 3000, 6000).clip(-32768, 32767)).astype(np.int16)
TINY = every_op()  # frame 96, hop 64, window of 4 frames, a decision every 2


@cache
def batch_scores(blob: bytes, samples: int) -> np.ndarray:
    """What a stream over NOISE must give, computed the other way: all features first, then every window."""
    info = read(blob)
    features = Frontend(info.frontend).features(NOISE[:samples])
    frames = info.tensors[0].shape[0]
    starts = range(0, len(features) - frames + 1, info.decision_hop_frames)
    windows = np.array([features[i : i + frames] for i in starts], np.int8)
    return Model(blob).run(windows.reshape(-1, *info.tensors[0].shape)) if len(windows) else np.empty((0, info.tensors[-1].bytes), np.int8)


def window_stream(model: Model | bytes) -> Stream:
    return Stream(model, mode="window")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=40))
def test_any_pieces_give_the_same_scores(pieces: list[int]) -> None:
    """The driver hands over audio as it comes; a detection must not depend on where a buffer ended."""
    stream, at, rows = window_stream(TINY), 0, []
    for n in pieces:
        piece = NOISE[at : at + n]
        at += piece.size
        rows.append(stream.feed(piece))
    np.testing.assert_array_equal(np.concatenate(rows), batch_scores(TINY, at))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 96, 6000])
def test_fixed_pieces(size: int) -> None:
    """Sample by sample, around the hop, and all at once."""
    stream = window_stream(TINY)
    rows = [stream.feed(NOISE[i : i + size]) for i in range(0, NOISE.size, size)]
    np.testing.assert_array_equal(np.concatenate(rows), batch_scores(TINY, NOISE.size))


def test_decision_every_frame() -> None:
    """A temporal network decides at every hop."""
    blob = temporal()
    scores = Stream(blob).feed(NOISE[:10000])
    assert len(scores) == 0  # 20 frames of 480 with hop 320 take 6560 samples
    long = np.tile(NOISE, 3)
    assert len(Stream(blob).feed(long)) == 1 + (long.size - 6560) // 320


def test_reset_is_a_new_stream() -> None:
    """After a pause nothing of what was said before may count."""
    stream = window_stream(TINY)
    stream.feed(NOISE[::-1].copy()[:1234])
    stream.reset()
    np.testing.assert_array_equal(stream.feed(NOISE), batch_scores(TINY, NOISE.size))


def test_streams_share_a_model() -> None:
    """Two microphones, one model: neither hears the other."""
    model = Model(TINY)
    a, b = window_stream(model), window_stream(model)
    rows_a, rows_b = [], []
    for i in range(0, NOISE.size, 100):
        rows_a.append(a.feed(NOISE[i : i + 100]))
        rows_b.append(b.feed(-NOISE[i : i + 100]))
    np.testing.assert_array_equal(np.concatenate(rows_a), batch_scores(TINY, NOISE.size))
    np.testing.assert_array_equal(np.concatenate(rows_b), window_stream(TINY).feed(-NOISE))


@pytest.mark.parametrize("mode", ["step", "window"])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_max_samples_never_makes_too_many_rows(rows: int, mode: str) -> None:
    """The longest allowed piece at the worst moment must still fit the score buffer, and one sample more is refused."""
    lib, model = library(), Model(tiny_stream())  # frame 96, hop 64, window of 13 frames, a row every 2
    for before in range(0, 1400, 7):
        stream = Stream(model, rows, "window" if mode == "window" else "auto")
        assert stream.mode == mode and stream.max_samples == rows * 2 * 64
        for i in range(0, before, 64):
            stream.feed(NOISE[i : min(i + 64, before)])
        too_many = np.zeros(stream.max_samples + 1, np.int16)
        assert lib.kws_stream_feed(stream._stream, too_many.ctypes.data, too_many.size) == -11
        piece = NOISE[before : before + stream.max_samples]
        got = lib.kws_stream_feed(stream._stream, piece.ctypes.data, piece.size)
        assert 0 <= got <= rows
        assert got == len(batch_scores(tiny_stream(), before + piece.size)) - len(batch_scores(tiny_stream(), before))
        assert stream.guards_ok


def test_impossible_streams() -> None:
    """Absurd sizes are an error, not a crash."""
    for rows in (0, 1 << 31, 0xFFFFFFFF):
        with pytest.raises(ValueError, match="rows"):
            Stream(TINY, rows)
