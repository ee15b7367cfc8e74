"""`kws`, `machine` and MicroPython's `time` for the app under CPython. Time passes only when a test says so."""

import types
from typing import ClassVar

LABELS = ("_silence_", "_unknown_", "yes", "no")


class Clock:
    """time.ticks_us and friends; `sleep_ms` calls `on_sleep`, where a test lets audio arrive."""

    def __init__(self):
        self.us = 0
        self.on_sleep = lambda ms: None

    def ticks_us(self):
        return self.us % 2**30

    def ticks_diff(self, later, earlier):
        return (later - earlier + 2**29) % 2**30 - 2**29

    def sleep_ms(self, ms):
        self.us += 1000 * ms
        self.on_sleep(ms)


class Model:
    """Four classes, a decision every 80 ms; `meta` is what the test puts there."""

    meta: ClassVar[dict] = {}

    def __init__(self, source):
        if source == "bad.kws":
            raise ValueError("bad blob")
        self.labels = LABELS
        self.scale, self.zero_point = 1 / 256, -128
        self.sample_rate, self.hop_samples, self.decision_hop_frames = 16000, 320, 4


class Stream:
    """`feed` takes the next entry of `script`: a row of posteriors in 1/256, None for no decision, or an exception."""

    max_samples = 3200
    mode = "step"
    frames = 0
    feed_us = 0

    def __init__(self, model, clock):
        self.scores = memoryview(bytearray(4)).cast("b")
        self.script = []
        self.fed = []
        self.clock = clock

    def reset(self):
        self.fed.clear()
        self.frames = 0

    def feed(self, pcm):
        self.fed.append(bytes(pcm))
        self.frames = max(0, 1 + (len(pcm) // 2 * len(self.fed) - 480) // 320)
        self.clock.us += self.feed_us
        entry = self.script.pop(0) if self.script else None
        if isinstance(entry, BaseException):
            raise entry
        if entry is None:
            return 0
        for i, value in enumerate(entry):
            self.scores[i] = value - 128
        return 1


class Mic:
    """machine.PDM_PCM; `deliver` fills the buffer that was handed over and calls back, as the scheduler does."""

    last = None

    def __init__(self, ident, **arguments):
        Mic.last = self
        self.arguments = arguments
        self.buffer = self.callback = None
        self.lost = 0
        self.closed = False
        self.fail_next = None

    def irq(self, callback):
        self.callback = callback

    def readinto(self, buffer):
        assert self.callback and not self.closed and self.buffer is None
        self.buffer = buffer
        if self.fail_next:
            error, self.fail_next = self.fail_next, None
            raise error
        return len(buffer)

    def deliver(self, value=0):
        buffer, self.buffer = self.buffer, None
        buffer[:] = bytes([value]) * len(buffer)
        self.callback(self)

    def overruns(self):
        return self.lost

    def deinit(self):
        self.closed = True


class Pin:
    """One LED."""

    OUT = 1
    history: ClassVar[list] = []

    def __init__(self, name, mode, value=0):
        self.value(value)

    def value(self, level):
        Pin.history.append(level)


def modules(clock):
    """The modules to put into sys.modules."""
    kws = types.SimpleNamespace(Model=Model, Stream=lambda model: Stream(model, clock))
    return {"kws": kws, "machine": types.SimpleNamespace(PDM_PCM=Mic, Pin=Pin)}
