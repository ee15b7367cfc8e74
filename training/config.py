"""A run's configuration: one dataclass of defaults; files and the command line hold overrides only."""
from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from tools.blob.frontend import FrontendConfig
from training.augment import AugmentConfig
from training.clips import CLIP_LEN, RATE_HZ, whole_frames
from training.folders import KEYWORDS, labels_of


def mfcc() -> FrontendConfig:
    """MLPerf Tiny's frame: 30 ms windows every 20 ms, 40 mel bins, 10 coefficients; the band goes to 7.6 kHz."""
    return FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=10,
                          f_low_hz=20, f_high_hz=7600)


@dataclass
class Config:
    """Everything that decides a run's result."""
    name: str = "dscnn"                 # the run's folder in build/runs/
    data: str = "../shared/data/speech"
    keywords: str = " ".join(KEYWORDS)  # words of the data folder; every other word is _unknown_, or told apart
    told_apart: str = ""                # other words that get a class each, `_WORD`, which no detector reports
    leave_out: str = ""                 # words whose recordings are not used at all
    resample: bool = True               # recordings of another rate are converted; false refuses them by name
    mix_down: bool = False              # recordings of several channels: true takes the mean, false refuses them
    seed: int = 1
    start: str = ""                     # folder of a finished run to go on from: its weights and normalisation
    average: str = ""                   # set by training.average: folders of the runs that this one is the mean of
    blob: str = ""                      # set by training.read_back: what the weights were read from
    model: str = "ds_cnn"               # a function of training/models.py
    around_ms: float = 0.0              # of a window before its middle second, and as much behind it: zeros around recordings, and noise where it is drawn
    windows: str = "hark"               # how training windows are made: hark (augment.py), published (published.py)
    channels: int = 0                   # of the layers; 0 for as many as the model has by default
    epochs: int = 100
    epoch_size: int = 14000             # windows
    batch: int = 128
    learning_rate: float = 3e-3         # of AdamW, the highest
    schedule: str = "cosine"            # cosine: falls to 0 after a warm-up; steps: a fifth and a 25th after each third of the epochs
    warmup_epochs: float = 2.0
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    weight_average: float = 0.998       # momentum of the average of the weights that is kept as the result
    silence: float = 0.08               # share of the windows
    unknown: float = 0.2
    synthetic_unknown: int = 0          # synthetic utterances of other words (espeak-ng, flite) added to _unknown_
    teacher: str = ""                   # folders of finished runs that teach this one
    distill: float = 0.7                # the teachers' part of the loss; the labels have the rest
    temperature: float = 2.0            # at which teachers and student are compared
    overlaid: float = 0.0               # share of the windows that are two at once; the teachers alone say what is in them
    cycle: int = 0                      # after so many epochs the same windows come again, kept in build/epochs; 0: never
    threads: int = 2
    quantise_loss: float = 0.3          # points of validation accuracy that plain rounding may cost
    quantise_epochs: int = 5            # of training with the rounding in place, where it costs more
    quantise_rate: float = 3e-4         # learning rate of those
    frontend: FrontendConfig = field(default_factory=mfcc)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the network's order. Raises DataError as `labels_of` does."""
        return labels_of(self.keywords.split(), self.told_apart.split())

    @property
    def window_samples(self) -> int:
        """Samples of a window, without what is behind the last whole frame of a window longer than a second."""
        return whole_frames(CLIP_LEN + 2 * round(self.around_ms * RATE_HZ / 1000), self.frontend.window_len, self.frontend.hop_len)


ABOVE_ZERO = ("epochs", "epoch_size", "batch", "threads", "temperature")
NOT_BELOW_ZERO = ("channels", "around_ms", "cycle", "learning_rate", "warmup_epochs", "weight_decay", "synthetic_unknown", "quantise_epochs", "quantise_rate")
LONGEST_AROUND_MS = 1000
SHARES = ("silence", "unknown", "distill", "label_smoothing", "weight_average", "overlaid")


def check(config: Config) -> Config:
    """The configuration, once nothing in it is beyond its range. Raises ValueError that names the key."""
    if not config.average:              # a mean of runs has no epochs
        for key in ABOVE_ZERO:
            if not 0 < getattr(config, key) < math.inf:
                raise ValueError(f"configuration key '{key}' must be above 0, got {getattr(config, key)}")
    for key in NOT_BELOW_ZERO:
        if not 0 <= getattr(config, key) < math.inf:
            raise ValueError(f"configuration key '{key}' must be 0 or more, got {getattr(config, key)}")
    if config.around_ms > LONGEST_AROUND_MS:
        raise ValueError(f"configuration key 'around_ms' must be at most {LONGEST_AROUND_MS}, got {config.around_ms}")
    for key in SHARES:
        if not 0 <= getattr(config, key) <= 1:
            raise ValueError(f"configuration key '{key}' must be 0 to 1, got {getattr(config, key)}")
    if not config.silence + config.unknown < 1:
        raise ValueError(f"configuration keys 'silence' ({config.silence}) and 'unknown' ({config.unknown}) leave nothing for the keywords")
    if config.overlaid and not config.teacher:
        raise ValueError("configuration key 'overlaid' needs a 'teacher': nobody else can say what is in two windows at once")
    if config.overlaid == 1:
        raise ValueError("configuration key 'overlaid' must be below 1: batch norm takes its statistics from the windows that are one alone")
    if config.name in ("", ".", "..") or "/" in config.name or "\\" in config.name:
        raise ValueError(f"configuration key 'name' is a folder in build/runs, without slashes; got '{config.name}'")
    return config


def override(config: Any, overrides: dict[str, Any], prefix: str = "") -> Any:
    """A copy of the dataclass with the overrides, nested by dicts. Raises ValueError for an unknown key or a value
    of another type."""
    if type(overrides) is not dict:      # what a JSON file holds
        raise ValueError(f"overrides are a mapping of keys to values, got {overrides!r}")
    known = {f.name: getattr(config, f.name) for f in fields(config)}
    changed = {}
    for key, value in overrides.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{prefix}{near[0]}'?" if near else f"; known are {', '.join(known)}"
            raise ValueError(f"unknown configuration key '{prefix}{key}'{hint}")
        if is_dataclass(known[key]):
            if not isinstance(value, dict):
                raise ValueError(f"configuration key '{prefix}{key}' is a group: write '{prefix}{key}.<key>'")
            changed[key] = override(known[key], value, f"{prefix}{key}.")
            continue
        want = type(known[key])
        if want is float and type(value) is int:
            value = float(value)
        if type(value) is not want:
            raise ValueError(f"configuration key '{prefix}{key}' takes {want.__name__}, got {value!r}")
        changed[key] = value
    return replace(config, **changed)


def read_overrides(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The overrides in a JSON file. Its key `base` names a file beside it, without .json, whose overrides hold where this one has none.

    above: the files that this one is the base of. Raises ValueError that names the file.
    """
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as exc:            # text of another encoding is a ValueError, too
        said_by = f" (the base of {above[-1]})" if above else ""
        raise ValueError(f"configuration file {path}{said_by}: {exc}") from exc
    if type(values) is not dict:
        raise ValueError(f"configuration file {path}: overrides are a mapping of keys to values, got {values!r}")
    if "base" not in values:
        return values
    name = values.pop("base")
    if type(name) is not str or name in ("", ".", "..") or Path(name).name != name or name.endswith(".json"):
        raise ValueError(f"configuration file {path}: 'base' is the name of a file beside it, without .json; got {name!r}")
    base = path.with_name(f"{name}.json")
    if base in (*above, path):
        raise ValueError(f"configuration file {path}: its base, {base.name}, has it as its own base")
    return merged({key: value for key, value in read_overrides(base, (*above, path)).items() if key != "name"}, values)


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Overrides of both, the second's where both have one; groups are merged likewise."""
    groups = {k: merged(first[k], v) for k, v in second.items() if isinstance(v, dict) and isinstance(first.get(k), dict)}
    return {**first, **second, **groups}


def with_file(config: Config, path: Path) -> Config:
    """A copy with the overrides in a JSON file, as `read_overrides` finds them. Raises ValueError that names the file."""
    values = read_overrides(path)
    try:
        return override(config, values)
    except ValueError as exc:
        raise ValueError(f"configuration file {path}: {exc}") from exc


def parse(arguments: Iterable[str], config: Config | None = None) -> Config:
    """Overrides in their order: `FILE.json` or `key=value` (`augment.noise=0.5`), checked. Raises ValueError."""
    config = config or Config()
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            config = with_file(config, Path(argument))
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        for part in reversed(key.split(".")):
            value = {part: value}
        config = override(config, value)
    return check(config)


def overrides(config: Any, default: Any = None, prefix: str = "") -> list[str]:
    """`key=value` of everything that is not the default: `parse(overrides(c)) == c`."""
    default = Config() if default is None else default
    found = []
    for f in fields(config):
        value, usual = getattr(config, f.name), getattr(default, f.name)
        if is_dataclass(value):
            found += overrides(value, usual, f"{prefix}{f.name}.")
        elif value != usual:
            found.append(f"{prefix}{f.name}={value if isinstance(value, str) else json.dumps(value)}")
    return found


def to_json(config: Config) -> dict[str, Any]:
    return asdict(config)
