"""Configuration: overrides only, and nothing that is not understood."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.config import Config, overrides, parse


def test_overrides_reach_nested_groups(tmp_path: Path) -> None:
    """A sweep's settings must arrive, in the order given."""
    (tmp_path / "c.json").write_text(json.dumps({"epochs": 3, "augment": {"noise": 0.25}}))
    config = parse([str(tmp_path / "c.json"), "epochs=5", "augment.speed=0", "frontend.n_dct=12", "name=x"])
    assert (config.epochs, config.augment.noise, config.augment.speed, config.name) == (5, 0.25, 0.0, "x")
    assert config.frontend.n_dct == 12
    assert parse(overrides(config)) == config


def test_base_holds_where_a_file_says_nothing(tmp_path: Path) -> None:
    """A recipe shows what it changes, and nothing that it does not change is lost."""
    (tmp_path / "a.json").write_text(json.dumps({"name": "a", "epochs": 3, "seed": 4, "augment": {"noise": 0.25, "speed": 0.5}}))
    (tmp_path / "b.json").write_text(json.dumps({"base": "a", "epochs": 5, "augment": {"noise": 0.5}, "frontend": {"n_dct": 12}}))
    (tmp_path / "c.json").write_text(json.dumps({"augment": {"speed": 0.0}, "base": "b"}))
    config = parse([str(tmp_path / "c.json")])
    assert (config.epochs, config.seed, config.augment.noise, config.augment.speed, config.frontend.n_dct) == (5, 4, 0.5, 0.0, 12)
    assert config.name == Config().name, "a run is not called after its base"


@pytest.mark.parametrize(("base", "message"), [
    ({"base": "b"}, "a.json: its base, b.json, has it as its own base"),
    ({"base": "a"}, "a.json: its base, a.json, has it"),
    ({"base": "c"}, "c.json .the base of .*a.json.: .*No such file"),
    ({"base": "c.json"}, "a.json: 'base' is the name of a file beside it, without .json; got 'c.json'"),
    ({"base": "../a"}, "a.json: 'base' is the name of a file beside it.* got '../a'"),
    ({"base": ["a"]}, "a.json: 'base' is the name of a file beside it"),
    ([1], "configuration file .*a.json: overrides are a mapping"),
    ({"epoch": 1}, "configuration file .*b.json: unknown configuration key 'epoch'"),
])
def test_base_that_cannot_be_used_is_named(base: object, message: str, tmp_path: Path) -> None:
    """Not an endless loop, and not a run without what was meant to hold."""
    (tmp_path / "a.json").write_text(json.dumps(base))
    (tmp_path / "b.json").write_text(json.dumps({"base": "a", "epochs": 5}))
    with pytest.raises(ValueError, match=message):
        parse([str(tmp_path / "b.json")])


@pytest.mark.parametrize(("argument", "message"), [
    ("epoch=5", "unknown configuration key 'epoch'; did you mean 'epochs'"),
    ("augment.nois=1", "unknown configuration key 'augment.nois'; did you mean 'augment.noise'"),
    ("zzzz=1", "unknown configuration key 'zzzz'; known are"),
    ("epochs=many", "'epochs' takes int"),
    ("augment=3", "'augment' is a group"),
    ("nowhere.json", "configuration file nowhere.json"),
])
def test_what_is_not_understood_is_an_error(argument: str, message: str) -> None:
    """A misspelt key would otherwise train a night with the default."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        parse([argument])


def test_defaults_need_no_override() -> None:
    """The command that is stored in a blob is short and complete."""
    assert overrides(Config()) == []


@pytest.mark.parametrize("argument", ["epochs=0", "batch=0", "epoch_size=-5", "threads=0", "temperature=0", "channels=-1", "cycle=-1", "distill=2",
                                      "learning_rate=-1", "learning_rate=NaN", "label_smoothing=2", "silence=-1", "unknown=1", "around_ms=-1", "around_ms=1001", "name=../other", "name=a/b"])
def test_value_beyond_its_range_is_named(argument: str) -> None:
    """It would be found out hours later, or never: a run of nonsense ends with "done"."""
    with pytest.raises(ValueError, match=f"configuration keys? .*'{argument.partition('=')[0]}'"):
        parse([argument])
