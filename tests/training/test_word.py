"""A word of the user's own: from a phrase to a blob, again after a kill, and clear errors before the minutes of work."""
from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tools.blob import read
from tools.kwslib import Model
from training import models, phonetics, spoken, voices, word, word_speech, word_start
from training.clips import CLIP_LEN, RATE_HZ, DataError, read_clip
from training.config import parse
from training.data import load
from training.features import OUT_SCALE
from training.run_folder import load_config, load_weights
from training.spoken import folder_name

pytestmark = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
SMALL = ["channels=8", "epochs=1", "epoch_size=160", "batch=40", "quantise_loss=100"]


@pytest.fixture(autouse=True)
def espeak_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Quick, and the same wherever other synthesisers are installed, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voices, "ENGINES", ("espeak-ng",))
    monkeypatch.setattr(phonetics, "DICTIONARY", tmp_path / "none")
    for name, value in (("NEAR_MISSES", 6), ("OTHER_WORDS", 6), ("OTHER_SENTENCES", 6), ("ENDINGS", ("",))):
        monkeypatch.setattr(word_speech, name, value)
    caches = (voices.installed, phonetics.dictionary, phonetics.neighbours)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def small_backbone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A backbone of eight channels that has learnt nothing."""
    section = parse(["frontend.n_dct=0"]).frontend.section(np.zeros(40), np.ones(40), OUT_SCALE)
    weights = models.build("stream_dense", (49, 40), 5, 8).get_weights()
    (tmp_path / "backbone").mkdir()
    np.savez(tmp_path / "backbone" / "stream_dense.npz", **{f"w{i:04d}": w for i, w in enumerate(weights)},
             frontend=np.frombuffer(section, np.uint8))
    (tmp_path / "backbone" / "stream_dense.json").write_text('{"words": ["yes", "window", "bird"], "around_ms": 100.0}')
    monkeypatch.setattr(word_start, "BACKBONES", tmp_path / "backbone")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["word", *arguments])
    return word.main()


@pytest.mark.usefixtures("small_backbone")
def test_phrase_becomes_a_blob_and_a_killed_command_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Without it a user has no word of their own, or begins anew after each interruption."""
    options = ["hey hark", "--voices", "12", *SMALL, "--hours", "0.02", "--threads", "2"]
    real = word.train
    monkeypatch.setattr(word, "train", lambda *a: (_ for _ in ()).throw(OSError("power cut")))
    assert command(monkeypatch, *options) == 1 and "power cut" in capsys.readouterr().err
    made = {path: path.stat().st_mtime_ns for path in Path("build/words/hey_hark/speech").rglob("*.flac")}
    assert sum(path.parts[-2:-1] == ("hey_hark",) for path in made) >= 12
    monkeypatch.setattr(word, "train", lambda config, data: real(config, data) if config.name.endswith("-0") else (_ for _ in ()).throw(OSError("power cut")))
    assert command(monkeypatch, *options) == 1
    networks = [Path(f"build/runs/word_hey_hark-{k}") for k in (0, 1)]
    first = (networks[0] / "float.npz").stat().st_mtime_ns
    monkeypatch.setattr(word, "train", real)
    assert command(monkeypatch, *options) == 0
    assert first == (networks[0] / "float.npz").stat().st_mtime_ns
    (one, *_, one_bias), (other, *_, other_bias), (mean, *_, mean_bias) = (load_weights(run) for run in (*networks, Path("build/runs/word_hey_hark")))
    assert not np.array_equal(one, other) and np.allclose(mean, (one + other) / 2) and np.allclose(mean_bias, (one_bias + other_bias) / 2)
    assert made == {path: path.stat().st_mtime_ns for path in Path("build/words/hey_hark/speech").rglob("*.flac")}
    assert Model(Path("build/words/hey_hark.kws").read_bytes()).labels == ["_silence_", "_unknown_", "hey_hark", "_bird", "_window", "_yes"]
    assert load_config(Path("build/runs/word_hey_hark")).around_ms == 100, "as long as the windows of its start"
    manifest = json.loads(Path("build/words/hey_hark.json").read_text())
    assert set(manifest["detector"]["threshold"]) == {"hey_hark"} and manifest["phrase"] == "hey hark"
    assert manifest["data"] == "synthetic speech" and "note" not in manifest
    assert len(json.dumps(read(Path("build/words/hey_hark.kws").read_bytes()).meta)) < 900
    assert Path("build/words/hey_hark_det.png").stat().st_size > 1000
    assert json.loads(Path("build/words/hey_hark_det.json").read_text())["curve"]
    assert command(monkeypatch, *options, "--seed", "2") == 1
    assert "begun with another seed (1, now 2)" in capsys.readouterr().err


def test_a_word_starts_from_the_backbone_and_not_from_nothing(small_backbone: None) -> None:
    """A phrase that begins with drawn weights knows nothing of people; one that keeps the backbone's last layers knows other words."""
    weights, _ = word_start.backbone("stream_dense")
    model = word_start.with_body(parse(["model=stream_dense", "channels=8"]), (49, 40), 3, weights)
    body = [w for w in model.get_weights() if w.shape[-1] != 3]
    assert body and all(any(w.shape == b.shape and np.array_equal(w, b) for b in weights) for w in body)
    assert model.output_shape == (None, 3)
    with pytest.raises(DataError, match="holds another network than stream_dense"):
        word_start.with_body(parse(["model=stream_dense", "channels=4"]), (49, 40), 3, weights)


def test_recordings_of_the_phrase_are_never_negatives(split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """A network that is taught that people who say the phrase do not say it hears nobody."""
    root = split_folders()
    for split in ("train", "validation", "test"):
        (root / split / "bird").rename(root / split / "burd")
    word_speech.make(tmp_path / "made", "bird", count=12, threads=2, data=root)
    words = set(load(tmp_path / "made", progress=False, keywords=["bird"]).splits["train"].word)
    assert "burd" not in words and {"bird", "cat", "yes", *word_speech.NEGATIVES} <= words
    assert not list((tmp_path / "made" / "train" / "bird").glob("recording_*"))
    assert not list((tmp_path / "made" / "test").rglob("recording_*"))


def test_recordings_of_another_format_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """A telephone records m4a: ten of them, silently left out, would improve nothing."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "one.m4a").touch()
    assert command(monkeypatch, "bird", "--recordings", "mine") == 1
    assert "mine/one.m4a: is no WAV or FLAC" in capsys.readouterr().err
    assert command(monkeypatch, "bird", "--recordings", "mine/one.m4a") == 1
    assert "is a file, a folder of recordings is expected" in capsys.readouterr().err
    assert command(monkeypatch, "bird", "--spelling", "b3rd") == 1 and "'b3rd' cannot be said" in capsys.readouterr().err


def test_words_that_are_told_apart(split_folders: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is a near miss and has a class of its own would be two labels of one recording, after minutes of speech; names that
    are no words would be classes that nobody says."""
    assert word_speech.told_apart(["window", "burd", "yes"], None, "bird") == ["window", "yes"]
    assert "window" in phonetics.near_misses("hey window", word_speech.NEAR_MISSES)
    word_speech.make(tmp_path / "made", "hey window", count=12, threads=2, apart=["window", "yes"])
    data = load(tmp_path / "made", ("train",), progress=False, keywords=["hey_window"], told_apart=["window", "yes"], needed=("train",))
    assert {"window", "yes", "hey_window"} <= set(data.splits["train"].word)
    assert word_speech.left_out_of_tuning(tmp_path / "made") == ("near-miss",)

    monkeypatch.setattr(word_speech, "OFTEN", 6)
    root = split_folders()
    (root / "train" / "bird").rename(root / "train" / "Bird 2")
    found = word_speech.told_apart(["window"], root, "cat")
    assert {"yes", "no"} <= set(found) and not {"window", "cat", "Bird 2"} & set(found)
    monkeypatch.setattr(word_speech, "MOST_APART", 3)
    assert len(word_speech.told_apart([], root, "cat")) == 3
    monkeypatch.setattr(word_speech, "OFTEN", 100)
    assert word_speech.told_apart(["window"], root, "cat") == ["window"], "nobody says a word often"
    word_speech.make(tmp_path / "with", "cat", count=12, threads=2, data=root, apart=["yes"])
    said = Counter(path.name.startswith("recording_") for path in (tmp_path / "with" / "train" / "yes").glob("*.flac"))
    assert said[True] >= 6 and said[False] >= 15, "a word that people alone say is told from the phrase by its sound, whatever the word"
    monkeypatch.setattr(word_speech, "HEARD_IN_TUNING", 10)
    assert word_speech.left_out_of_tuning(tmp_path / "with") == word_speech.NEGATIVES


def test_phrase_is_not_among_its_own_negatives(tmp_path: Path) -> None:
    """'near miss' or 'sentence' as a phrase would be taught its own negatives as itself."""
    assert all(folder_name(name) != name for name in word_speech.NEGATIVES)
    assert not any(folder_name(phrase) in word_speech.NEGATIVES for phrase in ("near miss", "near-miss", "other-word", "sentence-", "sentence"))
    word_speech.make(tmp_path / "made", "sentence", count=12, threads=2)
    said = [path.name for path in (tmp_path / "made").glob("*/sentence/*.flac")]
    assert len(said) >= 12 and all(name.startswith("sentence") for name in said)
    made = load(tmp_path / "made", progress=False, keywords=["sentence"]).splits["train"]
    assert {*made.word[made.of("_unknown_")]} == {*word_speech.NEGATIVES}


def test_noise_is_whole_after_a_kill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A truncated file would be kept by every later command, and no training could begin."""
    monkeypatch.setattr(spoken, "NOISES", 2)
    monkeypatch.setattr(spoken, "NOISE_S", 4)
    real = soundfile.write

    def killed(path: Path, *args: object, **how: object) -> None:
        real(path, *args, **how)
        Path(path).write_bytes(Path(path).read_bytes()[:1000])
        raise OSError("power cut")

    monkeypatch.setattr(soundfile, "write", killed)
    with pytest.raises(OSError, match="power cut"):
        spoken.make_noise(tmp_path, None, 1)
    monkeypatch.setattr(soundfile, "write", real)
    spoken.make_noise(tmp_path, None, 1)
    noise = sorted((tmp_path / "_background_noise_").glob("*.flac"))
    assert [len(read_clip(path, max_len=None)) for path in noise] == [4 * RATE_HZ] * 2


def test_near_misses_of_one_word_stay_together() -> None:
    """Threshold and curve would be of near misses that training, or the choice of the threshold, has heard."""
    near = ["hey", "hark hey", *(text for word in ("bark", "park", "lark", "mark", "harp") for text in (f"hey {word}", f"okay {word}"))]
    splits = word_speech.splits_of(near, "hey hark", 1)
    words = {split: {text.split()[-1] for text, where in zip(near[2:], splits[2:], strict=True) if where == split} for split in ("train", "validation", "test")}
    assert sum(map(len, words.values())) == 5 and set(splits) == set(words)
    assert splits == word_speech.splits_of(near, "hey hark", 1)
    assert any(word_speech.splits_of(near, "hey hark", seed) != splits for seed in (2, 3, 4))


def test_utterances_that_are_too_long_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word made of a handful of the fastest voices, under a manifest that says hundreds."""
    notes = word_speech.make(tmp_path / "made", "bird", count=12, threads=2)
    assert notes[0].startswith("12 of 12 utterances of 'bird'")
    asked = {"train": 10, "validation": 1, "test": 1}
    for path in sorted((tmp_path / "made" / "train" / "bird").glob("*.flac"))[:4]:
        path.unlink()
    assert word_speech.count_written(tmp_path / "made", "bird", asked, "bird") == 8
    for path in sorted((tmp_path / "made" / "train" / "bird").glob("*.flac"))[:3]:
        path.rename(path.with_name(path.name.replace(path.stem, f"own_00000000000{path.stem[-3]}_0{path.stem[-1]}")))
    with pytest.raises(DataError, match="only [34] of 10 utterances of 'bird' fit into 0.95 s, the others take more than 1.19 s"):
        word_speech.count_written(tmp_path / "made", "bird", asked, "bird")
    monkeypatch.setattr(spoken, "LONGEST", 800)
    assert spoken.varied(np.ones(1001, np.int16), np.random.default_rng(1)) is None


def test_people_are_told_from_strangers(split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """What people get would be what those get whose voices were in training, saying other words."""
    root = split_folders()
    (root / "train" / "cat" / "00000000_nohash_0.flac").rename(root / "train" / "cat" / "feed_nohash_0.flac")
    (root / "test" / "go" / "20000000_nohash_0.flac").rename(root / "test" / "go" / "feed_nohash_0.flac")
    (root / "train" / "bird" / "00000001_nohash_0.flac").rename(root / "train" / "bird" / "beef_nohash_0.flac")
    assert word.people(root, "bird", tmp_path / "people") == 6 + 2 + 2
    assert word.people(root, "bird", tmp_path / "strangers", strangers=True) == 1 + 2 + 2
    assert len(list((tmp_path / "people" / "test" / "go").iterdir())) == 2
    assert len(list((tmp_path / "strangers" / "test" / "go").iterdir())) == 1


def test_near_misses_sound_alike_and_are_not_the_phrase() -> None:
    """A homophone among the negatives is a phrase that is missed; without near ones every similar word is an accept."""
    found = phonetics.near_misses("hey know", 40)
    assert len(found) == len(set(found)) > 20 and {"hey", "know hey"} <= set(found)
    assert not {"hey know", "hey no", "hay know", "hey know now"} & set(found)
    assert phonetics.sounds_like(["no", "now", "they no", "a no way"], "know") == [True, False, True, True]
    cat, gat, cot = phonetics.phonemes(["cat", "gat", "cot"])
    assert 0 == phonetics.distance(cat, cat) < phonetics.distance(cat, gat) < phonetics.distance(cat, cot)


@pytest.mark.parametrize(("phrase", "message"), [
    ("", "the phrase is empty"), ("  ", "the phrase is empty"), ("42", "numbers as words"), ("ключ", "'ключ' cannot be said"),
    ("a", "too short"), ("please bring a clean towel and some soap", "the window is 1 s"), ("x" * 64, "1 to 63 bytes"),
])
def test_impossible_phrase_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, phrase: str, message: str) -> None:
    """Twenty minutes later there would be a blob that hears nothing, or everything."""
    assert command(monkeypatch, phrase) == 1
    assert message in capsys.readouterr().err
    assert not Path("build/words").exists()


def test_own_recordings_are_added_and_bad_ones_named(tmp_path: Path) -> None:
    """A broken recording among one's own must not be left out silently."""
    own = tmp_path / "own"
    with pytest.raises(DataError, match="own: no such folder"):
        word_speech.check_recordings(own)
    own.mkdir()
    with pytest.raises(DataError, match="own: no WAV or FLAC"):
        word_speech.check_recordings(own)
    rng = np.random.default_rng(1)
    speech = np.concatenate([np.zeros(30000), 6000 * np.hanning(9000) * rng.normal(size=9000), np.zeros(20000)]).astype(np.int16)
    soundfile.write(own / "good.wav", np.stack([speech, speech], axis=1), 44100)
    (path, pcm), = word_speech.check_recordings(own)
    assert path.name == "good.wav" and 0.1 * CLIP_LEN < len(pcm) < 0.3 * CLIP_LEN
    word_speech.make(tmp_path / "made", "bird", count=12, threads=2, recordings=own)
    copies = sorted((tmp_path / "made" / "train" / "bird").glob("own_*"))
    assert len(copies) == word_speech.RECORDINGS_COPIES and len({read_clip(p).tobytes() for p in copies}) == len(copies)
    (own / "bad.wav").write_text("no audio")
    soundfile.write(own / "long.wav", rng.integers(-5000, 5000, 48000).astype(np.int16), 16000)
    soundfile.write(own / "still.wav", np.zeros(9000, np.int16), 16000)
    with pytest.raises(DataError) as error:
        word_speech.check_recordings(own)
    for part in ("bad.wav: cannot be decoded", "long.wav: what is said in it takes 3", "still.wav: is nearly silent"):
        assert part in str(error.value)


@pytest.mark.usefixtures("small_backbone")
def test_folder_that_cannot_be_used_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
                                                             split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """A typo would be found out after an hour, or would keep the corrected command from running."""
    monkeypatch.setattr(word, "train_word", lambda *_: (_ for _ in ()).throw(OSError("far enough")))
    root, empty = split_folders(), tmp_path / "empty"
    empty.mkdir()
    for option in ("--data", "--measure", "--recordings"):
        assert command(monkeypatch, "bird", option, "typo") == 1 and "typo: no such folder" in capsys.readouterr().err
        assert command(monkeypatch, "bird", option, str(empty)) == 1
        assert "recordings in it" in capsys.readouterr().err
    assert command(monkeypatch, "hey hark", "--measure", str(root)) == 1 and "nobody says 'hey hark'" in capsys.readouterr().err
    shutil.move(root / "_background_noise_", tmp_path / "noise")
    for option in ("--data", "--measure"):
        assert command(monkeypatch, "bird", option, str(root)) == 1 and "no background noise" in capsys.readouterr().err
    shutil.move(tmp_path / "noise", root / "_background_noise_")
    assert not Path("build/words").exists()
    assert command(monkeypatch, "bird", "--data", str(root), "--measure", str(root), "--voices", "12", "--threads", "2") == 1
    assert "far enough" in capsys.readouterr().err


@pytest.mark.usefixtures("small_backbone")
def test_other_recordings_are_trained_with(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
                                           split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """Five more recordings of one's own would change nothing, and those that were taken away would stay."""
    root, own, speech, trained = split_folders(), tmp_path / "own", Path("build/words/bird/speech"), Path("build/runs/word_bird/float.npz")
    own.mkdir()
    monkeypatch.setattr(word_speech, "RECORDINGS_COPIES", 3)

    def trains(*_: object) -> None:
        trained.parent.mkdir(parents=True, exist_ok=True)
        trained.touch()
        raise OSError("far enough")

    def again() -> tuple[bool, set[str], int]:
        """Whether the network was kept; digests of the own recordings; links to those of other people."""
        kept = []
        monkeypatch.setattr(word, "train_word", lambda *_: (kept.append(trained.exists()), trains()))
        assert command(monkeypatch, "bird", "--recordings", "own", "--data", str(root), "--voices", "12", "--threads", "2") == 1
        assert "far enough" in capsys.readouterr().err
        assert not [path for path in speech.rglob("*") if path.is_symlink() and not path.exists()]
        variations = [path.stem.split("_") for path in (speech / "train" / "bird").glob("own_*.flac")]
        assert len(variations) == 3 * len({digest for _, digest, _ in variations})
        return kept[0], {digest for _, digest, _ in variations}, len([*speech.rglob("recording_*")])

    def record(name: str, seed: int) -> None:
        soundfile.write(own / name, (6000 * np.hanning(6000) * np.random.default_rng(seed).normal(size=6000)).astype(np.int16), RATE_HZ)

    record("b.wav", 1)
    first, second = again(), again()
    assert not first[0] and second == (True, *first[1:]) and len(first[1]) == 1
    record("a.wav", 2)
    more = again()
    assert not more[0] and len(more[1]) == 2 and first[1] < more[1]
    (own / "b.wav").unlink()
    fewer = again()
    assert not fewer[0] and fewer[1] == more[1] - first[1]
    shutil.rmtree(root / "train" / "cat")
    without = again()
    assert not without[0] and without[2] == first[2] - 6
    assert again() == (True, *without[1:])


def test_networks_without_a_note_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phrase whose folder was deleted by hand would get the network that something else had been made of."""
    monkeypatch.chdir(tmp_path)
    runs = [word.RUNS / f"word_bird{end}" for end in ("", "-0", "-start")]
    another = word.RUNS / "word_bird_song"
    for run in (*runs, another):
        run.mkdir(parents=True)
    how, contents = {"seed": 1, "recordings": "own"}, {"data": "", "recordings": ""}
    word.begin(word.FOLDER / "bird", how, contents, False)
    assert not any(run.exists() for run in runs) and another.exists()
    runs[0].mkdir()
    word.begin(word.FOLDER / "bird", how, contents, False)
    assert runs[0].exists(), "the same command goes on"
    word.begin(word.FOLDER / "bird", how, contents | {"recordings": "another"}, False)
    assert not runs[0].exists()


def test_recordings_of_one_name_are_all_measured(split_folders: Callable[..., Path], tmp_path: Path) -> None:
    """Figures of a part of the recordings, under the number of all of them."""
    root = split_folders()
    for split in ("train", "validation", "test"):
        for i, path in enumerate(sorted((root / split / "bird").glob("*.flac"))):
            path.rename(path.with_name(f"{i}.flac"))
    assert word.people(root, "bird", tmp_path / "people") == 10
    linked = {path.resolve() for path in (tmp_path / "people" / "test" / "bird").iterdir()}
    assert linked == {path.resolve() for path in root.glob("*/bird/*.flac")} and len(linked) == 10


@pytest.mark.parametrize("key", ["name", "data", "keywords", "told_apart", "start", "average", "teacher"])
def test_override_that_would_be_replaced_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, key: str) -> None:
    """A user who gives data=DIR would believe that their recordings were trained with."""
    Path("mine.json").write_text(json.dumps({key: "speech"}))
    for argument in (f"{key}=speech", "mine.json"):
        assert command(monkeypatch, "bird", argument) == 1
        assert f"'{key}' cannot be overridden for a word" in capsys.readouterr().err
    assert not Path("build/words").exists()


def test_network_without_a_backbone_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """The speech would be made for minutes first."""
    assert command(monkeypatch, "hey hark", "model=ds_cnn") == 1
    assert "ds_cnn.npz is not there" in capsys.readouterr().err
