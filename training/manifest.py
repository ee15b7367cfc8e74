"""MODEL.json beside MODEL.kws: the blob's meta section, what can be read off its bytes, and what was measured of them."""
from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tools.blob import read
from tools.kwslib import Model

DATA_NOTE = ("No recordings are distributed here. Figures are of the part of the data set in the data folder, not those that papers print "
             "for the whole.")
STOP_NOTE = ("In ../shared/data/speech the clips of 'stop' in all three splits come from the official test set, split by speaker: its recall "
             "is from 94 clips and few training recordings, and is not comparable with other figures.")


def write_manifest(path: Path, measured: dict | None = None) -> dict:
    """Write and return the manifest of the blob at `path`. measured: what `training.zoo` found.

    Without it, what an older manifest says was measured stays, but only where it was of the same bytes.
    """
    blob, place = path.read_bytes(), path.with_suffix(".json")
    info, sha256 = read(blob), hashlib.sha256(blob).hexdigest()
    if measured is None and place.exists():
        before = json.loads(place.read_text())
        measured = before.get("measured") if before.get("sha256") == sha256 else None
    result = {"file": path.name, "sha256": sha256, "blob_bytes": len(blob), "arena_bytes": Model(blob).arena_bytes, "macs": info.macs,
              "labels": list(info.labels), **info.meta, "note": DATA_NOTE,
              **({"note_on_stop": STOP_NOTE} if "stop" in info.labels else {}), **({"measured": measured} if measured else {})}
    part = place.with_name(place.name + ".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(part, place)
    return result
