"""Step streams: what is computed from the new frames alone is what the whole network computes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stream_networks import BODY, FRONTEND, HEADS, Recipe

from tools.kwslib import Frontend, Model, Stream

PCM = np.random.default_rng(3).normal(0, 4000, 6000).clip(-32768, 32767).astype(np.int16)
FEATURES = np.random.default_rng(4).integers(-128, 128, (400, FRONTEND.n_out)).astype(np.int8)


@st.composite
def recipes(draw: st.DrawFn, padding: str) -> Recipe:
    body = tuple(draw(st.lists(st.sampled_from(BODY), min_size=1, max_size=5)))
    strides = 2 ** body.count("conv_stride")
    hop = draw(st.integers(1, 6)) if padding == "valid" else strides * draw(st.integers(1, 3))
    frames = draw(st.integers(max(hop, 4), 60))
    return Recipe(draw(st.integers(0, 99)), body, draw(st.sampled_from(HEADS)), frames, hop, padding, draw(st.integers(1, 3)))


def blob_or_skip(recipe: Recipe, *arguments: object) -> bytes:
    """The blob; a recipe whose windows do not fit into its frames is not an example."""
    try:
        return recipe.blob(*arguments)
    except ValueError as error:
        assume("does not fit" not in str(error))
        raise


def stepping(recipe: Recipe) -> Model:
    model = Model(blob_or_skip(recipe))
    assume(model.streaming)
    return model


def windows(model: Model, features: np.ndarray) -> np.ndarray:
    """What a stream over features must give: every window of them through the window program."""
    frames = model.input_shape[0]
    starts = range(0, len(features) - frames + 1, model.decision_hop_frames)
    return model.run(np.array([features[i : i + frames] for i in starts]).reshape(-1, *model.input_shape))


@settings(deadline=None, max_examples=300)
@given(recipes("valid"))
def test_step_is_the_window_bit_for_bit(recipe: Recipe) -> None:
    """A model that is trained on windows must hear the same words when only what is new is computed."""
    model = stepping(recipe)
    stream = Stream(model)
    assert stream.mode == "step"
    np.testing.assert_array_equal(stream.feed_features(FEATURES), windows(model, FEATURES))
    assert stream.guards_ok


@settings(deadline=None, max_examples=200)
@given(recipes("causal"), st.integers(0, 12))
def test_causal_is_the_whole_recording(recipe: Recipe, hops: int) -> None:
    """Trained on whole recordings with pads in front, a model must not see these pads again at each window.

    A layer all of whose rows are new at a step does not slide: it is the window's, and so is what follows.
    """
    model = stepping(recipe)
    rows = recipe.rows()
    assume(min(rows) > recipe.hop)
    features = FEATURES[: recipe.frames + hops * recipe.hop]
    last = Stream(model).feed_features(features)[-1]
    whole = Model(recipe.blob(len(features), rows[-1], "off"))
    np.testing.assert_array_equal(last, whole.run(features))


@settings(deadline=None, max_examples=100)
@given(recipes("valid"), st.lists(st.integers(1, 900), min_size=1, max_size=30))
def test_any_pieces_give_the_same_scores(recipe: Recipe, pieces: list[int]) -> None:
    """The driver hands over audio as it comes; a detection must not depend on where a buffer ended."""
    model = stepping(recipe)
    heard = PCM[: sum(pieces)]
    stream, at, rows = Stream(model), 0, []
    for n in pieces:
        rows.append(stream.feed(PCM[at : at + n]))
        at += n
    scores = np.concatenate(rows)
    np.testing.assert_array_equal(scores, Stream(model).feed_features(Frontend(FRONTEND.section()).features(heard)))
    np.testing.assert_array_equal(scores, Stream(model, mode="window").feed(heard))
    assert stream.guards_ok


@settings(deadline=None, max_examples=100)
@given(recipes("causal"), st.integers(0, 90))
def test_reset_is_a_new_stream(recipe: Recipe, before: int) -> None:
    """After a pause nothing of what was said before may count, wherever in a step the pause began."""
    model = stepping(recipe)
    stream = Stream(model)
    stream.feed_features(FEATURES[::-1][:before].copy())
    stream.reset()
    np.testing.assert_array_equal(stream.feed_features(FEATURES), Stream(model).feed_features(FEATURES))


SMALL = Recipe(7, ("conv_stride", "conv", "depthwise", "pointwise"), "avg_pool", 23, 2)


@pytest.mark.parametrize("size", [1, 47, 48, 49, 96, 1599, 6000])
def test_fixed_pieces(size: int) -> None:
    """Sample by sample, around the hop, and all at once."""
    model = Model(SMALL.blob())
    step, window = Stream(model, 200), Stream(model, 200, "window")
    rows = [[s.feed(PCM[i : i + size]) for i in range(0, PCM.size, size)] for s in (step, window)]
    assert (step.mode, window.mode) == ("step", "window")
    np.testing.assert_array_equal(np.concatenate(rows[0]), np.concatenate(rows[1]))
    assert len(np.concatenate(rows[0])) == 1 + (1 + (PCM.size - 64) // 48 - 23) // 2


def test_streams_share_a_model() -> None:
    """Two microphones, one model: neither hears the other, whatever their modes."""
    model = Model(SMALL.blob())
    streams = [Stream(model), Stream(model), Stream(model, mode="window")]
    sounds = [PCM, -PCM, PCM[::-1].copy()]
    rows: list[list[np.ndarray]] = [[], [], []]
    for i in range(0, PCM.size, 100):
        for stream, sound, row in zip(streams, sounds, rows, strict=True):
            row.append(stream.feed(sound[i : i + 100]))
    for sound, row in zip(sounds, rows, strict=True):
        np.testing.assert_array_equal(np.concatenate(row), Stream(model).feed(sound))


def test_a_step_costs_less_memory_than_the_window() -> None:
    """A stream is for small devices: what it keeps is told, and the window's frames are not kept beside it."""
    model = Model(SMALL.blob())
    step, window = Stream(model), Stream(model, mode="window")
    assert 0 < step.state_bytes == model.step_state_bytes <= step.arena_bytes == model.step_arena_bytes
    assert window.state_bytes == 23 * FRONTEND.n_out and window.arena_bytes == model.arena_bytes
