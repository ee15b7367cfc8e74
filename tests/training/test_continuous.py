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
from tools.blob.meta import with_meta
from tools.kwslib import REPO_ROOT
from training import continuous, det, listening, sweep, tune
from training.folders import KEYWORDS, labels_of
from training.listening import Composer, Heard, Stretch, drawn_sentences
from training.synthetic import Utterance

LABELS = labels_of()


@pytest.fixture(autouse=True)
def kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions of other runs must not be found here."""
    monkeypatch.setattr(listening, "DECISIONS", tmp_path / "decisions")


def random_blob(frames: int = 49, **changed) -> bytes:
    """A one-layer network with random weights and the twelve classes."""
    rng = np.random.default_rng(3)
    config = FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=10, f_low_hz=20, f_high_hz=7600)
    options = {"frontend": config.section(np.zeros(10), np.ones(10), 0.1), "labels": list(LABELS), "decision_hop_frames": 4,
               "meta": {"name": "tiny", "detector": {"window": 2, "refractory_ms": 640, "threshold": dict.fromkeys(KEYWORDS, 0.3)}}}
    writer = BlobWriter(**options | changed)
    x = writer.input((frames, 10, 1), Quant(0.1, 0))
    y = writer.fully_connected(x, rng.integers(-127, 128, (12, 10 * frames)).astype(np.int8), np.zeros(12, np.int32), np.full(12, 0.0005), Quant(0.1, 0))
    writer.softmax(y)
    return writer.finish()


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.kws"
    path.write_bytes(random_blob())
    return path


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(1, 32), refractory=st.integers(0, 12), threshold=st.floats(0, 1),
       n=st.integers(0, 300), hold=st.integers(1, 12), prior=st.integers(1, 16), zero_point=st.sampled_from([-128, 0]))
def test_fast_detector_is_the_one_on_the_device(seed: int, window: int, refractory: int, threshold: float, n: int, hold: int, prior: int,
                                                  zero_point: int) -> None:
    """Every figure would be of a detector that no board runs."""
    rng = np.random.default_rng(seed)
    labels = ("_silence_", "_unknown_", "yes", "no", "up")
    rows = np.repeat(rng.dirichlet(np.full(5, 0.2), n), hold, axis=0)[:n]        # a class is held as a word would hold it
    rows = (rows + rng.uniform(0, 0.3, rows.shape)).clip(0, 1)
    decisions = Decisions(np.round(rows * 255 - 128).astype(np.int8), np.arange(n) * 2 + 25)

    def make() -> Detector:
        return Detector(labels, 1 / 256, zero_point, window, refractory, {"yes": threshold}, default_threshold=float(rng.uniform()), unknown_prior=prior)

    one = make()
    two = Detector(labels, 1 / 256, zero_point, window, refractory, dict(one.threshold.items()), unknown_prior=prior)
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
    assert one.during == {"no word": 1} and one.taken == {("no word", "yes"): 1}
    assert one.figures() == {"targets": 2, "misses": 1, "false_accepts": 1, "miss_percent": 50.0, "false_accepts_per_hour": 100.0,
                             "latency_median_ms": 180, "latency_90_percent_ms": 180}
    assert one.figures("no")["miss_percent"] == 100 and one.figures("no")["latency_median_ms"] is None


def test_false_accepts_are_put_down_to_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody would record more background noise against false accepts that other words cause."""
    words = [Word("yes", "yes", 1.0, 2.0), Word("no", "no", 3.0, 4.0), Word("tree", "", 5.0, 6.0), Word("see you", "", 7.0, 8.0)]
    kinds = [sweep.said_then(words, ("yes", 0.9, t)) for t in (1.9, 4.4, 5.1, 7.1, 0.9, 9.0)]
    assert kinds == [("the keyword again", "yes"), ("another keyword", "no"), ("another word", "tree"), ("a sentence", "a sentence"),
                     ("no word", "no word"), ("no word", "no word")]
    result = {"hours": 1.0, "by_snr_db": {}, "figures": {}, "false_accepts_during": {"another word": 29}, "operating_point": None, "budget": 0.5}
    for taken, said in (([["yes", "yes", 31], ["no word", "on", 30], ["forward", "on", 29]], "most often: forward > on 29"), ([], "another word 29\nno threshold")):
        det.show(result | {"taken_for": taken}, continuous.Console(width=80))
        assert said in capsys.readouterr().out


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
    """A keyword in a synthetic sentence would be a false accept when it is rightly heard; settings tuned on the sentences that the
    test says would be worth less than they seem."""
    texts = drawn_sentences(300, "test", 1, KEYWORDS)
    assert len(set(texts)) > 250 and not {word for text in texts for word in text.lower().split()} & set(KEYWORDS)
    for split in ("validation", "test"):
        assert not any("kitchen" in text or "coffee" in text for text in drawn_sentences(300, split, 1, ["kitchen", "coffee"]))
    said = {}

    def utter(text: str, count: int, seed: int, threads: int) -> list[Utterance]:
        said.setdefault(text, set()).add(seed)
        return [Utterance(np.ones(800, np.int16), text, "nobody")]

    monkeypatch.setattr(listening, "has_synthetic", lambda: True)
    monkeypatch.setattr(listening, "utterances", utter)
    root = split_folders()
    validation, test = ({clip.text for clip in Composer(root, split, ["yes"]).sentences.clips} for split in ("validation", "test"))
    assert len(validation | test) > 220
    phrases = {*listening.WHO, *listening.DID, *listening.WHAT, *listening.WHEN}
    in_validation, in_test = ({phrase for phrase in phrases if any(phrase in text for text in texts)} for texts in (validation, test))
    assert in_validation | in_test == phrases and not in_validation & in_test
    assert len(set.union(*said.values())) == 2 * listening.SENTENCE_COUNT


def test_decisions_are_made_once(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at another threshold would take the minutes that listening takes; or figures would be those of another network."""
    heard = []
    monkeypatch.setattr(listening, "decide", lambda model, pcm: heard.append(model) or host.decide(model, pcm))
    rng = np.random.default_rng(0)
    pcm = rng.integers(-3000, 3000, 40000).astype(np.int16)
    model = HostModel(model_path.read_bytes())
    first = listening.decide_once(model, pcm)
    tuned = HostModel(with_meta(model_path.read_bytes(), {"detector": {"window": 3}}))
    again = listening.decide_once(tuned, pcm)
    assert len(heard) == 1 and len(first.scores) > 5
    assert np.array_equal(first.scores, again.scores) and np.array_equal(first.chunk, again.chunk)
    listening.decide_once(model, pcm[::-1].copy())
    listening.decide_once(HostModel(random_blob(decision_hop_frames=2)), pcm)
    assert len(heard) == 3
    for path in listening.DECISIONS.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert np.array_equal(listening.decide_once(model, pcm).scores, first.scores) and len(heard) == 4
    monkeypatch.setattr(listening, "sources", lambda: "another core")
    listening.decide_once(model, pcm)
    assert len(heard) == 5


def test_sources_that_decide_are_known_by_their_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change in the core or its front end, figures would be of decisions that the old one made."""
    monkeypatch.delenv("KWSLIB", raising=False)
    real = {path.relative_to(REPO_ROOT).as_posix() for pattern in listening.SOURCES for path in REPO_ROOT.glob(pattern)}
    assert {"usermod_kws/kws.h", "usermod_kws/kws.mk", "tools/bench_live/host.py", "tools/kwslib.py", "py_app/settings.py"} < real
    assert any("/frontend/" in name for name in real) and any("/kernels/" in name for name in real)
    seen = set()
    for number, (name, text) in enumerate([("status.c", "a"), ("status.c", "b"), ("frontend/fft.c", "a")]):
        path = tmp_path / str(number) / "usermod_kws" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        seen.add(listening.sources(tmp_path / str(number)))
    (tmp_path / "lib.so").write_bytes(b"another build")
    monkeypatch.setenv("KWSLIB", str(tmp_path / "lib.so"))
    listening.sources.cache_clear()
    assert len(seen) == 3 and listening.sources(tmp_path / "0") not in seen
    listening.sources.cache_clear()


def test_one_keyword_alone(model_path: Path) -> None:
    """The figures of a user's one keyword would be spoilt by the other nine, or flattered by leaving out what they cause."""
    yes, no = LABELS.index("yes"), LABELS.index("no")
    scores = np.full((200, 12), -128, np.int8)
    scores[:, 0] = 0
    for at, label in ((20, yes), (60, no), (100, yes), (140, no)):              # of which the last two are in the wrong words
        scores[at:at + 4, label] = 127
    words = [Word("yes", "yes", 1.2, 2.2), Word("no", "no", 4.6, 5.6), Word("no", "no", 7.8, 8.8), Word("cat", "", 11.0, 12.0)]
    heard = [Heard(Stretch(words, 36.0, 10.0, [1.5, 5.0, 8.0, 11.5]), Decisions(scores, np.arange(200) * 2 + 2))]
    model = HostModel(model_path.read_bytes())
    together = sweep.tally(heard, model)
    assert together.false == Counter(yes=1, no=1) and together.missed == Counter(no=1)
    only = sweep.only(model, "yes")
    assert sweep.keywords_of(only) == ["yes"] and sweep.keywords_of(model) == list(KEYWORDS)
    alone = sweep.tally(sweep.others_said(heard, "yes"), only)
    assert alone.said == Counter(yes=1) and not alone.missed and alone.false == Counter(yes=1)
    assert alone.during == {"another word": 1} and alone.taken == {("no", "yes"): 1} and heard[0].stretch.words[1].keyword == "no"
    options, found = tune.tune_keyword(model, heard, "yes", 100)
    assert set(options["threshold"]) == {"yes"} and options["window"] == 2 and found.figures()["misses"] == 0
    with pytest.raises(ValueError, match="hears nothing"):
        tune.tune_keyword(model, heard, "yes", 0)
    with pytest.raises(ValueError, match="nobody says a keyword in 0.01 h of audio"):
        tune.tune_keyword(model, heard, "stop", 100)


def test_of_settings_that_are_nearly_as_good_the_smallest_window_is_chosen(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The widest window that missed one word fewer in hours of validation audio reports later in every hour afterwards."""
    def heard_with(missed: dict[tuple[int, int], int]) -> Callable[..., dict]:
        def curve(_heard: object, _model: object, _thresholds: object, options: dict) -> dict:
            many = Counter(yes=missed[options["window"], options["unknown_prior"]])
            return {0.5: sweep.Tally(3600, Counter(yes=100), Counter(yes=1), Counter(yes=9)), 0.7: sweep.Tally(3600, Counter(yes=100), many)}
        return curve

    model = HostModel(model_path.read_bytes())
    tried = [{"window": window, "unknown_prior": prior} for window in (8, 4, 2) for prior in (1, 4)]
    for missed, best, fewest in (((10, 11, 12, 12, 20, 20), (4, 1), (8, 1)), ((12, 10, 13, 13, 12, 11), (2, 4), (8, 4)),
                                 ((10, 10, 30, 30, 40, 40), (8, 1), (8, 1)), ((0, 0, 0, 0, 2, 1), (4, 1), (8, 1))):
        monkeypatch.setattr(tune, "curve", heard_with(dict(zip([(one["window"], one["unknown_prior"]) for one in tried], missed, strict=True))))
        for errors, chosen in ((1.0, best), (0.0, fewest)):
            options, found = tune.best_of(model, [], tried, budget=1, errors=errors)
            assert (options["window"], options["unknown_prior"]) == chosen and options["threshold"]["yes"] == 0.7
            assert found.missed["yes"] == missed[tried.index({"window": chosen[0], "unknown_prior": chosen[1]})]


def test_lowest_threshold_that_keeps_the_budget(model_path: Path) -> None:
    """A spotter made of synthetic speech hears that at any threshold: the fewest misses among those would be the strictest one."""
    yes, scores = LABELS.index("yes"), np.full((300, 12), -128, np.int8)
    for at, height in ((20, 127), (100, 40), (180, -28)):                       # posteriors of 1, 0.66 and 0.39; the first is a word
        scores[at:at + 4, yes] = height
    words = [Word("yes", "yes", 1.2, 2.2), Word("cat", "", 7.4, 8.6), Word("bird", "", 13.8, 15.0)]
    heard = [Heard(Stretch(words, 36.0, 10.0, [1.5, 8.0, 14.5]), Decisions(scores, np.arange(300) * 2 + 2))]
    model, options = HostModel(model_path.read_bytes()), {"window": 4, "unknown_prior": 1, "refractory_ms": 480}
    chosen = [tune.tune_threshold(model, heard, budget, options) for budget in (0, 100, 1000)]
    assert [one["threshold"]["yes"] for one in chosen] == [0.66, 0.4, 0.3]
    assert all(options.items() <= one.items() for one in chosen) and "100.00 false accepts an hour" in chosen[1]["tuned"]


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


def test_tables_say_whose_settings_and_fit_a_terminal(model_path: Path, split_folders: Callable[..., Path], tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A cut heading is guessed at; figures of tuned settings would be taken for the blob's; two false accepts of a minute decide unnoticed."""
    terminal = continuous.Console(width=80)
    row = {"window": 2, "unknown_prior": 16, "threshold": 0.9275, "targets": 360, "miss_percent": 23.33, "false_accepts_per_hour": 7.2,
           "latency_median_ms": 290, "latency_90_percent_ms": 356}
    det.show_each({"right": row, "off": {"error": "no setting"}}, "10 h", terminal)
    shown = capsys.readouterr().out
    assert "…" not in shown and all(f"{value:g}" in shown for value in row.values()) and "off: no setting" in shown
    assert "2 h of audio are too short to see 0.4 an hour" in det.too_short(2, 0.4) and not det.too_short(2, 0.5)
    monkeypatch.setattr(continuous, "too_short", lambda hours, budget, audio="": f"too short to see {budget:g} in {hours:g} h")
    command = [model_path, "--data", split_folders(), "--hours", 0.02, "--snr", "20", "--no-synthetic", "--budget", 100000, "--keyword", "no"]
    for tuned in ([], ["--tune", "-o", tmp_path / "no.kws"]):
        assert continuous.run(continuous.arguments().parse_args([str(a) for a in [*command, *tuned]]), terminal) == 0
        shown = capsys.readouterr().out
        assert ("threshold from validation audio" in shown) == bool(tuned) and ("the blob's own detector settings" in shown) != bool(tuned)
    assert 0 < shown.index("too short to see") < shown.index("written into")


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
    assert blob.meta["name"] == "tiny" and set(detector) == {"window", "unknown_prior", "refractory_ms", "threshold", "tuned"} and "validation" in detector["tuned"]
    assert set(detector["threshold"]) == set(KEYWORDS)


def test_tuning_one_keyword_leaves_the_others(model_path: Path, split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """A user who makes one keyword stricter would find the other nine changed, or a blob rewritten that was only to be read."""
    before = model_path.read_bytes()
    tuned = tmp_path / "tuned.kws"
    command = [model_path, "--data", split_folders(), "--hours", 0.02, "--snr", "20", "--no-synthetic", "--keyword", "no", "--tune", "--budget", 100000]
    assert run(*command) == 0 and run(*command, "-o", tuned) == 0
    assert model_path.read_bytes() == before
    old, new = read(before).meta["detector"], read(tuned.read_bytes()).meta["detector"]
    assert {k: v for k, v in new["threshold"].items() if k != "no"} == {k: v for k, v in old["threshold"].items() if k != "no"}
    assert new["threshold"]["no"] != old["threshold"]["no"] and (new["window"], new["refractory_ms"]) == (old["window"], old["refractory_ms"])


def test_each_keyword_alone(model_path: Path, split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """A user could not see which of the keywords to build on."""
    data = split_folders()
    assert run(model_path, "--data", data, "--hours", 0.02, "--snr", "20", "--no-synthetic", "--each", "--budget", 100000, "--plot", tmp_path / "each.png") == 0
    rows = json.loads((tmp_path / "each.json").read_text())["each"]
    assert set(rows) == set(KEYWORDS)
    assert all({"window", "unknown_prior", "threshold", "miss_percent", "false_accepts_per_hour", "curve", "tuned"} <= set(row) or "error" in row for row in rows.values())
    assert any("threshold" in row for row in rows.values()) and sum(row["targets"] for row in rows.values() if "targets" in row) <= 10


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
    (["--each", "--keyword", "yes"], "leave --keyword"),
    (["-o", "other.kws"], "-o other.kws: --tune"),
    (["--tune", "-o", "nowhere/other.kws"], "-o nowhere/other.kws"),
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
