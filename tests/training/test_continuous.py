"""Continuous listening: the fast detector is the device's, the audio is what it says, and the counts are right."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import report
from tools.bench_live import host
from tools.bench_live.host import Decisions, Detector, HostModel
from tools.bench_live.track import LEVEL_DBFS, RATE_HZ, Word
from tools.blob import BlobWriter, FrontendConfig, Quant, read
from training import continuous, sweep
from training.folders import KEYWORDS, labels_of
from training.listening import SENTENCES, Composer, Heard, Stretch

LABELS = labels_of()


def random_blob(**changed) -> bytes:
    """A one-layer network with random weights and the twelve classes."""
    rng = np.random.default_rng(3)
    config = FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=10, f_low_hz=20, f_high_hz=7600)
    options = {"frontend": config.section(np.zeros(10), np.ones(10), 0.1), "labels": list(LABELS), "decision_hop_frames": 4,
               "meta": {"name": "tiny", "detector": {"window": 2, "refractory_ms": 640, "threshold": dict.fromkeys(KEYWORDS, 0.3)}}}
    writer = BlobWriter(**options | changed)
    x = writer.input((49, 10, 1), Quant(0.1, 0))
    y = writer.fully_connected(x, rng.integers(-127, 128, (12, 490)).astype(np.int8), np.zeros(12, np.int32), np.full(12, 0.0005), Quant(0.1, 0))
    writer.softmax(y)
    return writer.finish()


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.kws"
    path.write_bytes(random_blob())
    return path


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(1, 32), refractory=st.integers(0, 12), threshold=st.floats(0, 1),
       n=st.integers(0, 300), hold=st.integers(1, 12))
def test_fast_detector_is_the_one_on_the_device(seed: int, window: int, refractory: int, threshold: float, n: int, hold: int) -> None:
    """Every figure would be of a detector that no board runs."""
    rng = np.random.default_rng(seed)
    labels = ("_silence_", "_unknown_", "yes", "no", "up")
    rows = np.repeat(rng.dirichlet(np.full(5, 0.2), n), hold, axis=0)[:n]        # a class is held as a word would hold it
    rows = (rows + rng.uniform(0, 0.3, rows.shape)).clip(0, 1)
    decisions = Decisions(np.round(rows * 255 - 128).astype(np.int8), np.arange(n) * 2 + 25)

    def make() -> Detector:
        return Detector(labels, 1 / 256, -128, window, refractory, {"yes": threshold}, default_threshold=float(rng.uniform()))

    one = make()
    two = Detector(labels, 1 / 256, -128, window, refractory, dict(one.threshold.items()))
    assert list(sweep.detect(one, decisions)) == list(host.detect(two, decisions))


def test_counts_and_latency(model_path: Path) -> None:
    """A miss counted as a hit, or a latency from the wrong moment, would pass a bad model."""
    model = HostModel(model_path.read_bytes())
    yes = LABELS.index("yes")
    scores = np.full((100, 12), -128, np.int8)
    scores[:, 0] = 0
    for at in (20, 60):                                                          # one in the word, one where nothing was said
        scores[at:at + 4, yes] = 127
    words = [Word("yes", "yes", 1.2, 2.2), Word("no", "no", 7.0, 8.0)]
    heard = [Heard(Stretch(words, 36.0, 10.0, [1.5, 7.6]), Decisions(scores, np.arange(100) * 2 + 2))]
    one = sweep.tally(heard, model, {"window": 1, "refractory_ms": 640, "threshold": dict.fromkeys(KEYWORDS, 0.9)})
    assert one.missed == Counter(no=1) and one.false == Counter(yes=1)
    assert one.during == {"no word": 1}
    assert one.figures() == {"targets": 2, "misses": 1, "false_accepts": 1, "miss_percent": 50.0, "false_accepts_per_hour": 100.0,
                             "latency_median_ms": 180, "latency_90_percent_ms": 180}
    assert one.figures("no")["miss_percent"] == 100 and one.figures("no")["latency_median_ms"] is None


def test_false_accepts_are_put_down_to_what_was_said() -> None:
    """Somebody would record more background noise against false accepts that other words cause."""
    words = [Word("yes", "yes", 1.0, 2.0), Word("no", "no", 3.0, 4.0), Word("tree", "", 5.0, 6.0), Word("see you", "", 7.0, 8.0)]
    kinds = [sweep.said_then(words, ("yes", 0.9, t)) for t in (1.9, 4.4, 5.1, 7.1, 0.9, 9.0)]
    assert kinds == ["the keyword again", "another keyword", "another word", "a sentence", "no word", "no word"]


def test_operating_point_keeps_the_budget() -> None:
    """The setting that is recommended would report more often than was allowed, or miss more than it must."""
    def one(misses: int, false: int) -> sweep.Tally:
        return sweep.Tally(7200.0, Counter(yes=10), Counter(yes=misses), Counter(yes=false))

    assert sweep.operating_point({0.3: one(0, 2), 0.5: one(2, 1), 0.6: one(2, 0), 0.7: one(3, 0)}, 0.5) == 0.6
    assert sweep.operating_point({0.3: one(0, 2)}, 0.5) is None


def test_stretches_hold_what_they_say(split_folders: Callable[..., Path]) -> None:
    """Wrong times, levels or numbers of targets, or audio that depends on the number of threads, would make figures nobody can repeat."""
    root = split_folders()
    one, two = (Composer(root, "test", ["yes", "no"], seed=4, sentences=False, threads=n) for n in (1, 3))
    plans = one.plan(0.02, targets=7, stretches=2)
    assert [[clip.text for clip in clips] for clips in plans] == [[clip.text for clip in clips] for clips in two.plan(0.02, 7, 2)]
    assert Counter(clip.keyword for clips in plans for clip in clips if clip.keyword) == {"yes": 4, "no": 3}
    stretch, pcm = one.stretch(plans[0], 0, 10.0)
    assert np.array_equal(pcm, two.stretch(plans[0], 0, 10.0)[1]) and len(pcm) == pytest.approx(36 * RATE_HZ, abs=100)
    assert stretch.seconds == 36
    assert not np.array_equal(pcm, one.stretch(plans[0], 1, 10.0)[1])
    assert all(word.start_s < said <= word.end_s for word, said in zip(stretch.words, stretch.said_s, strict=True))
    first = pcm[: int(stretch.words[0].start_s * RATE_HZ)] / 32768
    assert 20 * np.log10(np.sqrt(np.mean(first**2))) == pytest.approx(LEVEL_DBFS - 10, abs=2)
    with pytest.raises(ValueError, match="do not fit"):
        one.plan(0.01, targets=100)


def test_sentences_hold_no_keyword_that_counts_as_none(split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyword in a synthetic sentence would be a false accept when it is rightly heard."""
    assert not {word for text in SENTENCES for word in text.lower().split()} & set(KEYWORDS)
    monkeypatch.setattr("training.listening.has_synthetic", lambda: True)
    root = split_folders()
    validation, test = (Composer(root, split, ["yes"]).sentences for split in ("validation", "test"))
    assert len(validation) + len(test) == len(SENTENCES) and not set(validation) & set(test)


def run(*arguments: object) -> int:
    return continuous.run(continuous.arguments().parse_args([str(a) for a in arguments]), continuous.Console(quiet=True))


def test_command_writes_plot_numbers_and_report(model_path: Path, split_folders: Callable[..., Path], tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs that differ could not be compared, and a model's other figures in the report would be lost."""
    zoo = tmp_path / "zoo.json"
    monkeypatch.setattr(continuous.write_report, "__defaults__", (zoo,))
    report.write([{"name": "tiny", "metric": "macs", "value": 1, "unit": "", "how": ""}], zoo)
    data = split_folders()
    for name in ("a", "b"):
        assert run(model_path, "--data", data, "--hours", 0.02, "--snr", "0,20", "--no-synthetic", "--plot", tmp_path / f"{name}.png", "--report") == 0
    assert (tmp_path / "a.png").stat().st_size > 1000
    result = json.loads((tmp_path / "a.json").read_text())
    assert result == json.loads((tmp_path / "b.json").read_text())
    assert set(result["by_snr_db"]) == {"0", "20"} and set(result["figures"]) == {"overall", *KEYWORDS}
    assert result["curve"][-1] == {"threshold": 1.0, "miss_percent": 100.0, "false_accepts_per_hour": 0.0}
    assert {row["metric"] for row in report.load(zoo)} == {"macs", "false_accepts_per_hour", "miss_percent"}
    assert len(report.load(zoo)) == 3


def test_tuning_hears_validation_audio_alone(model_path: Path, split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that were chosen on test recordings would make the figures of the test a promise nobody keeps."""
    chosen_on = []
    real = continuous.tune

    def spy(model: HostModel, heard: list[Heard], budget: float) -> dict:
        chosen_on.extend(word.text for one in heard for word in one.stretch.words)
        return real(model, heard, budget)

    monkeypatch.setattr(continuous, "tune", spy)
    data = split_folders()
    for path in (data / "validation" / "cat").iterdir():                         # a word that only one of the splits has
        path.rename(data / "validation" / "bird" / f"f{path.name}")
    (data / "validation" / "cat").rmdir()
    assert run(model_path, "--data", data, "--hours", 0.02, "--snr", "20", "--no-synthetic", "--tune", "--budget", 100000) == 0
    assert "bird" in chosen_on and "cat" not in chosen_on
    blob = read(model_path.read_bytes())
    detector = blob.meta["detector"]
    assert blob.meta["name"] == "tiny" and set(detector) == {"window", "refractory_ms", "threshold", "tuned"} and "validation" in detector["tuned"]
    assert set(detector["threshold"]) == set(KEYWORDS)


def test_wake_word_task(model_path: Path, split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that hears nothing must not pass, and other keywords must not count."""
    monkeypatch.setattr(continuous, "MLPERF_HOURS", 0.05)
    monkeypatch.setattr(continuous, "MLPERF_TARGETS", 12)
    silent = HostModel(model_path.read_bytes()).meta
    silent["detector"]["threshold"] = dict.fromkeys(KEYWORDS, 1.0)
    model_path.write_bytes(random_blob(meta=silent))
    assert run(model_path, "--data", split_folders(), "--mlperf", "--keyword", "yes", "--snr", "20", "--no-synthetic") == 1
    for misses, false, passed in ((8, 8, True), (9, 0, False), (0, 9, False)):
        assert continuous.mlperf_verdict({"figures": {"overall": {"targets": 50, "misses": misses, "false_accepts": false}}})[0] is passed
    model = continuous.open_model(model_path, "yes")
    assert continuous.keywords_of(model) == ["yes"] and len(model.labels) == 12


@pytest.mark.parametrize(("arguments", "said"), [
    (["--keyword", "maybe"], "'maybe' is no keyword of this model; there are: yes, no"),
    (["--mlperf"], "--keyword"),
    (["--data", "nowhere"], "nowhere: no such folder"),
    (["--tune", "--keyword", "yes"], "leave --keyword out"),
    (["--report", "--keyword", "yes"], "leave --keyword out"),
    (["--plot", "nowhere/det.png"], "--plot nowhere/det.png"),
    (["--plot", "det.json"], "--plot det.json"),
    (["--threads", "0"], "--threads"),
])
def test_refusals(arguments: list[str], said: str, model_path: Path, split_folders: Callable[..., Path], capsys: pytest.CaptureFixture,
                  monkeypatch: pytest.MonkeyPatch) -> None:
    """The user would have to read a traceback, or get figures of something else than was asked for."""
    monkeypatch.setattr("sys.argv", ["continuous", str(model_path), "--data", str(split_folders()), *arguments])
    assert continuous.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error


@pytest.mark.parametrize(("changed", "said"), [({"frontend": b"", "decision_hop_frames": 0}, "no front end"), ({"labels": []}, "no labels"),
                                               ({"labels": [f"_{n}_" for n in range(12)]}, "no keywords")])
def test_model_that_cannot_listen(changed: dict, said: str, model_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hear nothing for two hours, or be a traceback."""
    model_path.write_bytes(random_blob(**changed))
    monkeypatch.setattr("sys.argv", ["continuous", str(model_path)])
    assert continuous.main() == 1 and said in capsys.readouterr().err


def test_missing_noise_and_words(model_path: Path, split_folders: Callable[..., Path]) -> None:
    """Figures without noise would look far too good."""
    data = split_folders()
    with pytest.raises(ValueError, match="no recordings of marvin"):
        Composer(data, "test", ["marvin"])
    for path in (data / "_background_noise_").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="no background noise"):
        run(model_path, "--data", data, "--hours", 0.01, "--no-synthetic")
