"""Reports (build/reports/*.json): rows of name, metric, value, unit, how; and how they compare with the accepted ones."""

import json
from pathlib import Path

from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "build" / "reports" / "live.json"
ACCEPTED = ROOT / "tests" / "figures" / "live.json"
ZOO = ROOT / "build" / "reports" / "zoo.json"

UNITS = {
    "hits_percent": "%",
    "false_accepts_per_minute": "1/min",
    "false_accepts_per_hour": "1/h",
    "miss_percent": "%",
    "latency_median_ms": "ms",
    "latency_90_percent_ms": "ms",
    "accuracy_float_percent": "%",
    "accuracy_int8_percent": "%",
    "blob_bytes": "bytes",
    "arena_bytes": "bytes",
    "state_bytes": "bytes",
    "macs": "multiply-adds",
    "instructions_per_window": "instructions",
    "overruns": "samples",
    "load_percent": "%",
    "realtime_factor": "s audio / s wall",
    "instructions_per_hop": "instructions",
}


def rows(name: str, figures: dict[str, float], how: str) -> list[dict]:
    """Report rows of one track."""
    return [{"name": name, "metric": metric, "value": value, "unit": UNITS[metric], "how": how} for metric, value in figures.items()]


def load(path: Path) -> list[dict]:
    return json.loads(path.read_text()) if path.exists() else []


def write(new: list[dict], path: Path = REPORT, keep: bool = True) -> None:
    """Write `new` into the report; with `keep`, rows of other names stay."""
    names = {row["name"] for row in new}
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [row for row in load(path) if keep and row["name"] not in names]
    path.write_text(json.dumps(kept + new, indent=1) + "\n")


def table(new: list[dict], accepted: Path = ACCEPTED, label: str = "metric") -> Table:
    """The rows, each called by its `label` (metric or name), beside the last accepted values of the same name and metric."""
    before = {(row["name"], row["metric"]): row["value"] for row in load(accepted)}
    made = Table(title=new[0]["name"] if new and label == "metric" else None)
    for heading, justify in (("figure", "left"), ("value", "right"), ("accepted", "right"), ("unit", "left")):
        made.add_column(heading, justify=justify)
    for row in new:
        old = before.get((row["name"], row["metric"]))
        made.add_row(row[label], f"{row['value']:,}", "" if old is None else f"{old:,}", row["unit"])
    return made
