"""The app's tunables: units, ranges, defaults, and a file that survives a power cut.

`Settings` reads and writes one small file (SPEC.md, "Settings file"). A save writes a new file beside
the old one, syncs it, reads it back and only then renames it into place; the file before it is kept with
the suffix ".old". So after a power cut at any moment a load finds the old or the new settings. A file
that is damaged is never used: the one before it is, or the defaults, and `load` says so.
"""

import binascii
import json
import os

from detector import MAX_PRIOR, MAX_WINDOW, check_threshold

# name: (default, lowest, highest, unit, what it does). Text has no range.
FIELDS = {
    "model": ("", None, None, "path", "weights blob; empty: the built-in one"),
    "window": (4, 1, MAX_WINDOW, "decisions", "posteriors averaged before they meet a threshold"),
    "refractory_ms": (640, 0, 10000, "ms", "quiet time after a detection"),
    "unknown_prior": (1, 1, MAX_PRIOR, "times", "likelier other words are here than the network was told"),
    "chunk_ms": (40, 20, 200, "ms", "audio a callback handles; a multiple of 20"),
    "ibuf_bytes": (16384, 4096, 65536, "bytes", "audio buffered by the driver: 16384 bytes are 512 ms"),
    "gain_db": (0, -40, 40, "dB", "microphone gain"),
    "led": ("", None, None, "pin", "LED that blinks on a detection; empty: the board's, if any"),
    "led_ms": (200, 0, 5000, "ms", "how long it stays on"),
    "stats_s": (0, 0, 3600, "s", "time between lines of statistics while following; 0: none"),
}
MAGIC = "hark-settings 1"
ENOENT = 2


class Settings:
    """Values by attribute, `settings.window`; `threshold` is a dict of the user's own thresholds.

    path       the file; None picks /flash/hark.cfg on a board and hark.cfg elsewhere
    """

    def __init__(self, path=None):
        self.path = path or ("/flash/hark.cfg" if exists("/flash") else "hark.cfg")
        self._values = {name: field[0] for name, field in FIELDS.items()}
        self._chosen = set()  # what the user or the file set, and a model's defaults must not change
        self.threshold = {}

    def __getattr__(self, name):
        if name not in FIELDS:
            raise AttributeError("no setting %r; there are: %s, threshold" % (name, ", ".join(sorted(FIELDS))))
        return self._values[name]

    def set(self, name, value):
        """Set one value; AttributeError names the settings, ValueError the range."""
        self._values[name] = check(name, value)
        self._chosen.add(name)

    def defaults_from(self, detector):
        """Take a model's own defaults, the dict `meta["detector"]`, for what nobody has chosen."""
        for name, value in detector.items():
            if name in FIELDS and name not in self._chosen:
                self._values[name] = check(name, value)

    def load(self):
        """Read the file; returns a list of sentences about what was wrong, empty when nothing was."""
        notes = []
        for path in (self.path, self.path + ".old"):
            try:
                stored = parse(read(path))
            except OSError as e:
                if e.errno != ENOENT:
                    notes.append("%s cannot be read: %s" % (path, e))
                continue
            except ValueError as e:
                notes.append("%s is damaged: %s" % (path, e))
                continue
            self._take(stored, notes)
            if path != self.path:
                notes.append("using the settings saved before, from " + path)
            return notes
        if notes:
            notes.append("using the defaults")
        return notes

    def _take(self, stored, notes):
        threshold = stored.pop("threshold", {})
        for name, value in stored.items():
            try:
                self.set(name, value)
            except (AttributeError, ValueError) as e:
                notes.append("ignored in the settings file: %s" % e)
        for keyword, value in threshold.items():
            try:
                self.threshold[keyword] = check_threshold(value)
            except ValueError as e:
                notes.append("ignored in the settings file: %s: %s" % (keyword, e))

    def save(self):
        """Write what was chosen. OSError when that fails; the settings saved before are then still there."""
        stored = {name: self._values[name] for name in self._chosen}
        stored["threshold"] = self.threshold
        content = pack(stored)
        new = self.path + ".new"
        try:
            with open(new, "wb") as f:
                if f.write(content) != len(content):
                    raise OSError(28)  # a short write is how some file systems say that they are full
                f.flush()
            if read(new) != content:
                raise OSError(5)
        except OSError as e:
            remove(new)
            why = "the file system is full" if e.errno == 28 else "writing %s failed" % new
            raise OSError(e.errno, "settings not saved, %s; the ones saved before are unchanged" % why)
        # A damaged file must not push out the good one that is kept beside it.
        if intact(self.path):
            os.rename(self.path, self.path + ".old")
        os.rename(new, self.path)
        if hasattr(os, "sync"):
            os.sync()

    def show(self):
        """Print every setting with its unit and range."""
        for name, (_, low, high, unit, what) in sorted(FIELDS.items()):
            span = "" if low is None else "%s..%s " % (low, high)
            print("%-14s %-8s %-22s %s" % (name, repr(self._values[name]), span + unit, what))


def check(name, value):
    """`value` if setting `name` may have it; AttributeError or ValueError otherwise."""
    if name not in FIELDS:
        raise AttributeError("no setting %r; there are: %s, threshold" % (name, ", ".join(sorted(FIELDS))))
    default, low, high, unit, _ = FIELDS[name]
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError("%s is text (%s), not %r" % (name, unit, value))
    elif isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError("%s is a whole number, %d..%d %s, not %r" % (name, low, high, unit, value))
    elif name == "chunk_ms" and value % 20:
        raise ValueError("chunk_ms is a multiple of 20 ms, not %d" % value)
    return value


def pack(stored):
    """The file's bytes: a line with CRC-32 and length of the rest, then the rest, a JSON object."""
    body = json.dumps(stored).encode()
    return ("%s %08x %d\n" % (MAGIC, binascii.crc32(body) & 0xFFFFFFFF, len(body))).encode() + body


def parse(content):
    """The dict in a file's bytes; ValueError says what is wrong with them."""
    end = content.find(b"\n")
    try:
        words = content[: max(end, 0)].decode().split(" ")
        if len(words) != 4 or " ".join(words[:2]) != MAGIC:
            raise ValueError
        crc, length = int(words[2], 16), int(words[3])
    except ValueError:  # UnicodeError is one
        raise ValueError("no line '%s CRC LENGTH' at its beginning" % MAGIC)
    body = content[end + 1 :]
    if len(body) != length:
        raise ValueError("%d bytes where %d were saved" % (len(body), length))
    if binascii.crc32(body) & 0xFFFFFFFF != crc:
        raise ValueError("the CRC does not match")
    stored = json.loads(body)
    if not isinstance(stored, dict) or not isinstance(stored.get("threshold", {}), dict):
        raise ValueError("no JSON object with a threshold object")
    return stored


def read(path):
    with open(path, "rb") as f:
        return f.read()


def intact(path):
    try:
        parse(read(path))
    except (OSError, ValueError):
        return False
    return True


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass
