"""From class scores to keywords.

`Detector` takes rows of int8 class scores (one row a decision, as `kws.Stream.scores` holds them),
averages each class over the last `window` decisions, and reports a keyword when its average is the
largest of all classes and has reached that keyword's threshold. After a report it keeps quiet for the
refractory time, and the reported keyword must first fall below its threshold before it counts again,
so that one long word is one event. Classes whose label begins with "_" (`_unknown_`, `_silence_`) take
part in the comparison, which is how they suppress keywords, and are never reported. `unknown_prior` says
how many times likelier other words are where the device stands than the network was told: 1 believes it.

`step` and `feed` use small ints only and allocate nothing: they run in the audio callback. SPEC.md,
"Detector", gives the arithmetic. The file needs no hardware and runs under CPython as it is.
"""

from array import array

MAX_WINDOW = 32  # decisions
MAX_PRIOR = 16
EVENTS_KEPT = 16  # a power of two; older events that nobody fetched are overwritten


class Thresholds:
    """Mapping keyword -> threshold (float, 0..1); an assignment counts at once (`Detector.review`).

    An unknown keyword raises KeyError with the known ones, a bad value ValueError with the range.
    """

    def __init__(self, labels, full):
        self._labels = labels
        self._full = full  # the sum that stands for a posterior of 1.0
        self._value = {}
        self.changed = False  # since the detector last looked
        # Compared with the class sums. Classes that are never reported keep a sum out of reach.
        self.sums = array("i", [2 * full + 1] * len(labels))

    def _index(self, keyword):
        if keyword not in self._labels or keyword.startswith("_"):
            raise KeyError("no keyword %r; there are: %s" % (keyword, ", ".join(self.keys())))
        return self._labels.index(keyword)

    def __getitem__(self, keyword):
        self._index(keyword)
        return self._value[keyword]

    def __setitem__(self, keyword, value):
        index = self._index(keyword)
        value = check_threshold(value)
        self._value[keyword] = value
        # Rounded up, so that an average of exactly the threshold is enough and 0 still needs a score.
        self.sums[index] = max(1, -int(-value * self._full // 1))
        self.changed = True

    def keys(self):
        return [label for label in self._labels if not label.startswith("_")]

    def items(self):
        return [(keyword, self._value[keyword]) for keyword in self.keys()]

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self._value)

    def __contains__(self, keyword):
        return keyword in self._value

    def __repr__(self):
        return "{%s}" % ", ".join(["%r: %.3g" % item for item in self.items()])


def check_threshold(value):
    """`value` as a float; ValueError unless it is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("a threshold is a number from 0 to 1, not %r" % (value,))
    return float(value)


class Detector:
    """Smoothing, thresholds and refractory time for one stream of scores.

    labels      class names, in the order of the scores
    scale, zero_point   posterior = scale * (score - zero_point); int8 softmax: 1/256, -128
    window      decisions averaged, 1..32
    refractory  decisions without a report after a report, 0..1000
    threshold   {keyword: 0..1}; keywords left out get `default_threshold`, others are ignored
    unknown_prior  1..16; the posteriors are those of a network for which `_unknown_` is so many times likelier
    """

    def __init__(
        self,
        labels,
        scale=1 / 256,
        zero_point=-128,
        window=4,
        refractory=8,
        threshold=None,
        default_threshold=0.6,
        unknown_prior=1,
    ):
        if not 1 <= window <= MAX_WINDOW:
            raise ValueError("window is 1..%d decisions, not %r" % (MAX_WINDOW, window))
        if not 0 <= refractory <= 1000:
            raise ValueError("refractory is 0..1000 decisions, not %r" % (refractory,))
        if not 1 <= unknown_prior <= MAX_PRIOR:
            raise ValueError("unknown_prior is 1..%d, not %r" % (MAX_PRIOR, unknown_prior))
        self.labels = tuple(labels)
        self.window = window
        self.refractory = refractory
        self.unknown_prior = unknown_prior
        self._unknown = self.labels.index("_unknown_") if unknown_prior > 1 and "_unknown_" in self.labels else -1
        self._one = max(1, int(1 / scale + 0.5))  # the value that stands for a posterior of 1.0
        self._classes = len(self.labels)
        self._zero_point = zero_point
        self._full = int(window / scale + 0.5)
        self.threshold = Thresholds(self.labels, self._full)
        for keyword in self.threshold.keys():
            self.threshold[keyword] = (threshold or {}).get(keyword, default_threshold)
        self._history = array("h", [0] * (window * self._classes))  # the last `window` rows, a ring
        self._sums = array("i", [0] * self._classes)
        self._event_class = array("i", [0] * EVENTS_KEPT)
        self._event_score = array("i", [0] * EVENTS_KEPT)  # thousandths
        self._event_tick = array("i", [0] * EVENTS_KEPT)
        self._events_in = 0
        self._events_out = 0
        self.reset()

    def reset(self):
        """Forget the scores seen so far; thresholds and unread events stay. Allocates nothing."""
        for i in range(len(self._history)):
            self._history[i] = 0
        for i in range(self._classes):
            self._sums[i] = 0
        self._at = 0
        self._best = 0
        self._quiet = 0
        self._held = -1

    def step(self, scores, base=0):
        """Take one decision, `scores[base:base + classes]`; the reported class's index, or -1."""
        history = self._history
        sums = self._sums
        zero_point = self._zero_point
        at = self._at
        best = 0
        unknown = self._unknown
        one = total = self._one
        if unknown >= 0:
            total += (self.unknown_prior - 1) * max(0, scores[base + unknown] - zero_point)
        for i in range(self._classes):
            value = scores[base + i] - zero_point
            if total != one:
                value = value * (one * self.unknown_prior if i == unknown else one) // total
            sums[i] += value - history[at]
            history[at] = value
            at += 1
            if sums[i] > sums[best]:
                best = i
        self._at = 0 if at == len(history) else at
        self._best = best
        if self._quiet:
            self._quiet -= 1
            self._release()
            return -1
        return self._judge()

    def _release(self):
        held = self._held
        if held >= 0 and self._sums[held] < self.threshold.sums[held]:
            self._held = -1

    def _judge(self):
        self._release()
        best = self._best
        if self._quiet or self._sums[best] < self.threshold.sums[best] or best == self._held:
            return -1
        self._quiet = self.refractory
        self._held = best
        return best

    def feed(self, scores, rows, tick):
        """Take the first `rows` rows of `scores`, which came at time `tick` (any unit, below 2**30).

        Returns the number of keywords found; `events` hands them out.
        """
        found = 0
        base = 0
        while rows > 0:
            found += self._note(self.step(scores, base), tick)
            base += self._classes
            rows -= 1
        return found

    def review(self, tick):
        """Judge the last decision again when a threshold has changed since; returns as `feed` does.

        So a change counts at once, without waiting for the next decision.
        """
        if not self.threshold.changed:
            return 0
        self.threshold.changed = False
        return self._note(self._judge(), tick)

    def _note(self, best, tick):
        if best < 0:
            return 0
        slot = self._events_in & (EVENTS_KEPT - 1)
        self._event_class[slot] = best
        self._event_score[slot] = self._sums[best] * 1000 // self._full
        self._event_tick[slot] = tick
        self._events_in += 1
        return 1

    def events(self, seconds_per_tick=1.0):
        """Yield (keyword, score 0..1, time in s) for every event not yet handed out, oldest first.

        At most the newest 16 are kept; `lost_events` tells how many were overwritten before.
        """
        self._events_out += self.lost_events
        while self._events_out != self._events_in:
            slot = self._events_out & (EVENTS_KEPT - 1)
            event = (
                self.labels[self._event_class[slot]],
                self._event_score[slot] / 1000,
                self._event_tick[slot] * seconds_per_tick,
            )
            self._events_out += 1
            yield event

    @property
    def found(self):
        """Keywords reported since construction."""
        return self._events_in

    @property
    def lost_events(self):
        return max(0, self._events_in - self._events_out - EVENTS_KEPT)

    def average(self, index):
        """The smoothed posterior of class `index`, 0..1, as the last decision left it."""
        return self._sums[index] / self._full

    def retuned(self, window, refractory, unknown_prior):
        """A detector with another window, refractory time and prior, this one's thresholds and counters."""
        scale = self.window / self._full
        thresholds = dict(self.threshold.items())
        other = Detector(self.labels, scale, self._zero_point, window, refractory, thresholds, unknown_prior=unknown_prior)
        other._event_class = self._event_class
        other._event_score = self._event_score
        other._event_tick = self._event_tick
        other._events_in = self._events_in
        other._events_out = self._events_out
        return other
