"""The soak: a day of frames in seconds, and some audio. `python -m tools.soak` runs the whole day through the front end."""

import pytest

from tools.blob.samples import tiny_sequence, tiny_stream
from tools.kwslib import Model
from tools.soak import allocator_calls, small_model, soak


def test_a_day_of_features() -> None:
    """A device that listens for a day must hear at its end as at its beginning: the running sums and rings do not drift.

    The front end, whose state is one frame's samples, is left out: a day of audio takes minutes (`python -m tools.soak`).
    """
    result = soak(Model(small_model()), 24, features=True)
    assert result.frames >= 24 * 3600 * 50 and result.rows >= result.frames // 4 - 9
    assert result.different_rows == 0
    assert result.distinct_scores > 50, "a network that says nothing proves nothing"
    assert not result.written_outside
    assert 0 < result.resident_kb_after < result.resident_kb_before + 10_000, "memory grows while nothing new is kept"


def test_audio_in_any_pieces() -> None:
    """The same from samples: three streams with pieces of their own, from 1 sample to a second."""
    result = soak(Model(small_model()), 0.2)
    assert result.rows > 0.2 * 3600 * 12 and result.different_rows == 0 and not result.written_outside
    assert result.distinct_scores > 20


def test_the_soak_sees_a_difference() -> None:
    """A layer with a pad in front of time hears more in a step stream than in a window: the soak must notice."""
    assert soak(Model(tiny_stream()), 0.01, features=True).different_rows > 0


def test_the_core_never_allocates() -> None:
    """What a stream needs is allocated when it is made; no function of the core can even ask for more."""
    assert allocator_calls() == []


def test_a_model_that_does_not_stream_is_refused() -> None:
    """Comparing a window stream with itself would always succeed."""
    with pytest.raises(ValueError, match="no step program"):
        soak(Model(tiny_sequence()), 0.01)
