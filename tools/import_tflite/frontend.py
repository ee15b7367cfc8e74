"""The front end that a network is given: key=value pairs, a JSON file, or the section of another blob."""

import dataclasses
import json
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
    if "=" not in text:
        values = json.loads(Path(text).read_text())
        if not isinstance(values, dict):
            raise ValueError(f"{text} holds no JSON object")
        return configured(values)
    values = {}
    for pair in text.split(","):
        key, _, value = pair.partition("=")
        values[key.strip()] = [float(v) for v in value.split("/")] if "/" in value else float(value)
    return configured(values)


def configured(values: dict[str, object]) -> Frontend:
    """From the fields of FrontendConfig, mean and std."""
    types = {f.name: f.type for f in dataclasses.fields(FrontendConfig)}
    unknown = sorted(set(values) - set(types) - set(NORMALISATION))
    if unknown:
        raise ValueError(f"front end: unknown {', '.join(unknown)}; known are {', '.join([*types, *NORMALISATION])}")
    norm = {key: values.get(key, default) for key, default in NORMALISATION.items()}
    fields = {}
    for key, value in values.items():
        if key in types:
            whole = types[key] is int
            if not isinstance(value, (int, float)) or isinstance(value, bool) or (whole and value != int(value)):
                raise ValueError(f"front end: {key} = {value!r} is no {'whole ' if whole else ''}number")
            fields[key] = types[key](value)
    config = FrontendConfig(**fields)
    for key, value in norm.items():
        if isinstance(value, list) and len(value) != config.n_out:
            raise ValueError(f"front end: {key} has {len(value)} numbers for {config.n_out} features")
    return Frontend(config.n_out, lambda quant: config.section(norm["mean"], norm["std"], quant.scale, quant.zero_point))


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
