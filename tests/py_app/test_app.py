"""The app around a fake microphone and a scripted network: start, stop, follow, statistics, errors, settings."""

import importlib
import sys

import fakes
import pytest

YES = [0, 5, 250, 0]
QUIET = [255, 0, 0, 0]


@pytest.fixture
def clock():
    return fakes.Clock()


@pytest.fixture
def app(clock, monkeypatch, tmp_path):
    """An App with window 1 and no refractory time, whose file is in tmp_path."""
    for name, module in fakes.modules(clock).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "app", raising=False)
    monkeypatch.setattr(fakes.Model, "meta", {"detector": {"window": 1, "refractory_ms": 0, "threshold": {"no": 0.9}}})
    monkeypatch.setattr(fakes.Pin, "history", [])
    module = importlib.import_module("app")
    monkeypatch.setattr(module, "time", clock)
    yield module.App("some.kws", str(tmp_path / "hark.cfg"))
    sys.modules.pop("app", None)


def deliver(times=1):
    for _ in range(times):
        fakes.Mic.last.deliver()


def test_every_buffer_is_fed_once_and_in_order(app):
    """If buffers were mixed up the network would hear chopped words."""
    app.start()
    for value in range(1, 8):
        fakes.Mic.last.deliver(value)
    assert [fed[0] for fed in app.stream.fed] == list(range(1, 8))
    assert all(len(fed) == 2 * 640 for fed in app.stream.fed)
    assert app.stats()["seconds"] == pytest.approx(0.28) and app.stats()["frames"] == 13
    assert app.stats()["mode"] == "step"


def test_detection_line(app, clock, capsys):
    """The line that the user sees, the demo reads and SPEC.md gives."""
    app.start()
    app.stream.script = [None] * 85 + [YES]
    clock.on_sleep = lambda ms: deliver()
    app.follow(seconds=4)
    assert capsys.readouterr().out == "   3.44 s  yes    0.98\n"


def test_ctrl_c_ends_follow_only(app, clock, capsys):
    """Ctrl-C must give the prompt back and not end listening."""
    app.start()
    app.stream.script = [YES]

    def interrupt(ms):
        deliver()
        raise KeyboardInterrupt

    clock.on_sleep = interrupt
    app.follow()
    assert app.running and "still listening" in capsys.readouterr().out
    clock.on_sleep = lambda ms: deliver()
    app.follow(seconds=0.2)
    assert "yes" in capsys.readouterr().out


def test_errors_are_counted_shown_and_survived(app, clock, capsys):
    """An error in the callback used to be the end of the audio for good in many a demo."""
    app.start()
    app.stream.script = [ValueError("too long"), KeyboardInterrupt(), YES]
    clock.on_sleep = lambda ms: deliver()
    app.follow(seconds=0.2)
    stats = app.stats()
    assert stats["errors"] == 2 and stats["detections"] == 1 and "KeyboardInterrupt" in stats["last_error"]
    out = capsys.readouterr().out
    assert "too long" in out and "yes" in out


def test_error_of_the_driver_is_counted(app):
    """A driver that complains while the next buffer is handed over is reported, not hidden."""
    app.start()
    fakes.Mic.last.fail_next = OSError(5)
    deliver(2)
    assert app.stats()["errors"] == 1 and app.stats()["seconds"] == pytest.approx(0.08)


def test_end_of_a_recording(app, clock, capsys):
    """On Linux a recording ends: its last word is still reported, then follow returns."""
    app.start()
    app.stream.script = [None, YES]
    clock.on_sleep = lambda ms: deliver()
    deliver()
    fakes.Mic.last.fail_next = EOFError()
    app.follow()
    assert "yes" in capsys.readouterr().out and not app.running and app.stats()["errors"] == 0


def test_start_and_stop(app):
    """Start twice is start once; stop frees the microphone; a callback still queued after stop does nothing."""
    app.start()
    first = fakes.Mic.last
    app.start()
    assert fakes.Mic.last is first and first.arguments == {"rate": 16000, "ibuf": 16384}
    deliver(3)
    first.lost = 5
    app.stop()
    app.stop()
    assert first.closed and not app.running and app.stats()["overruns"] == 5
    first.callback(first)
    assert app.stats()["seconds"] == pytest.approx(0.12)
    app.start()
    assert app.running and app.stats()["seconds"] == 0 and app.stats()["overruns"] == 0


def test_start_begins_anew(app):
    """After a stop and a start the old detections are counted again, and printed with times of the new run."""
    app.start()
    app.stream.script = [YES]
    deliver()
    assert app.stats()["detections"] == 1
    app.stop()
    app.start()
    assert app.stats()["detections"] == 0 and list(app.events()) == []
    app.stream.script = [YES]
    deliver()
    assert app.stats()["detections"] == 1 and [event[0] for event in app.events()] == ["yes"]


def test_failed_start_can_be_repeated(app, monkeypatch):
    """When another program holds the microphones the app says so and can start later."""
    monkeypatch.setattr(fakes.Mic, "irq", lambda self, callback: (_ for _ in ()).throw(OSError(16)))
    with pytest.raises(OSError):
        app.start()
    assert fakes.Mic.last.closed and not app.running
    monkeypatch.undo()


def test_load(app, clock):
    """Load is time in the callback over the audio's time: 4 ms in every 40 ms are 10 %."""
    app.start()
    app.stream.feed_us = 4000
    deliver(25)
    app.stream.feed_us = 20000
    deliver(25)
    stats = app.stats()
    assert (stats["load_percent"], stats["load_mean_percent"], stats["load_max_percent"]) == (50, 30, 50)


def test_load_over_a_long_time(app, clock):
    """The counters must not run over after hours: busy time is carried to seconds."""
    app.start()
    app.stream.feed_us = 39000
    deliver(2000)
    assert app.stats()["load_mean_percent"] == 97.5 and app._busy_us < 1000000


def test_thresholds_and_save(app, tmp_path):
    """What is set at the prompt and saved is there after the next power-up; the model's own come otherwise."""
    assert app.threshold["no"] == 0.9 and app.threshold["yes"] == 0.6
    app.threshold["yes"] = 0.7
    app.set("window", 3)
    app.save()
    module = sys.modules["app"]
    again = module.App("some.kws", str(tmp_path / "hark.cfg"))
    assert again.threshold["yes"] == 0.7 and again.detector.window == 3
    with pytest.raises(KeyError, match="yes, no"):
        app.threshold["nay"] = 0.5
    with pytest.raises(ValueError, match="0 to 1"):
        app.threshold["yes"] = 7


def test_threshold_change_counts_with_the_next_chunk(app):
    """`app.threshold["no"] = ...` while listening waits neither for a restart nor for the next decision."""
    app.start()
    app.stream.script = [[0, 0, 0, 200], None]
    deliver()
    assert list(app.events()) == []
    app.threshold["no"] = 0.5
    deliver()
    assert [event[0] for event in app.events()] == ["no"]


def test_led_blinks(app):
    """The LED goes on with a detection and off 200 ms later."""
    app.start()
    fakes.Pin.history.clear()
    app.stream.script = [YES]
    deliver(5)
    assert fakes.Pin.history == [1]
    deliver(1)
    assert fakes.Pin.history == [1, 0]


def test_bad_model_is_an_error_at_once(app):
    """A damaged blob is told when the app is made, not in the first callback."""
    with pytest.raises(ValueError, match="bad blob"):
        sys.modules["app"].App("bad.kws")
    app.settings.set("chunk_ms", 200)
    app.stream.max_samples = 640
    with pytest.raises(ValueError, match="at most 40 ms"):
        app.start()


def test_missing_model_says_how_to_get_it(app, monkeypatch, tmp_path):
    """A board without models must say what to do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="romfs deploy"):
        sys.modules["app"].App()


def test_saved_model_that_is_gone(app, monkeypatch, tmp_path, capsys):
    """A model file that was deleted or damaged after it was saved in the settings must not leave a board without an app."""
    module = sys.modules["app"]
    monkeypatch.setattr(module, "built_in_model", lambda: "some.kws")
    path = str(tmp_path / "hark.cfg")
    app.set("model", "bad.kws")
    app.save()
    assert list(module.App(None, path).threshold) == ["yes", "no"]
    assert "settings: model bad.kws: ValueError: bad blob; the built-in one is used" in capsys.readouterr().out


def test_only_thresholds_of_the_users_own_are_saved(app):
    """A threshold that nobody changed must not be saved, or a better model's own would never count."""
    app.set("gain_db", 20)
    app.threshold["yes"] = 0.7
    app.save()
    assert app.settings.threshold == {"yes": 0.7}
    app.threshold["yes"] = 0.6  # the model's own again
    app.save()
    assert app.settings.threshold == {}


def test_saved_led_that_is_no_pin(app, monkeypatch, capsys):
    """A wrong name in the settings must not leave a board without an app."""

    def no_pin(name, *mode, **options):
        raise ValueError("no such pin")

    module = sys.modules["app"]
    monkeypatch.setattr(module.machine, "Pin", no_pin)
    monkeypatch.setattr(no_pin, "OUT", 1, raising=False)
    assert module.find_led("banana") is None
    assert "settings: led banana: no such pin" in capsys.readouterr().out
