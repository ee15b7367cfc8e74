"""A user's own keywords: any words of the data folder, from the configuration to the blob's labels."""
from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.kwslib import Model
from training import answers, evaluate, train
from training.clips import DataError
from training.config import Config, override, parse, to_json
from training.data import load, load_for
from training.export import make, untuned
from training.features import class_shares
from training.folders import KEYWORDS, labels_of

Maker = Callable[..., Path]
SMALL = ["epochs=1", "epoch_size=120", "batch=40", "channels=8", "keywords=cat up"]


def test_keywords_travel_from_the_configuration_to_the_blob(split_folders: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                            capsys: pytest.CaptureFixture) -> None:
    """A user who trains for words of their own would get a blob with somebody else's labels."""
    monkeypatch.chdir(tmp_path)
    root = split_folders()
    config = parse([*SMALL, f"data={root}"])
    data = load_for(config)
    labels = ("_silence_", "_unknown_", "cat", "up")
    assert data.labels == labels and all(split.labels == labels for split in data.splits.values())
    assert data.splits["train"].counts() == {"_silence_": 0, "_unknown_": 60, "cat": 6, "up": 6}
    made = make(train.train(config, data).folder, data, tmp_path / "mine.kws", untuned(data.labels))
    assert made["labels"] == list(labels) == Model((tmp_path / "mine.kws").read_bytes()).labels
    assert set(made["detector"]["threshold"]) == {"cat", "up"} and "'keywords=cat up'" in made["command"] and "note_on_stop" not in made
    monkeypatch.setattr(sys, "argv", ["evaluate", "mine.kws", "--data", str(root)])
    assert evaluate.main() == 0
    assert "'stop'" not in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"labels are _silence_, _unknown_, cat, up, the data's _silence_, _unknown_, yes"):
        evaluate.evaluate((tmp_path / "mine.kws").read_bytes(), load(root, progress=False).splits["test"])


def test_words_told_apart_are_unknown_to_whoever_asks(split_folders: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector would report a word that nobody listens for, or every "bird" that is heard as one would count as a mistake."""
    monkeypatch.chdir(tmp_path)
    root = split_folders()
    config = parse([*SMALL, "told_apart=bird yes", "unknown=0.4", "silence=0.2", f"data={root}"])
    data = load_for(config)
    assert config.labels == data.labels == ("_silence_", "_unknown_", "cat", "up", "_bird", "_yes")
    assert data.splits["train"].counts() == {"_silence_": 0, "_unknown_": 48, "cat": 6, "up": 6, "_bird": 6, "_yes": 6}
    assert np.allclose(class_shares(data.labels, 0.2, 0.4), [0.2, 0.2, 0.2, 0.2, 0.1, 0.1])
    made = make(train.train(config, data).folder, data, tmp_path / "mine.kws", untuned(data.labels))
    blob = (tmp_path / "mine.kws").read_bytes()
    assert set(made["detector"]["threshold"]) == {"cat", "up"} and Model(blob).labels == list(data.labels)
    result, table, _ = evaluate.of_folder(blob, root)
    same, also = evaluate.evaluate(blob, data.splits["test"])
    assert table.shape == (4, 4) and table[1].sum() == 20 and np.array_equal(table, also) and result["recall_percent"] == same["recall_percent"]
    assert result["accuracy_percent"] == made["test"]["accuracy_int8_percent"]
    assert answers.answers(np.array([[0, 3, 4, 0, 1, 2], [0, 3, 9, 0, 1, 2]]), data.labels).tolist() == [1, 2]
    foreign = ("_bed", "yes", "_noise_", "_unknown_")
    assert answers.reported(foreign) == ("yes", "_noise_", "_unknown_") and answers.truth(np.arange(4), foreign).tolist() == [2, 0, 1, 2]
    assert answers.reported(foreign[:3]) == foreign[:3], "nothing stands for a word that is told apart"
    shutil.rmtree(root / "train" / "bird")
    with pytest.raises(DataError, match="train: no recordings of 'bird'"):
        load_for(config)
    for words, message in (("up", "'up' is given twice"), ("silence_", "'silence_' cannot be told apart"), ("x" * 63, "1 to 63 bytes")):
        with pytest.raises(DataError, match=message):
            labels_of(["up"], [words])


def test_words_told_apart_are_thinned_with_the_others(official: Maker, tmp_path: Path) -> None:
    """In the published layout six of ten recordings are of other words: accuracy would be that of telling them apart."""
    root = official(speakers=40, lists=False)
    counts = [load(root, ("test",), progress=False, keywords=["up", "yes"], told_apart=apart, needed=("test",)).splits["test"].counts() for apart in ((), ("cat", "no"))]
    assert sum(n for name, n in counts[0].items() if name == "_unknown_") == sum(n for name, n in counts[1].items() if name in ("_unknown_", "_cat", "_no"))


@pytest.mark.parametrize(("keywords", "message"), [
    ("", "no keywords"), ("yes no yes", "'yes' is given twice"), ("yes Yes", "'yes' and 'Yes' differ in capitals alone"),
    ("yes _silence_", "'_silence_': _silence_ and _unknown_ are classes"), ("_Unknown_", "'_Unknown_': _silence_ and"),
    ("_mine", "begins with '_'"), ("x" * 64, "1 to 63 bytes"), ("a\x01b", "control characters"),
    ("yes house", "train: no recordings of 'house'"), ("CAT", "train/cat: is another name than 'CAT'"),
])
def test_impossible_keyword_is_named(split_folders: Maker, keywords: str, message: str) -> None:
    """Training would go on for hours before it, or the device, fails on the name."""
    with pytest.raises(DataError) as error:
        load(split_folders(), progress=False, keywords=keywords.split(" ") if keywords else [])
    assert message in str(error.value)


def test_keyword_missing_in_one_split_is_named_where_it_is_needed(split_folders: Maker) -> None:
    """An export would fail after hours of training; the test split alone can do without a word of training."""
    root = split_folders()
    for path in (root / "validation" / "cat").iterdir():
        path.unlink()
    (root / "validation" / "cat").rmdir()
    with pytest.raises(DataError, match="validation: no recordings of 'cat'"):
        load(root, ("train",), progress=False, keywords=["cat"])
    assert load(root, ("test",), progress=False, keywords=["cat"], needed=("test",)).splits["test"].counts()["cat"] == 2


def test_left_out_words_are_not_heard(split_folders: Maker) -> None:
    """A model that is measured on a word would have been trained with it."""
    root = split_folders()
    data = load(root, progress=False, leave_out=["cat"])
    assert not any("cat" in split.word for split in data.splits.values()) and "bird" in data.splits["train"].word
    with pytest.raises(DataError, match="no recordings of 'birt' to leave out; did you mean 'bird'"):
        load(root, progress=False, leave_out=["birt"])
    with pytest.raises(DataError, match="keyword 'yes' cannot be left out"):
        load(root, progress=False, leave_out=["yes"])


def test_older_run_has_the_ten_keywords() -> None:
    """Runs that were trained before keywords were a choice would no longer be exported."""
    saved = json.loads(json.dumps(to_json(Config())))
    del saved["keywords"], saved["leave_out"]
    assert labels_of(override(Config(), saved).keywords.split()) == labels_of(KEYWORDS) == labels_of()


def test_run_does_not_go_on_with_other_words(split_folders: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many other words fit the same network, whose last layer would then stand for the wrong ones."""
    monkeypatch.chdir(tmp_path)
    first = parse([*SMALL, f"data={split_folders()}", "name=first"])
    data = load_for(first)
    train.prepare(first, data, train.RUNS / "first")
    np.savez(train.RUNS / "first" / "checkpoint.npz", history=json.dumps([{}] * first.epochs))
    (train.RUNS / "first" / "float.npz").touch()
    with pytest.raises(ValueError, match=r"start=build/runs/first listens for cat up"):
        train.prepare(parse(["start=build/runs/first", "keywords=bird up"]), data, train.RUNS / "second")
