"""The front end that a network is given: key=value pairs, a JSON file, or the section of another blob."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.blob.frontend import FrontendConfig, norm_values, with_norm
from tools.blob.network import Quant
from tools.blob.reader import read as read_blob

# What a network's input is in when nothing is said: the features themselves, log2 of a power, as the section has them.
NORMALISATION = {"mean": 0.0, "std": 1.0}


@dataclass(frozen=True)
class Frontend:
    """n_out: features a frame. section: its bytes for a network whose input has this quantisation."""

    n_out: int
    section: Callable[[Quant], bytes]


def parse(text: str) -> Frontend:
    """"default", key=value pairs with commas between (lists of numbers with "/": mean=1.5/0.2), or the path of a JSON file.

    Keys are those of FrontendConfig, and mean and std: the network's real-valued input is (feature - mean) / std, each one
    number or one for each feature. Without them the features go in as they are, in the scale that the input has.
    """
    if text == "default":
        return configured({})
    try:
        return configured(_pairs(text) if "=" in text else _json(Path(text)))
    except FileNotFoundError as error:
        raise ValueError(f'--frontend {text!r}: neither KEY=VALUE nor "default", and there is no such file') from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"--frontend {text}: {error}") from error


def _pairs(text: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for pair in text.split(","):
        key, _, value = (part.strip() for part in pair.partition("="))
        if not (key and value):
            raise ValueError(f"KEY=VALUE is expected, not {pair!r}")
        if key in values:
            raise ValueError(f"{key} is there twice")
        try:
            values[key] = [float(v) for v in value.split("/")] if "/" in value else float(value)
        except ValueError as error:
            raise ValueError(f"{key} = {value!r} is no number") from error
    return values


def _json(path: Path) -> dict[str, object]:
    if not path.name:
        raise ValueError("nothing is said of the front end")
    try:
        values = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise ValueError("no text in UTF-8") from error
    if type(values) is not dict:
        raise ValueError("the file holds no JSON object")
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def configured(values: dict[str, object]) -> Frontend:
    """From the fields of FrontendConfig, mean and std."""
    types = {f.name: f.type for f in dataclasses.fields(FrontendConfig)}
    unknown = sorted(set(values) - set(types) - set(NORMALISATION))
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join([*types, *NORMALISATION])}")
    fields = {}
    for key, value in values.items():
        if key in types:
            whole = types[key] is int
            if not _is_number(value) or (whole and value != int(value)):
                raise ValueError(f"{key} = {value!r} is no {'whole ' if whole else ''}number")
            fields[key] = types[key](value)
    config = FrontendConfig(**fields)
    config.mel_bands()  # complains of bands without an FFT bin
    norm = {key: _norm(key, values.get(key, default), config.n_out) for key, default in NORMALISATION.items()}
    return Frontend(config.n_out, lambda quant: config.section(norm["mean"], norm["std"], quant.scale, quant.zero_point))


def _norm(key: str, value: object, features: int) -> list[float]:
    """mean or std of each feature."""
    numbers = value if isinstance(value, list) else [value] * features
    if not all(_is_number(n) for n in numbers):
        raise ValueError(f"{key} = {value!r} is no number or list of numbers")
    if len(numbers) != features:
        raise ValueError(f"{key} has {len(numbers)} numbers for {features} features")
    if key == "std" and min(numbers) <= 0:
        raise ValueError(f"std = {min(numbers):g}: a standard deviation is above 0")
    return [float(n) for n in numbers]


def from_blob(path: Path) -> Frontend:
    """The front end of another blob. The mean and std of its features are kept; the table that makes int8 of them is made anew
    where the network's input has another scale or zero point than that blob's."""
    try:
        info = read_blob(path.read_bytes())
        if not info.frontend:
            raise ValueError("the blob has no front end")
        old = Quant(info.input.scale, info.input.zero_point)
        mean, std = norm_values(info.frontend, old.scale, old.zero_point)
    except ValueError as error:
        raise ValueError(f"--frontend-from {path}: {error}") from error

    def section(quant: Quant) -> bytes:
        same = quant.zero_point == old.zero_point and np.float32(quant.scale) == np.float32(old.scale)
        return info.frontend if same else with_norm(info.frontend, mean, std, quant.scale, quant.zero_point)

    return Frontend(mean.size, section)
