"""This computer's microphone, when there is one."""

import threading
from typing import BinaryIO

import numpy as np

RATE_HZ = 16000
BLOCK = 320  # samples, 20 ms


class NoMicrophoneError(RuntimeError):
    """There is nothing to listen to; the message says why."""


def check() -> None:
    """NoMicrophoneError when this computer cannot record."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the PortAudio library is missing
        raise NoMicrophoneError(f"the microphone cannot be used: {error}; try WAV=file") from error
    try:
        sounddevice.check_input_settings(channels=1, dtype="int16", samplerate=RATE_HZ)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NoMicrophoneError(f"there is no microphone on this computer that records at {RATE_HZ} Hz ({error}); try WAV=file") from error


class Microphone:
    """Writes what it hears to `sink` (raw int16, mono) from `start` to `stop`, and keeps it."""

    def __init__(self, sink: BinaryIO):
        self._sink = sink
        self._parts: list[bytes] = []
        self._lock = threading.Lock()
        self._stream = None

    def start(self) -> None:
        import sounddevice

        self._stream = sounddevice.RawInputStream(samplerate=RATE_HZ, channels=1, dtype="int16", blocksize=BLOCK, callback=self._heard)
        self._stream.start()

    def _heard(self, data, frames, time, status) -> None:
        block = bytes(data)
        with self._lock:
            self._parts.append(block)
        try:
            self._sink.write(block)
            self._sink.flush()
        except (BrokenPipeError, ValueError):  # the board has ended
            pass

    def stop(self) -> np.ndarray:
        """int16 [n]: everything heard. Closes the sink, so that the board does not wait for more."""
        if self._stream is not None:
            self._stream.stop()
            self._stream.close()
        self._sink.close()
        with self._lock:
            return np.frombuffer(b"".join(self._parts), np.int16)
