"""Tracks and scoring of the live bench: if they are wrong, every figure that it prints is."""

import numpy as np
import pytest

from tools.bench_live.score import Scorer, score
from tools.bench_live.track import LEVEL_DBFS, RATE_HZ, AudioError, Word, assemble, from_recordings, rms
from tools.report import load, rows, table, write

WORDS = [Word("yes", "yes", 1.0, 2.0), Word("tree", "", 2.5, 3.5), Word("yes", "yes", 4.0, 5.0), Word("no", "no", 5.6, 6.6)]


def test_words_are_where_the_track_says():
    """A shift between times and samples would turn hits into misses."""
    rng = np.random.default_rng(1)
    clips = [(f"w{i}", "", rng.standard_normal(1000 + 37 * i)) for i in range(5)]
    track = assemble("t", clips, [0.1, 0.2, 0.3, 0.1, 0.1, 0.5], np.zeros(10), 15)
    assert track.pcm.dtype == np.int16
    for word in track.words:
        begin, end = round(word.start_s * RATE_HZ), round(word.end_s * RATE_HZ)
        assert np.all(track.pcm[begin - 5 : begin] == 0) and np.all(track.pcm[end : end + 5] == 0)
        assert abs(rms(track.pcm[begin:end] / 32768) / 10 ** (LEVEL_DBFS / 20) - 1) < 0.02
    assert track.seconds == pytest.approx(track.words[-1].end_s + 0.5)


def test_noise_is_as_far_below_as_asked_for():
    """15 dB is in the acceptance figure's name, so it has to be 15 dB."""
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(48000)
    track = assemble("t", [("w", "", rng.standard_normal(16000))], [1.0, 1.0], noise, 15)
    alone = track.pcm[:16000] / 32768
    assert 20 * np.log10(np.sqrt(np.mean(alone**2))) == pytest.approx(LEVEL_DBFS - 15, abs=0.2)


def test_silence_has_no_level():
    """A clip of digital silence must not become infinitely loud."""
    track = assemble("t", [("w", "", np.zeros(1600))], [0.1, 0.1], np.zeros(1), 15)
    assert not track.pcm.any()


def test_scoring():
    """Right name in time is a hit; wrong name, wrong time and a second report are false accepts."""
    events = [("yes", 0.9, 1.8), ("yes", 0.9, 2.2), ("no", 0.8, 3.0), ("no", 0.8, 4.7), ("yes", 0.7, 5.55), ("no", 0.9, 7.2)]
    result = score(WORDS, events)
    assert result.keywords == 3 and set(result.hits) == {0}
    assert [event[2] for event in result.false_accepts] == [2.2, 3.0, 4.7, 5.55, 7.2]
    assert result.hits_percent == pytest.approx(100 / 3) and result.false_accepts_per_minute(60) == 5


def test_same_word_twice():
    """Two of the same keyword one after another are two hits."""
    scorer = Scorer(WORDS)
    assert scorer.add(("yes", 0.9, 1.9)) == 0 and scorer.add(("yes", 0.9, 4.9)) == 2


def test_report_keeps_other_tracks(tmp_path):
    """`make demo` must not throw away what `make bench-live` wrote."""
    path = tmp_path / "reports" / "live.json"
    write(rows("a", {"hits_percent": 80.0, "overruns": 0}, "how"), path)
    write(rows("b", {"hits_percent": 70.0}, "how"), path)
    write(rows("a", {"hits_percent": 81.0}, "how"), path)
    assert [(row["name"], row["value"]) for row in load(path)] == [("b", 70.0), ("a", 81.0)]
    assert set(load(path)[0]) == {"name", "metric", "value", "unit", "how"}
    assert table(load(path)[:1], path).row_count == 1


@pytest.mark.needs_shared
def test_track_of_recordings(shared_dir):
    """The same seed gives the same track; keywords are evenly many; nothing is used twice."""
    data = shared_dir / "data" / "speech"
    one, two = (from_recordings(data, "test", 20, 10, 3) for _ in range(2))
    assert np.array_equal(one.pcm, two.pcm) and one.words == two.words
    keywords = [word.keyword for word in one.words if word.keyword]
    assert len(one.words) == 30 and all(keywords.count(keyword) == 2 for keyword in keywords)
    gaps = [b.start_s - a.end_s for a, b in zip(one.words, one.words[1:], strict=False)]
    assert min(gaps) >= 0.39 and max(gaps) <= 1.0
    with pytest.raises(AudioError, match="are needed"):
        from_recordings(data, "validation", 5000, 0, 1)
