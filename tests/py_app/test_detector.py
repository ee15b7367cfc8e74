"""The detector against a plain float model of what SPEC.md says, on random scores."""

import numpy as np
from detector import Detector
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("_silence_", "_unknown_", "yes", "no", "up")


def expected(scores, window, refractory, thresholds, prior, zero_point=-128):
    """Indices of decisions with their classes, from float averages."""
    weight = np.where(np.array(LABELS) == "_unknown_", prior, 1)
    values = scores.astype(int) - zero_point
    likelier = np.floor(values * weight / (1 + (prior - 1) * np.maximum(values[:, 1:2], 0) / 256))
    values = np.where(values[:, 1:2] > 0, likelier, values)
    rows = np.concatenate([np.zeros((window, len(LABELS))), values]) / 256
    # A threshold of 0 still needs a score: the smallest there is.
    thresholds = {keyword: max(value, 1 / 256 / window) for keyword, value in thresholds.items()}
    found, quiet, held = [], 0, None
    for k in range(len(scores)):
        mean = rows[k + 1 : k + 1 + window].mean(axis=0)
        best = int(np.argmax(mean))
        if held is not None and mean[held] < thresholds[LABELS[held]]:
            held = None
        if quiet:
            quiet -= 1
        elif LABELS[best] in thresholds and mean[best] >= thresholds[LABELS[best]] and best != held:
            found.append((k, LABELS[best]))
            quiet, held = refractory, best
    return found


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    window=st.sampled_from([1, 2, 4, 8, 32]),
    refractory=st.integers(0, 12),
    thresholds=st.lists(st.integers(0, 16), min_size=3, max_size=3),
    prior=st.sampled_from([1, 2, 3, 8, 16]),
    zero_point=st.sampled_from([-128, 0]),
)
def test_against_floats(seed, window, refractory, thresholds, prior, zero_point):
    """Windows that are powers of two make the float means exact, so that any difference is the detector's."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-128, 128, (60, len(LABELS))).astype(np.int8)
    scores[rng.random(60) < 0.5] = [127, -128, -128, -128, -128]
    limits = dict(zip(LABELS[2:], [t / 16 for t in thresholds], strict=True))
    detector = Detector(LABELS, zero_point=zero_point, window=window, refractory=refractory, threshold=limits, unknown_prior=prior)
    detector.feed(memoryview(scores.tobytes()).cast("b"), 0, 0)
    found = []
    for k, row in enumerate(scores):
        found += [(k, keyword) for keyword, *_ in (list(detector.events()) if detector.feed(row.tolist(), 1, k) else [])]
    assert found == expected(scores, window, refractory, limits, prior, zero_point)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 32), st.floats(0, 1))
def test_threshold_rounding(window, value):
    """The integer limit is the smallest sum whose average reaches the threshold."""
    detector = Detector(LABELS, window=window, threshold={"yes": value})
    limit = detector.threshold.sums[2]
    assert limit >= value * window * 256 or limit == 1
    assert limit == 1 or (limit - 1) < value * window * 256
