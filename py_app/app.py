"""Microphone, keyword stream and detector, tied together in the background of the REPL.

    app = App()
    app.start()                     # listens from now on, in a callback; the REPL is free
    app.follow()                    # print detections until Ctrl-C; listening goes on
    app.threshold["yes"] = 0.7      # counts from the next decision on
    app.stats(); app.stop(); app.save()

The driver fills one of two buffers of `chunk_ms` and schedules `_on_audio`, which hands that buffer to
`kws.Stream`, the new scores to the detector, and the other buffer back to the driver. Nothing in there
allocates. An error in it is counted and kept (`stats`), and listening goes on.
"""

import time

import kws
import machine
from detector import Detector
from settings import Settings, exists

MODELS = ("/rom/dscnn.kws", "py_app/models/dscnn.kws")  # on a board; on Linux, from the repository's folder


class App:
    """One microphone, one model. A missing or bad model raises OSError or ValueError here, and changes nothing.

    model           path or buffer of a blob; None takes the settings' one, or the built-in one where that fails
    settings_path   file of the settings; None takes settings.py's
    source          more keyword arguments for machine.PDM_PCM, as a dict
    """

    def __init__(self, model=None, settings_path=None, source=None):
        self.settings = Settings(settings_path)
        for note in self.settings.load():
            print("settings:", note)
        self.model = model = kws.Model(model) if model else saved_or_built_in(self.settings.model)
        self.stream = kws.Stream(model)
        defaults = model.meta.get("detector") or {}
        self.settings.defaults_from(defaults)
        threshold = defaults.get("threshold") or {}
        self.detector = Detector(
            model.labels,
            model.scale,
            model.zero_point,
            self.settings.window,
            self._refractory(),
            threshold,
            unknown_prior=self.settings.unknown_prior,
        )
        self._model_threshold = dict(self.threshold.items())
        for keyword, value in self.settings.threshold.items():
            if keyword in self.threshold:
                self.threshold[keyword] = value
        self._source = source or {}
        self.led = find_led(self.settings.led)
        self.mic = None
        self._callback = self._on_audio  # bound once: binding allocates
        self._buffers = ()
        self._clear_stats()

    # --- listening

    @property
    def running(self):
        return self.mic is not None

    def start(self):
        """Listen from now on. Statistics and the detector begin anew; nothing happens when it listens already."""
        if self.running:
            return
        settings = self.settings
        rate = self.model.sample_rate
        length = rate * settings.chunk_ms // 1000
        if length > self.stream.max_samples:
            raise ValueError("chunk_ms is too long for this model: at most %d ms" % (self.stream.max_samples * 1000 // rate))
        if not self._buffers or len(self._buffers[0]) != 2 * length:
            self._buffers = (bytearray(2 * length), bytearray(2 * length))
        self._clear_stats()
        self.stream.reset()
        self.detector.reset()
        for _ in self.detector.events():  # of the time before, which began at another zero
            pass
        arguments = {"rate": rate, "ibuf": settings.ibuf_bytes}
        if settings.gain_db:
            arguments["gain_db"] = settings.gain_db
        arguments.update(self._source)
        self.mic = mic = machine.PDM_PCM(0, **arguments)
        try:
            mic.irq(self._callback)
            mic.readinto(self._buffers[0])
        except Exception:
            self.stop()
            raise

    def stop(self):
        """Stop listening and free the microphones; the statistics stay."""
        mic = self.mic
        if mic is not None:
            self._overruns = overruns_of(mic)
            self.mic = None  # a callback that is still queued sees this and leaves
            mic.deinit()
        if self.led:
            self.led.value(0)

    def _on_audio(self, mic):
        """The driver has filled a buffer: arm the other one, then compute. Runs from the scheduler."""
        if mic is not self.mic:
            return
        begin = time.ticks_us()
        full = self._buffers[self._filling]
        self._filling ^= 1
        ended = False
        try:
            mic.readinto(self._buffers[self._filling])
        except EOFError:  # a recording instead of a microphone, on Linux
            ended = True
        except BaseException as e:
            self._note_error(e)
        try:
            found = self.detector.review(self.chunks)
            if found:
                self._blink()
            self.chunks += 1
            rows = self.stream.feed(full)
            if rows:
                self.decisions += rows
                found = self.detector.feed(self.stream.scores, rows, self.chunks)
                if found:
                    self._blink()
            if self.chunks == self._led_off and self.led:
                self.led.value(0)
        except BaseException as e:  # KeyboardInterrupt too: this is not the code that it is meant for
            self._note_error(e)
        self._count_time(time.ticks_diff(time.ticks_us(), begin))
        if ended:
            self.stop()

    def _blink(self):
        if self.led:
            self.led.value(1)
            self._led_off = self.chunks + self._led_chunks

    def _note_error(self, error):
        self.errors += 1
        self.last_error = error

    def _count_time(self, busy_us):
        self._second_us += busy_us
        self._busy_us += busy_us
        if self._busy_us >= 1000000:  # kept apart so that the counters stay small ints
            self._busy_us -= 1000000
            self._busy_s += 1
        self._second_chunks += 1
        if self._second_chunks >= self._chunks_per_second:
            # us busy in about a second of audio -> per mille of that audio's time
            self.load_permille = self._second_us // (self._second_chunks * self._chunk_ms)
            if self.load_permille > self.load_max_permille:
                self.load_max_permille = self.load_permille
            self._second_us = 0
            self._second_chunks = 0

    # --- looking at it

    def _clear_stats(self):
        self._chunk_ms = self.settings.chunk_ms
        self._chunks_per_second = 1000 // self._chunk_ms
        self._led_chunks = max(1, self.settings.led_ms // self._chunk_ms)
        self._led_off = -1
        self._filling = 0
        self._second_us = self._second_chunks = 0
        self._busy_us = self._busy_s = 0
        self._overruns = 0
        self.chunks = self.decisions = self.errors = 0
        self._found_before = self.detector.found
        self.load_permille = self.load_max_permille = 0
        self.last_error = None

    def stats(self):
        """Counters since `start`, as a dict.

        seconds (of audio), frames (of the front end), mode (of the stream: step or window), decisions, detections,
        load_percent (time in the callback against the audio's time: the last second, the whole run, the worst
        second), overruns (samples lost), errors in the callback, and the last of those.
        """
        ms = self.chunks * self._chunk_ms
        busy_us = self._busy_s * 1000000 + self._busy_us
        return {
            "running": self.running,
            "seconds": ms / 1000,
            "frames": self.stream.frames,
            "mode": self.stream.mode,
            "decisions": self.decisions,
            "detections": self.detector.found - self._found_before,
            "load_percent": self.load_permille / 10,
            "load_mean_percent": busy_us // ms / 10 if ms else 0.0,
            "load_max_percent": self.load_max_permille / 10,
            "overruns": overruns_of(self.mic) if self.mic else self._overruns,
            "errors": self.errors,
            "last_error": self.last_error and "%s: %s" % (type(self.last_error).__name__, self.last_error),
        }

    def events(self):
        """Yield (keyword, score 0..1, seconds since start) for every detection not yet fetched."""
        return self.detector.events(self._chunk_ms / 1000)

    def follow(self, seconds=None, stats_s=None):
        """Print one line a detection until Ctrl-C, or for `seconds` of audio; listening goes on afterwards.

        Returns too when the app is stopped or a recording is at its end.

        stats_s     also print a line of statistics every so many seconds of audio; 0 none, None takes the settings' value
        """
        end = None if seconds is None else self.chunks + int(seconds * 1000) // self._chunk_ms
        every = int((self.settings.stats_s if stats_s is None else stats_s) * 1000) // self._chunk_ms
        due = self.chunks + every
        errors = self.errors
        try:
            while True:
                running = self.running and (end is None or self.chunks < end)
                for event in self.events():
                    print(event_line(*event))
                if self.errors != errors:
                    errors = self.errors
                    print("error %d in the audio callback: %r" % (errors, self.last_error))
                if every and self.chunks >= due:
                    due += every
                    print(stats_line(self.stats()))
                if not running:
                    return
                time.sleep_ms(10)
        except KeyboardInterrupt:
            print("still listening; app.follow() prints again, app.stop() stops")

    # --- changing it

    @property
    def threshold(self):
        """keyword -> 0..1; KeyError names the keywords, ValueError the range."""
        return self.detector.threshold

    def set(self, name, value):
        """Change a setting. `window`, `refractory_ms`, `unknown_prior`, `gain_db` and `stats_s` count at once, `chunk_ms` and
        `ibuf_bytes` from the next start on, the others from the next power-up on, if saved.
        """
        self.settings.set(name, value)
        if name in ("window", "refractory_ms", "unknown_prior"):
            self.detector = self.detector.retuned(self.settings.window, self._refractory(), self.settings.unknown_prior)
        elif name == "gain_db" and hasattr(self.mic, "gain_db"):
            self.mic.gain_db(value)

    def _refractory(self):
        samples = 1000 * self.model.hop_samples * self.model.decision_hop_frames  # in 1000 decisions
        return -(-self.settings.refractory_ms * self.model.sample_rate // samples)  # decisions, rounded up

    def save(self):
        """Keep settings, and thresholds that are not the model's own, for the next power-up. OSError when they cannot be written."""
        for keyword, value in self.threshold.items():
            if value != self._model_threshold[keyword]:
                self.settings.threshold[keyword] = value
            else:
                self.settings.threshold.pop(keyword, None)
        self.settings.save()


def event_line(keyword, score, seconds):
    return "%7.2f s  %-6s %.2f" % (seconds, keyword, score)


def stats_line(stats):
    return "# %.2f s  load %.1f %% (mean %.1f, worst %.1f)  decisions %d  overruns %d  errors %d" % (
        stats["seconds"],
        stats["load_percent"],
        stats["load_mean_percent"],
        stats["load_max_percent"],
        stats["decisions"],
        stats["overruns"],
        stats["errors"],
    )


def saved_or_built_in(path):
    """The model at `path`, a setting; the built-in one where that is not set or can't be used any more."""
    if path:
        try:
            return kws.Model(path)
        except (OSError, ValueError) as e:
            print("settings: model %s: %s: %s; the built-in one is used" % (path, type(e).__name__, e))
    return kws.Model(built_in_model())


def built_in_model():
    for path in MODELS:
        if exists(path):
            return path
    raise OSError(2, "no model: %s; write the models with 'make flash' or 'mpremote romfs deploy'" % " or ".join(MODELS))


def overruns_of(mic):
    return mic.overruns() if hasattr(mic, "overruns") else 0


def find_led(name):
    """The pin called `name`, a setting, by default the board's green LED, as an output; None where there is no such pin."""
    try:
        return machine.Pin(name or "LED_GREEN", machine.Pin.OUT, value=0)
    except (AttributeError, TypeError, ValueError, OSError) as e:
        if name:
            print("settings: led %s: %s; none is used" % (name, e))
        return None
