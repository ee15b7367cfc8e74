"""The host's copy of the app's path, and a blob's meta section: what tuning relies on."""

import numpy as np
import pytest

from tools.bench_live.host import HostModel, decide, detect, make_detector
from tools.bench_live.track import Track, Word
from tools.bench_live.tune import Tuner
from tools.blob import BlobError, BlobWriter, FrontendConfig, Quant, read
from tools.blob.meta import with_meta

LABELS = ["_silence_", "_unknown_", "yes", "no"]


@pytest.fixture(scope="module")
def blob() -> bytes:
    """A one-layer network with random weights: 1 s window, a decision every 80 ms."""
    rng = np.random.default_rng(3)
    config = FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=10, f_low_hz=20, f_high_hz=7600)
    section = config.section(np.zeros(10), np.ones(10), 0.1)
    writer = BlobWriter(frontend=section, labels=LABELS, decision_hop_frames=4, meta={"detector": {"window": 2, "threshold": {"yes": 0.3}}})
    x = writer.input((49, 10, 1), Quant(0.1, 0))
    weights = rng.integers(-127, 128, (4, 490)).astype(np.int8)
    y = writer.fully_connected(x, weights, np.zeros(4, np.int32), np.full(4, 0.002), Quant(0.1, 0))
    writer.softmax(y)
    return writer.finish()


def test_meta_is_replaced_and_nothing_else(blob):
    """Writing the tuned thresholds must not touch the network."""
    changed = with_meta(blob, {"detector": {"window": 5}, "note": "grüße"})
    before, after = read(blob), read(changed)
    assert after.meta == {"detector": {"window": 5}, "note": "grüße"}
    assert (after.labels, after.ops, after.tensors, after.frontend) == (before.labels, before.ops, before.tensors, before.frontend)
    HostModel(changed)
    assert with_meta(changed, before.meta) == blob
    with pytest.raises(BlobError):
        with_meta(blob[:-1], {})


def test_decisions_come_when_the_app_counts_them(blob):
    """The first decision needs a whole window, then one comes every 80 ms; times are those of the app's chunks."""
    rng = np.random.default_rng(4)
    model = HostModel(blob)
    assert (model.hop_samples, model.decision_ms) == (320, 80)
    decisions = decide(model, (rng.standard_normal(48000) * 3000).astype(np.int16))
    assert decisions.scores.shape[1] == 4
    assert decisions.seconds[0] == pytest.approx(1.0) and np.allclose(np.diff(decisions.seconds), 0.08)


def test_model_brings_its_detector(blob):
    """Defaults of the blob, then those of the settings."""
    detector = make_detector(HostModel(blob))
    assert detector.window == 2 and detector.refractory == 8
    assert dict(detector.threshold.items()) == {"yes": 0.3, "no": 0.6}


def test_tuner_counts_hits_and_false_accepts(blob):
    """A detector that never fires scores nothing, one that always fires is punished beyond the budget."""
    rng = np.random.default_rng(5)
    model = HostModel(blob)
    pcm = (rng.standard_normal(16000 * 20) * 3000).astype(np.int16)
    track = Track("t", pcm, [Word("yes", "yes", 2.0, 3.0), Word("no", "no", 5.0, 6.0)])
    tuner = Tuner(model, track, decide(model, pcm), budget=1.0)
    never = {"window": 1, "refractory_ms": 80, "threshold": {"yes": 1.0, "no": 1.0}}
    always = {"window": 1, "refractory_ms": 0, "threshold": {"yes": 0.0, "no": 0.0}}
    assert tuner.value(never) == 0
    fired = list(detect(make_detector(model, always), tuner.decisions))
    assert len(fired) > 3 and tuner.value(always) < 100 - 20


def test_bare_network_is_refused(blob):
    """A blob without a front end cannot listen; it is said at once."""
    writer = BlobWriter()
    x = writer.input((1, 1, 4), Quant(0.1, 0))
    writer.softmax(x)
    with pytest.raises(ValueError, match="cannot listen"):
        HostModel(writer.finish())
