"""MODEL.json beside MODEL.kws: the blob's meta section, what can be read off its bytes, and what was measured of them."""
from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from tools import blobfile
from tools.blob import read
from tools.kwslib import Model
from training.files import write_atomic
from training.folders import is_split_folders

SPEECH_COMMANDS = "Speech Commands (Warden 2018), CC BY 4.0"
DATA_NOTE = ("No recordings are distributed here. Figures are of the part of the data set in the data folder, not those that papers print "
             "for the whole.")
STOP_NOTE = ("In ../shared/data/speech the clips of 'stop' in all three splits come from the official test set, split by speaker. Its recall "
             "is from 94 clips and few training recordings. 77 of the 103 speakers of its 232 training clips are speakers of the test split, where "
             "they say 1675 of the 2162 clips with a speaker, none of them 'stop': the accuracy and every other recall are mostly of voices that "
             "training has heard say 'stop'. python -m training.evaluate prints the accuracy on the other speakers.")


def source_of(root: Path) -> str:
    """What the recordings of a data folder are: its name, and the data set where its README.md says that it is one."""
    name, readme = root.resolve().name, root / "README.md"
    text = " ".join(readme.read_text(errors="replace").split()) if readme.is_file() else ""
    if "Speech Commands" not in text or not re.search("(CC|Creative Commons) BY 4.0", text):
        return name
    return f"{name}: {'part of ' if is_split_folders(root) else ''}{SPEECH_COMMANDS}"


def is_part_of_speech_commands(data: str) -> bool:
    """Whether what a blob says of its data is a part of that data set, as ../shared/data/speech is."""
    return not data.startswith("synthetic") and "Speech Commands (" in data and "part of " in data


def write_manifest(path: Path, measured: dict | None = None) -> dict:
    """Write and return the manifest of the blob at `path`. measured: what `training.zoo` found.

    Without it, what an older manifest says was measured stays, but only where it was of the same bytes.
    """
    blob, place = blobfile.load(path), path.with_suffix(".json")
    info, sha256 = read(blob), hashlib.sha256(blob).hexdigest()
    if measured is None and place.exists():
        before = json.loads(place.read_text())
        measured = before.get("measured") if before.get("sha256") == sha256 else None
    notes = {}
    if is_part_of_speech_commands(str(info.meta.get("data", ""))):
        notes = {"note": DATA_NOTE, **({"note_on_stop": STOP_NOTE} if "stop" in info.labels else {})}
    result = {"file": path.name, "sha256": sha256, "blob_bytes": len(blob), "arena_bytes": Model(blob).arena_bytes, "macs": info.macs,
              "labels": list(info.labels), **info.meta, **notes, **({"measured": measured} if measured else {})}
    write_atomic(place, json.dumps(result, indent=1) + "\n")
    return result
