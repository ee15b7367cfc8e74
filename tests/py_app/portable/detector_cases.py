"""What the detector does, case by case. Plain functions: pytest runs them, and so does MicroPython (run_cases.py)."""

from detector import EVENTS_KEPT, Detector

LABELS = ("_silence_", "_unknown_", "yes", "no")


def row(**posterior):
    """int8 scores of one decision from posteriors in 1/256; what is left goes to silence."""
    values = [posterior.get(label, 0) for label in ("silence", "unknown", "yes", "no")]
    if "silence" not in posterior:
        values[0] = max(0, 255 - sum(values))
    return [value - 128 for value in values]


def make(**options):
    options.setdefault("window", 2)
    options.setdefault("refractory", 3)
    return Detector(LABELS, **options)


def names(detector, rows):
    return [LABELS[i] if i >= 0 else None for i in (detector.step(r) for r in rows)]


def raises(error, call, *words):
    try:
        call()
    except error as e:
        for word in words:
            assert word in str(e), (word, str(e))
        return
    raise AssertionError("no " + error.__name__)


def case_average_decides():
    # One loud decision alone must not fire: the average of two is 0.5.
    detector = make(threshold={"yes": 0.6})
    assert names(detector, [row(yes=255), row()]) == [None, None]
    assert names(detector, [row(yes=255), row(yes=200)]) == [None, "yes"]


def case_threshold_itself_is_enough():
    detector = make(window=1, refractory=0, threshold={"yes": 0.75})
    assert names(detector, [row(yes=191), row(yes=192)]) == [None, "yes"]


def case_refractory_and_release():
    # One long word is one event, and the same word said again after a gap is a second one.
    detector = make(window=1)
    said = [row(yes=250)] * 9
    assert names(detector, said) == ["yes"] + [None] * 8
    assert names(detector, [row(), row(yes=250)]) == [None, "yes"]
    # Another keyword within the refractory time is held back, after it it counts.
    assert names(detector, [row(no=250)] * 4) == [None, None, None, "no"]


def case_unknown_and_silence_suppress():
    detector = make(window=1, refractory=0, threshold={"yes": 0.1, "no": 0.1})
    assert names(detector, [row(unknown=130, yes=120), row(unknown=255), row(silence=255)]) == [None] * 3
    assert names(detector, [row(unknown=120, yes=130)]) == ["yes"]
    raises(KeyError, lambda: detector.threshold["_unknown_"], "yes, no")


def case_thresholds_are_a_mapping():
    detector = make(threshold={"no": 0.25, "tree": 0.5})
    assert detector.threshold["no"] == 0.25
    assert dict(detector.threshold.items()) == {"yes": 0.6, "no": 0.25}
    assert list(detector.threshold) == ["yes", "no"] and len(detector.threshold) == 2
    assert "yes" in detector.threshold and "tree" not in detector.threshold
    assert "0.25" in repr(detector.threshold)
    detector.threshold["yes"] = 1
    assert detector.threshold["yes"] == 1.0


def case_bad_thresholds_change_nothing():
    detector = make()
    before = dict(detector.threshold.items())

    def put(keyword, value):
        detector.threshold[keyword] = value

    for value in (-0.1, 1.01, float("nan"), float("inf"), "0.5", None, True):
        raises(ValueError, lambda: put("yes", value), "from 0 to 1")
    raises(KeyError, lambda: put("maybe", 0.5), "maybe", "yes, no")
    assert dict(detector.threshold.items()) == before


def case_threshold_counts_at_once():
    detector = make(window=1, refractory=0, threshold={"yes": 0.9})
    assert names(detector, [row(yes=200)]) == [None]
    detector.threshold["yes"] = 0.5
    assert names(detector, [row(yes=200)]) == ["yes"]


def case_review_judges_the_last_decision_again():
    detector = make(window=1, refractory=2, threshold={"yes": 0.9})
    detector.feed(row(yes=200), 1, 3)
    assert detector.review(4) == 0
    detector.threshold["yes"] = 0.5
    assert detector.review(5) == 1 and detector.review(6) == 0
    assert [(keyword, tick) for keyword, _, tick in detector.events()] == [("yes", 5.0)]
    # It is held and quiet like any other report.
    detector.threshold["yes"] = 0.4
    assert detector.review(7) == 0
    assert names(detector, [row(yes=200)] * 5) == [None] * 5


def case_review_before_the_first_decision():
    detector = make(threshold={"yes": 0, "no": 0})
    detector.threshold["yes"] = 0
    assert detector.review(1) == 0


def case_bad_arguments():
    for options in ({"window": 0}, {"window": 33}, {"refractory": -1}, {"refractory": 1001}):
        raises(ValueError, lambda: make(**options), "decisions")


def flat(rows):
    return [value for r in rows for value in r]


def case_events_in_order():
    detector = make(window=1, refractory=0)
    assert detector.feed(flat([row(yes=250), row(), row(no=250)]), 3, 7) == 2
    assert detector.feed(flat([row()]), 1, 8) == 0
    found = list(detector.events(0.04))
    assert [event[0] for event in found] == ["yes", "no"]
    assert abs(found[0][1] - 250 / 256) < 0.002 and abs(found[0][2] - 0.28) < 1e-6
    assert list(detector.events()) == [] and detector.found == 2


def case_late_reader_gets_the_newest():
    detector = make(window=1, refractory=0)
    for tick in range(EVENTS_KEPT + 5):
        detector.feed(flat([row(yes=250), row()]), 2, tick)
    assert detector.lost_events == 5
    assert [event[2] for event in detector.events()] == [float(t) for t in range(5, EVENTS_KEPT + 5)]
    assert detector.lost_events == 0


def case_reset_forgets_scores_only():
    detector = make(window=4, refractory=0, threshold={"yes": 0.3})
    names(detector, [row(yes=250)])
    detector.reset()
    assert names(detector, [row(yes=250)]) == [None]
    assert detector.threshold["yes"] == 0.3 and detector.average(0) < 0.1


def case_retuned_keeps_thresholds_and_events():
    detector = make(window=1, refractory=0, threshold={"yes": 0.3})
    detector.feed(row(yes=250), 1, 5)
    other = detector.retuned(3, 2, 4)
    assert other.window == 3 and other.refractory == 2 and other.unknown_prior == 4 and other.threshold["yes"] == 0.3
    assert [event[0] for event in other.events()] == ["yes"]


def case_likelier_other_words_weigh_more():
    # 200 of "yes" against 40 of other words: of 256 + 3 * 40 in all they are 136 and 108, rounded down.
    detector = make(window=1, refractory=0, unknown_prior=4, threshold={"yes": 0.5})
    detector.feed(row(yes=200, unknown=40), 1, 0)
    yes, unknown = LABELS.index("yes"), LABELS.index("_unknown_")
    assert detector.average(yes) == 136 / 256 and detector.average(unknown) == 108 / 256
    assert [event[:2] for event in detector.events()] == [("yes", 0.531)]
    detector.reset()
    detector.feed(row(yes=200, unknown=50), 1, 0)
    assert not list(detector.events())  # 126 of 256
    for bad in (0, 17):
        raises(ValueError, lambda prior=bad: make(unknown_prior=prior), "unknown_prior is 1..16")


def case_nothing_is_allocated():
    # A collection in the audio callback would lose audio, so the hot path must not touch the heap.
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return
    detector = make(window=4, refractory=3, unknown_prior=8)
    scores = bytearray(flat([[v & 255 for v in r] for r in (row(yes=250), row(), row(no=250), row(yes=250))]))
    scores = memoryview(scores)
    heap_lock()
    try:
        for tick in range(50):
            detector.feed(scores, 4, tick)
        detector.reset()
    finally:
        heap_unlock()
