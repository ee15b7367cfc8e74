"""What the settings file does, case by case. Plain functions: pytest runs them, and so does MicroPython (run_cases.py)."""

import os

import settings as module
from settings import FIELDS, Settings, exists, pack, parse, read

PATH = "cases.cfg"


def fresh():
    for suffix in ("", ".old", ".new"):
        module.remove(PATH + suffix)
    return Settings(PATH)


def write(path, content):
    with open(path, "wb") as f:
        f.write(content)


def loaded():
    settings = Settings(PATH)
    return settings, settings.load()


def raises(error, call, *words):
    try:
        call()
    except error as e:
        for word in words:
            assert word in str(e), (word, str(e))
        return
    raise AssertionError("no " + error.__name__)


def case_nothing_saved_means_defaults_without_a_word():
    settings = fresh()
    assert settings.load() == []
    assert all(getattr(settings, name) == field[0] for name, field in FIELDS.items())


def case_what_is_saved_comes_back():
    settings = fresh()
    settings.set("window", 7)
    settings.set("led", "PJ5")
    settings.threshold["yes"] = 0.7
    settings.save()
    settings, notes = loaded()
    assert notes == [] and settings.window == 7 and settings.led == "PJ5"
    assert abs(settings.threshold["yes"] - 0.7) < 1e-6
    assert not exists(PATH + ".new")


def case_ranges_and_names_are_told():
    settings = fresh()
    raises(ValueError, lambda: settings.set("window", 0), "1..32", "decisions")
    raises(ValueError, lambda: settings.set("window", 2.5), "whole number")
    raises(ValueError, lambda: settings.set("window", True), "whole number")
    raises(ValueError, lambda: settings.set("chunk_ms", 50), "multiple of 20")
    raises(ValueError, lambda: settings.set("led", 5), "text")
    raises(AttributeError, lambda: settings.set("windows", 5), "window", "refractory_ms")
    raises(AttributeError, lambda: settings.windows, "window")
    assert settings.window == FIELDS["window"][0]


def case_model_defaults_yield_to_the_user():
    settings = fresh()
    settings.set("window", 9)
    settings.defaults_from({"window": 3, "refractory_ms": 480, "threshold": {"yes": 0.5}})
    assert settings.window == 9 and settings.refractory_ms == 480
    settings.save()
    settings, _ = loaded()
    # What came from the model is not written: another model brings its own.
    assert settings.refractory_ms == FIELDS["refractory_ms"][0] and settings.window == 9
    settings.defaults_from({})


def saved_twice():
    settings = fresh()
    settings.set("window", 5)
    settings.save()
    settings.set("window", 6)
    settings.save()


def case_a_cut_file_gives_the_one_before():
    saved_twice()
    content = read(PATH)
    for length in range(len(content)):
        write(PATH, content[:length])
        settings, notes = loaded()
        assert settings.window == 5 and len(notes) == 2, (length, notes)
        assert "damaged" in notes[0] and ".old" in notes[1]


def case_a_changed_byte_is_found():
    saved_twice()
    content = read(PATH)
    for at in range(len(content)):
        bad = bytearray(content)
        bad[at] ^= 1
        write(PATH, bad)
        settings, notes = loaded()
        # The one harmless change is of letter case in the CRC's hexadecimal digits, which bit 0 does not make.
        assert settings.window == 5 and notes, at


def case_both_damaged_gives_defaults_and_says_so():
    saved_twice()
    write(PATH, b"")
    write(PATH + ".old", b"\xff\xfe\n\x00")
    settings, notes = loaded()
    assert settings.window == FIELDS["window"][0]
    assert notes[-1] == "using the defaults" and len(notes) == 3


def case_a_damaged_file_does_not_push_out_the_good_one():
    saved_twice()
    write(PATH, b"garbage")
    settings, _ = loaded()
    settings.set("window", 8)
    settings.save()
    assert parse(read(PATH))["window"] == 8
    assert parse(read(PATH + ".old"))["window"] == 5


def case_values_out_of_range_are_left_out():
    fresh()
    write(PATH, pack({"window": 99, "led_ms": 100, "colour": 1, "threshold": {"yes": 7, "no": 0.5}}))
    settings, notes = loaded()
    assert settings.window == FIELDS["window"][0] and settings.led_ms == 100
    assert settings.threshold == {"no": 0.5} and len(notes) == 3


def case_not_an_object():
    fresh()
    body = b"[1]"
    write(PATH, ("%s %08x %d\n" % (module.MAGIC, module.binascii.crc32(body), len(body))).encode() + body)
    settings, notes = loaded()
    assert "JSON object" in notes[0] and settings.window == FIELDS["window"][0]


def case_a_failed_write_keeps_the_old_ones():
    settings = fresh()
    settings.set("window", 5)
    settings.save()
    os.mkdir(PATH + ".new")  # so that the new file cannot be opened
    try:
        settings.set("window", 6)
        raises(OSError, settings.save, "not saved", "unchanged")
    finally:
        os.rmdir(PATH + ".new")
    settings, notes = loaded()
    assert settings.window == 5 and notes == []


def case_show_names_every_unit():
    fresh().show()
