"""The loader: counts, splits, and every kind of unusable recording by its name."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.clips import CLIP_LEN, DataError, word_span
from training.data import load
from training.folders import KEYWORDS, hash_split

Maker = Callable[..., Path]


def test_split_folders_are_counted_by_class(split_folders: Maker) -> None:
    """Wrong counts mean that a user trains on something else than the folder holds."""
    data = load(split_folders(), progress=False)
    assert data.splits["train"].counts() == {"_silence_": 0, "_unknown_": 12} | dict.fromkeys(KEYWORDS, 6)
    assert data.splits["test"].counts() == {"_silence_": 2, "_unknown_": 4} | dict.fromkeys(KEYWORDS, 2)
    assert data.splits["train"].pcm.shape == (72, CLIP_LEN)
    assert "_unknown_" in data.table() and "72" in data.table()


def test_official_layout_follows_its_lists(official: Maker) -> None:
    """A user with the published data set would otherwise test on what was trained."""
    data = load(official(), progress=False)
    assert {split: int(part.of("yes").size) for split, part in data.splits.items()} == {"train": 3, "validation": 1, "test": 1}
    assert all("00000001_nohash" in path for path in data.splits["test"].path if "nohash" in path)
    # Two other words, and one unknown clip for the one that a keyword has.
    assert data.splits["test"].counts()["_unknown_"] == 1
    assert data.splits["train"].counts()["_unknown_"] == 6


def test_speaker_hash_gives_a_tenth_to_validation_and_to_test() -> None:
    """Without the lists, a different hash would move speakers between the published splits."""
    assert hash_split(Path("yes/0a7c2a8d_nohash_0.wav")) == hash_split(Path("no/0a7c2a8d_nohash_3.wav"))
    shares = [hash_split(Path(f"{i:08x}_nohash_0.wav")) for i in range(4000)]
    assert 0.08 < shares.count("validation") / 4000 < 0.12
    assert 0.08 < shares.count("test") / 4000 < 0.12


def test_shared_speech_agrees_with_the_speaker_hash(shared_dir: Path) -> None:
    """The hash must give the split that the data set's publisher gave the same files."""
    for split in ("train", "validation", "test"):
        for path in (shared_dir / "data" / "speech" / split / "yes").glob("*.flac"):
            assert hash_split(path) == split, path


def _wav(path: Path, pcm: np.ndarray, rate: int = 16000) -> None:
    soundfile.write(path, pcm, rate)


SPOILERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "stereo": (lambda p: _wav(p, np.ones((16000, 2), np.int16)), "has 2 channels"),
    "long_after_conversion": (lambda p: _wav(p, np.ones(8100, np.int16), 8000), "more than 1 s"),
    "empty": (lambda p: _wav(p, np.zeros(0, np.int16)), "is empty"),
    "long": (lambda p: _wav(p, np.ones(17000, np.int16)), "more than 1 s"),
    "no_audio": (lambda p: p.write_text("this is a text"), "cannot be decoded"),
    "zero_bytes": (lambda p: p.write_bytes(b""), "cannot be decoded"),
}


@pytest.mark.parametrize("kind", SPOILERS)
def test_unusable_recording_is_named(split_folders: Maker, kind: str) -> None:
    """Without the name, a user looks for one bad file among a hundred thousand."""
    root = split_folders()
    spoil, reason = SPOILERS[kind]
    bad = root / "train" / "yes" / f"{kind}_nohash_0.wav"
    spoil(bad)
    with pytest.raises(DataError) as error:
        load(root, progress=False)
    assert str(bad) in str(error.value) and reason in str(error.value)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_truncated_recording_is_named(split_folders: Maker, suffix: str) -> None:
    """An interrupted copy must not be trained on as if it were silence."""
    root = split_folders()
    bad = root / "validation" / "no" / f"cut_nohash_0{suffix}"
    _wav(bad, np.random.default_rng(0).integers(-3000, 3000, 16000).astype(np.int16))
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    with pytest.raises(DataError, match="cut_nohash_0"):
        load(root, progress=False)


def test_all_problems_are_reported_at_once(split_folders: Maker) -> None:
    """A user repairs a folder in one go instead of one file a run."""
    root = split_folders()
    for i in range(30):
        (root / "train" / "up" / f"bad{i:02d}_nohash_0.wav").write_text("no audio")
    with pytest.raises(DataError) as error:
        load(root, progress=False)
    assert "bad00_" in str(error.value) and "bad19_" in str(error.value) and "and 10 more" in str(error.value)


def test_folder_and_files_are_reported_together(split_folders: Maker) -> None:
    """A user who repairs the folder's names would meet the broken files only at the next try."""
    root = split_folders()
    (root / "train" / "up" / "bad_nohash_0.wav").write_text("no audio")
    (root / "train" / "Yes").mkdir()
    for path in (root / "validation" / "left").iterdir():
        path.unlink()
    (root / "_background_noise_" / "short.wav").write_bytes(b"")
    with pytest.raises(DataError) as error:
        load(root, progress=False)
    for part in ("bad_nohash_0.wav", "train/Yes: is another name than 'yes'", "validation: no recordings of 'left'", "short.wav"):
        assert part in str(error.value)


def test_other_rates_are_converted_and_said(split_folders: Maker) -> None:
    """Recordings of a phone or a studio would otherwise have to be converted by hand, or be heard at a wrong speed."""
    root = split_folders()
    t = np.arange(44100) / 44100
    _wav(root / "train" / "yes" / "44_nohash_0.wav", np.round(8000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16), 44100)
    _wav(root / "train" / "yes" / "8_nohash_0.wav", np.ones(4000, np.int16), 8000)
    data = load(root, progress=False)
    train = data.splits["train"]
    clip = train.pcm[[path.endswith("44_nohash_0.wav") for path in train.path]][0]
    assert np.argmax(np.abs(np.fft.rfft(clip))) == 1000 and abs(int(clip[8004])) == pytest.approx(8000, abs=20)
    assert "1 recordings of 44100 Hz converted to 16000 Hz" in data.notes
    assert any("8000 Hz" in note and "nothing above 4000 Hz" in note for note in data.notes)
    with pytest.raises(DataError, match="8_nohash_0.wav: is 8000 Hz, not 16000 Hz"):
        load(root, progress=False, resample=False)


def test_stereo_is_mixed_down_where_asked(split_folders: Maker) -> None:
    """Stereo recordings are used whole: taking one channel could take the one without the talker."""
    root = split_folders()
    _wav(root / "train" / "yes" / "st_nohash_0.wav", np.stack([np.full(900, 300), np.full(900, 100)], axis=1).astype(np.int16))
    data = load(root, progress=False, mix_down=True)
    train = data.splits["train"]
    assert (train.pcm[[path.endswith("st_nohash_0.wav") for path in train.path]][0, :900] == 200).all()
    assert "1 recordings of 2 channels mixed down" in data.notes


FOLDERS: dict[str, tuple[str, str]] = {
    "train/_silence_/a.wav": ("train/_silence_", "made from _background_noise_"),
    "train/Stop /a.wav": ("train/Stop ", "is another name than 'stop'"),
    "test/_Unknown_/a.wav": ("test/_Unknown_", "is another name than '_unknown_'"),
    "test/_background_noise_/a.wav": ("test/_background_noise_", "beside the splits"),
    "train/dog/a.txt": ("train/dog", "no recordings in it"),
    "train/yes/a.mp3": ("a.mp3", "neither WAV nor FLAC"),
    "train/a.wav": ("a.wav", "in no word's folder"),
    "train/yes/more/a.wav": ("yes/more", "inside a word's folder"),
    "_background_noise_/a.ogg": ("a.ogg", "neither WAV nor FLAC"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_misplaced_file_or_folder_is_named(split_folders: Maker, name: str) -> None:
    """Such recordings would be left out, or carry a wrong label, without a word."""
    root = split_folders()
    (root / name).parent.mkdir(exist_ok=True)
    _wav(root / "x.wav", np.ones(9000, np.int16))
    (root / "x.wav").rename(root / name)
    path, reason = FOLDERS[name]
    with pytest.raises(DataError) as error:
        load(root, progress=False)
    assert f"{path}: " in str(error.value) and reason in str(error.value)


@pytest.mark.parametrize("word", ["_silence_", "_unknown_"])
def test_labels_are_no_words_of_the_official_layout(official: Maker, word: str) -> None:
    """Each split would get a part of them, and training would never hear the silence."""
    root = official()
    (root / word).mkdir()
    with pytest.raises(DataError, match=f"{word}: "):
        load(root, progress=False)


def test_silence_and_capital_suffixes_belong_and_other_files_are_counted(split_folders: Maker) -> None:
    """The published test set has a folder of silence; some recorders write `.WAV`; lists and pictures do no harm."""
    root = split_folders()
    (root / "test" / "_silence_").mkdir()
    _wav(root / "test" / "_silence_" / "hush.WAV", np.ones(9000, np.int16))
    (root / "train" / "yes" / "list.txt").write_text("x")
    data = load(root, progress=False)
    assert data.splits["test"].counts()["_silence_"] == 1
    assert any("1 other files passed over" in note and "list.txt" in note for note in data.notes)


def test_word_of_a_splits_name_stays_a_word(official: Maker) -> None:
    """A folder of people who say "train" would turn the published layout into another."""
    root = official()
    (root / "bird").rename(root / "train")
    for name in ("validation_list.txt", "testing_list.txt"):
        (root / name).write_text((root / name).read_text().replace("bird/", "train/"))
    assert set(load(root, progress=False).splits["train"].word) >= {"cat", "train"}


def test_missing_split_is_named_once(split_folders: Maker) -> None:
    """Forty lines about words of a folder that is not there hide the one that matters."""
    root = split_folders()
    for path in sorted((root / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (root / "test").rmdir()
    with pytest.raises(DataError) as error:
        load(root, progress=False)
    assert str(error.value).splitlines()[1:] == [f"{root / 'test'}: no such folder"]


def test_empty_class_is_named(split_folders: Maker) -> None:
    """Training would go on with a keyword that it never heard."""
    root = split_folders()
    for path in (root / "train" / "left").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no recordings of 'left'"):
        load(root, progress=False)


def test_missing_noise_and_missing_folder_are_named(split_folders: Maker, tmp_path: Path) -> None:
    """The message says what to put where."""
    root = split_folders()
    for path in (root / "_background_noise_").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no background noise"):
        load(root, progress=False)
    with pytest.raises(DataError, match="no such folder"):
        load(tmp_path / "nowhere", progress=False)


def test_listed_file_that_is_missing_is_named(official: Maker) -> None:
    """An unfinished unpacking must not shrink the test split in silence."""
    root = official()
    (root / "yes" / "00000001_nohash_0.wav").unlink()
    (root / "yes" / "00000009_nohash_0.wav").write_bytes((root / "yes" / "00000002_nohash_0.wav").read_bytes())
    with pytest.raises(DataError, match="00000001_nohash_0.wav: named in testing_list.txt but not there"):
        load(root, progress=False)


def test_speaker_in_two_splits_is_refused(split_folders: Maker) -> None:
    """A figure on a speaker that was trained is worth nothing."""
    root = split_folders()
    pcm = np.random.default_rng(1).integers(-900, 900, 16000).astype(np.int16)
    _wav(root / "test" / "go" / "00000003_nohash_7.flac", pcm)          # speaker 00000003 is in train
    with pytest.raises(DataError, match="one speaker of 'go' in two splits"):
        load(root, progress=False)


def test_speakers_of_other_words_in_training_are_counted(split_folders: Maker) -> None:
    """Figures on voices that training has heard say something else are not those of strangers."""
    root = split_folders()
    assert not any("speakers" in note for note in load(root, progress=False).notes)
    (root / "train" / "cat" / "00000000_nohash_0.flac").rename(root / "train" / "cat" / "feed_nohash_0.flac")
    for word in ("go", "yes"):
        (root / "test" / word / "20000000_nohash_0.flac").rename(root / "test" / word / "feed_nohash_0.flac")
    assert "2 of 24 recordings of test are of speakers who say other words in train" in load(root, progress=False).notes


def test_copy_of_a_test_recording_is_left_out_of_training(split_folders: Maker) -> None:
    """The same samples under another speaker's name would leak the test into training."""
    root = split_folders()
    source = next((root / "test" / "off").iterdir())
    (root / "train" / "off" / "ffffffff_nohash_0.flac").write_bytes(source.read_bytes())
    data = load(root, progress=False)
    assert data.splits["train"].counts()["off"] == 6
    assert data.splits["test"].counts()["off"] == 2
    note = "1 recordings of train (first in test) left out: sample for sample the same"
    assert note in data.notes
    as_trained = load(root, ("train", "validation"), progress=False)
    assert set(as_trained.splits) == {"train", "validation"} and note in as_trained.notes
    assert as_trained.splits["train"].path.tolist() == data.splits["train"].path.tolist()


def test_one_recording_under_two_labels_is_refused(split_folders: Maker) -> None:
    """Contradicting labels are a mistake in the folder that nobody would find later."""
    root = split_folders()
    source = next((root / "train" / "off").iterdir())
    (root / "train" / "on" / "eeeeeeee_nohash_0.flac").write_bytes(source.read_bytes())
    with pytest.raises(DataError, match="under two labels"):
        load(root, progress=False)


def test_word_span_finds_the_word() -> None:
    """A wrong span puts the word outside the windows that carry its label."""
    pcm = np.random.default_rng(0).normal(0, 10, 16000)
    pcm[6000:9000] += 3000 * np.sin(np.arange(3000))
    first, last = word_span(pcm.astype(np.int16))
    assert 5300 <= first <= 6100 and 8900 <= last <= 9700
    assert word_span(np.zeros(16000, np.int16)) == (0, 16000)


def test_silence_of_evaluation_is_not_heard_in_training(split_folders: Maker) -> None:
    """Otherwise the silence figure measures memory."""
    data = load(split_folders(), progress=False)
    assert all(len(noise) == 2 * 16000 for noise in data.noise)
    assert data.splits["validation"].label[-1] == data.labels.index("_silence_")
    again = load(data.splits["validation"].path[0].split("/validation/")[0], progress=False)
    assert np.array_equal(data.splits["validation"].pcm, again.splits["validation"].pcm)


def test_silence_fills_longer_windows(split_folders: Maker) -> None:
    """A second of noise between zeros is no silence that anybody hears; noise that is too short for the windows is named."""
    root = split_folders()
    data = load(root, progress=False, window_samples=24000)
    silence = data.splits["test"].pcm[data.splits["test"].of("_silence_")]
    assert silence.shape == (2, 24000) and (np.abs(silence) > 0).mean(axis=1).min() > 0.5 and silence[:, :4000].any() and silence[:, -4000:].any()
    assert (data.splits["test"].span <= 24000).all()
    with pytest.raises(DataError, match="too short for noise"):
        load(root, progress=False, window_samples=40000)
    (root / "test" / "_silence_").mkdir()
    hush = np.random.default_rng(1).integers(-99, 100, CLIP_LEN).astype(np.int16)
    _wav(root / "test" / "_silence_" / "hush.wav", hush)
    split = load(root, progress=False, window_samples=24000).splits["test"]
    window = split.pcm[split.of("_silence_")[0]]
    assert np.array_equal(window[4000:20000], hush) and np.array_equal(window[:4000], hush[4000:0:-1]), "recorded noise goes on as its mirror image"
