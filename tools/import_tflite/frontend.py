"""The front end that a network is given: key=value pairs, a JSON file, or the section of another blob."""

import dataclasses
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.blob.frontend import FrontendConfig
from tools.blob.network import Quant
from tools.blob.reader import read as read_blob

# What a network's input is in when nothing is said: the features themselves, log2 of a power, as the section has them.
NORMALISATION = {"mean": 0.0, "std": 1.0}
N_MELS_N_DCT = struct.Struct("<14x2H")  # of a section's header


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
    """The section of another blob as it is: its normalisation belongs to that blob's input."""
    info = read_blob(path.read_bytes())
    if not info.frontend:
        raise ValueError(f"{path} has no front end")
    n_mels, n_dct = N_MELS_N_DCT.unpack_from(info.frontend)
    return Frontend(n_dct or n_mels, lambda quant: info.frontend)
