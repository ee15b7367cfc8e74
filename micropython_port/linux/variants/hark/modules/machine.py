"""Upstream's `machine` for Linux, and the microphone that the boards have: machine.PDM_PCM, here fed from a recording.

    HARK_AUDIO=speech.wav   what the microphone hears: a WAV file, 16-bit, of the rate and channels asked for
    HARK_AUDIO=-            raw little-endian int16 samples from standard input, for example from arecord
    HARK_REALTIME=1         a WAV file comes at the pace of a microphone, and samples that nobody fetches are lost
                            (counted by overruns()); without it, it comes as fast as it is read
"""

import sys

_path = sys.path[:]
sys.path.clear()  # with nothing to search, `machine` is the built-in module
try:
    from machine import *
finally:
    sys.path.extend(_path)

from pdm_pcm import PDM_PCM  # noqa: F401
