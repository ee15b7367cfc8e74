"""machine.PDM_PCM on Linux: the stream interface of the board's microphone over a recording. See machine.py."""

import errno
import io
import os
import select
import struct
import sys
import time

import micropython

_POLL = 3  # MP_STREAM_POLL, and its flag for "can be read"
_POLL_RD = 1


class Wav:
    """The samples of a RIFF/WAVE file. ValueError says what is wrong with the file; OSError when it cannot be opened."""

    def __init__(self, path, rate, channels, paced, ibuf):
        self._file = open(path, "rb")
        try:
            self._left, found = self._find_data(path)  # bytes
            if found != (rate, channels):
                raise ValueError("%s: %d Hz, %d channels; asked for %d Hz, %d channels" % ((path,) + found + (rate, channels)))
        except ValueError:
            self._file.close()
            raise
        self._frame = 2 * channels
        self._bytes_per_s = self._frame * rate
        self._paced = paced
        self._ibuf = ibuf
        self._start_ms = time.ticks_ms()
        self._taken = 0  # bytes, read or lost
        self.lost = 0  # samples of one channel

    def _find_data(self, path):
        size = os.stat(path)[6]
        head = self._file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise ValueError("%s: not a WAV file" % path)
        found = None
        at = 12
        while at + 8 <= size:
            self._file.seek(at)
            name, length = struct.unpack("<4sI", self._file.read(8))
            at += 8
            if at + length > size:
                raise ValueError("%s: truncated, %d of %d bytes of %s are there" % (path, size - at, length, name.decode()))
            if name == b"fmt ":
                if length < 16:
                    raise ValueError("%s: fmt chunk of %d bytes" % (path, length))
                kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", self._file.read(16))
                if kind not in (1, 0xFFFE) or bits != 16:
                    raise ValueError("%s: %d bits in format %d; only 16-bit PCM is understood" % (path, bits, kind))
                found = rate, channels
            elif name == b"data":
                if not found:
                    raise ValueError("%s: data before fmt" % path)
                if length % (2 * found[1]):
                    raise ValueError("%s: truncated, %d bytes of data are no whole number of samples" % (path, length))
                return length, found
            at += length + length % 2
        raise ValueError("%s: truncated, no %s chunk" % (path, "data" if found else "fmt"))

    @property
    def ended(self):
        return self._left == 0

    def available(self):
        """Bytes that can be read now; when all of the recording was heard, as many as anybody may want."""
        if not self._paced or not self._left:
            return 1 << 30
        heard = time.ticks_diff(time.ticks_ms(), self._start_ms) * self._bytes_per_s // 1000 - self._taken
        heard = min(heard, self._left) // self._frame * self._frame
        lost = heard - self._ibuf // self._frame * self._frame
        if lost > 0:  # as on the board: what found no room in the ring is gone
            self._take(lost)
            self._file.seek(lost, 1)
            self.lost += lost // self._frame
            heard -= lost
        return heard if heard < self._left else 1 << 30

    def readinto(self, buf):
        """Fills buf from what is available; fewer bytes, and at last none, at the end of the recording."""
        n = min(len(buf), self._left)
        n = self._file.readinto(memoryview(buf)[:n]) if n else 0
        self._take(n)
        return n

    def _take(self, n):
        self._left -= n
        self._taken += n

    def close(self):
        self._file.close()


class Pipe:
    """Raw samples from standard input, which sets the pace itself."""

    lost = 0
    ended = False

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin.buffer, select.POLLIN)

    def available(self):
        return 1 << 30 if self._poll.poll(0) else 0

    def readinto(self, buf):
        view = memoryview(buf)
        done = 0
        while done < len(buf):
            n = sys.stdin.buffer.readinto(view[done:])
            if not n:
                self.ended = True
                break
            done += n
        return done // 2 * 2

    def close(self):
        self._poll.unregister(sys.stdin.buffer)


class PDM_PCM(io.IOBase):
    """The microphone, with the board's interface (micropython_port/stm32f7/PDM_PCM.md).

    rate in Hz, format MONO or STEREO; ibuf is the ring in bytes that HARK_REALTIME=1 fills. Which microphones, gain_db
    and dc_removal mean nothing for a recording: they are accepted and change no sample.
    """

    MONO = 1  # the number of channels
    STEREO = 2

    def __init__(self, id, *, rate=16000, format=MONO, mics=None, gain_db=0, dc_removal=True, ibuf=8192):
        if id != 0:
            raise ValueError("id must be 0")
        if format not in (self.MONO, self.STEREO):
            raise ValueError("format must be PDM_PCM.MONO or PDM_PCM.STEREO")
        name = os.getenv("HARK_AUDIO")
        if not name:
            raise ValueError("HARK_AUDIO is not set: name a WAV file there, or - for raw int16 samples from standard input")
        if name == "-":
            self._source = Pipe()
        else:
            self._source = Wav(name, rate, format, os.getenv("HARK_REALTIME") == "1", ibuf)
        self._frame = 2 * format
        self._gain_db = float(gain_db)
        self._handler = None
        self._polled = False  # asyncio's way: poll first, then read what is there
        self._waiting = None  # the buffer that irq's handler will be called for
        self._turn = self._on_turn

    def readinto(self, buf):
        """Fills buf and returns its length; at the recording's end it returns less, then 0.

        Once polled (select, asyncio) it returns what is there. With a handler set by irq() it returns at once, and the
        handler is called when buf is full: the last buffer is filled up with silence, and a call after that raises EOFError.
        """
        source = self._running()
        if len(buf) % self._frame:
            raise OSError(errno.EINVAL)
        if self._polled:
            return source.readinto(memoryview(buf)[: source.available()])
        if self._handler is None:
            while source.available() < len(buf) and not source.ended:
                time.sleep_ms(1)
            return source.readinto(buf)
        if self._waiting is not None:
            raise OSError(errno.EBUSY)
        if source.ended:
            raise EOFError("the recording is at its end")
        self._waiting = buf
        micropython.schedule(self._turn, None)
        return len(buf)

    def read(self, n=-1):
        """Up to n bytes of what is there now; None when nothing is."""
        source = self._running()
        if not source.available():
            return None
        buf = bytearray(min(source.available(), n if n >= 0 else 4096))
        return bytes(memoryview(buf)[: source.readinto(buf)])

    def irq(self, handler):
        """handler(mic) is called when a readinto has filled its buffer; None makes readinto wait again."""
        self._running()
        self._handler = handler
        self._polled = False
        if handler is None:
            self._waiting = None

    def any(self):
        """Bytes that can be read at once."""
        return self._running().available()

    def overruns(self):
        """Samples lost since the start, of one channel."""
        return self._source.lost if self._source else 0

    def gain_db(self, value=None):
        if value is None:
            return self._gain_db
        self._gain_db = float(value)

    def deinit(self):
        """Closes the recording; what is called afterwards raises OSError(ENODEV)."""
        source, self._source, self._waiting = self._source, None, None
        if source:
            source.close()

    close = deinit

    def ioctl(self, request, arg):
        if request == _POLL:
            self._polled = True
            return arg & (_POLL_RD if self._running().available() else 0)
        return 0

    def _running(self):
        if not self._source:
            raise OSError(errno.ENODEV)
        return self._source

    def _on_turn(self, _):
        source, buf = self._source, self._waiting
        if buf is None:
            return
        if source.available() < len(buf) and not source.ended:
            time.sleep_ms(1)
            micropython.schedule(self._turn, None)
            return
        n = source.readinto(buf)
        for i in range(n, len(buf)):
            buf[i] = 0
        self._waiting = None
        self._handler(self)
