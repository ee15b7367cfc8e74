"""The app's path from audio to events, computed on the host: the same C core, the same detector, no board."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools import blob, kwslib
from tools.blob.meta import with_meta

PY_APP = Path(__file__).resolve().parents[2] / "py_app"
if str(PY_APP) not in sys.path:
    sys.path.append(str(PY_APP))

from detector import Detector  # a MicroPython module, hence no package
from settings import FIELDS

RATE_HZ = 16000
CHUNK_MS = FIELDS["chunk_ms"][0]


class HostModel:
    """A blob on the host, with the names of `kws.Model`. ValueError when it cannot be used for listening.

    network: SHA-256 of everything but the meta section, so of what decides its scores.
    """

    def __init__(self, data: bytes):
        info = blob.read(data)
        if not info.frontend:
            raise ValueError("this blob has no front end: it is a bare network and cannot listen (the importer's --frontend-from gives it one)")
        if not info.labels:
            raise ValueError("this blob has no labels: nobody could name what it hears (the importer's --labels gives it some)")
        self.core = kwslib.Model(data)
        self.network = hashlib.sha256(with_meta(data, {})).hexdigest()
        self.labels = info.labels
        self.meta = info.meta
        self.scale, self.zero_point = self.core.output_quant
        self.hop_samples = kwslib.Frontend(info.frontend).hop_len
        self.decision_hop_frames = info.decision_hop_frames
        self.decision_ms = self.hop_samples * 1000 // RATE_HZ * self.decision_hop_frames


@dataclass(frozen=True)
class Decisions:
    """`scores`: int8 [decisions, classes]; `chunk`: int [decisions], the app's chunk counter at each."""

    scores: np.ndarray
    chunk: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        return self.chunk * (CHUNK_MS / 1000)


def decide(model: HostModel, pcm: np.ndarray) -> Decisions:
    """Every decision on `pcm` (int16 [n], 16 kHz), in chunks as the app takes them; what does not fill one is left out."""
    stream = kwslib.Stream(model.core)
    step = RATE_HZ * CHUNK_MS // 1000
    parts = [stream.feed(pcm[at : at + step]) for at in range(0, len(pcm) - step + 1, step)]
    chunk = np.repeat(np.arange(1, len(parts) + 1), [len(rows) for rows in parts])
    return Decisions(np.concatenate(parts) if parts else np.zeros((0, len(model.labels)), np.int8), chunk)


def make_detector(model: HostModel, options: dict | None = None) -> Detector:
    """The detector that the app makes of a model's `meta["detector"]`, or of `options` in its place."""
    options = model.meta.get("detector") or {} if options is None else options
    window = options.get("window", FIELDS["window"][0])
    refractory_ms = options.get("refractory_ms", FIELDS["refractory_ms"][0])
    refractory = -(-refractory_ms // model.decision_ms)
    prior = options.get("unknown_prior", FIELDS["unknown_prior"][0])
    return Detector(model.labels, model.scale, model.zero_point, window, refractory, options.get("threshold"), unknown_prior=prior)


def detect(detector: Detector, decisions: Decisions) -> Iterator[tuple[str, float, float]]:
    """(keyword, score, time in s) of every detection."""
    scores = decisions.scores.ravel().tolist()
    classes = decisions.scores.shape[1]
    for k, chunk in enumerate(decisions.chunk.tolist()):
        if detector.feed(scores[k * classes : (k + 1) * classes], 1, chunk):
            yield from detector.events(CHUNK_MS / 1000)
