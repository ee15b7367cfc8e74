"""Live sound on the virtual board: what MIC=1 plays through a pipe, with a generator in the microphone's place."""

import os

import numpy as np

from tools.vboard.feed import Feed


class FakeBoard:
    """A board whose time a test sets."""

    class Sound:
        def __init__(self):
            self.samples = np.zeros((0, 1), np.int16)
            self.start = None

        def append(self, more):
            self.samples = np.concatenate([self.samples, more])

    def __init__(self):
        self.sound = self.Sound()
        self.audio_pos_s = 0.0


def test_feed_keeps_place_and_bytes():
    """Sound before the microphones run is dropped, then every sample is heard once and at its time, however the pipe cuts it."""
    board = FakeBoard()
    out, into = os.pipe()
    feed = Feed(board, out)
    os.write(into, b"\1\2" * 100)
    feed.pump()
    assert len(board.sound.samples) == 0 and feed.ahead_s() == float("inf")
    board.sound.start, board.audio_pos_s = 0, 0.5
    pcm = np.arange(-500, 500, dtype="<i2")
    data = pcm.tobytes()
    for begin, end in ((0, 1), (1, 7), (7, 1000), (1000, 2000)):
        os.write(into, data[begin:end])
        feed.pump()
    assert np.array_equal(board.sound.samples[:, 0], np.concatenate([np.zeros(8000), pcm]))
    assert abs(feed.ahead_s() - 1000 / 16000) < 1e-9
    os.close(into)
    feed.pump()
    assert not feed.open and feed.ahead_s() == float("inf")
    os.close(out)


def test_no_microphone_is_said(monkeypatch):
    """A computer without PortAudio or without a microphone gets a sentence, not a traceback."""
    import builtins

    from tools.demo import microphone

    real = builtins.__import__

    def broken(name, *args, **kwargs):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    try:
        microphone.check()
    except microphone.NoMicrophoneError as error:
        assert "PortAudio" in str(error) and "WAV=" in str(error)
    else:
        raise AssertionError("nothing was said")
