"""What `make zoo` found, for people: the tables and the plot of training/README.md, and what differs from the accepted figures."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from tools import report
from training.cluster import ROOT
from training.zoo_measure import LIVE

REPORT = report.ZOO
ACCEPTED = ROOT / "tests" / "figures" / "zoo.json"
README, PLOT = ROOT / "training" / "README.md", ROOT / "training" / "zoo.png"
BEGIN, END = "<!-- zoo: written by `make zoo` -->", "<!-- zoo: end -->"
HIGHER_IS_BETTER = {"accuracy_float_percent", "accuracy_int8_percent"}
SLACK = {"instructions_per_window": 0.01, "instructions_per_hop": 0.01}     # other compilers
COLUMNS = {                             # heading: metric and how its value is printed
    "float, %": ("accuracy_float_percent", "{:.2f}"), "int8, %": ("accuracy_int8_percent", "{:.2f}"), "blob, bytes": ("blob_bytes", "{:,}"),
    "arena + state, bytes": ("arena_bytes", "{:,}"), "MAC": ("macs", "{:,}"), "instructions a decision": ("instructions_per_window", "{:,}"),
    "instructions a hop": ("instructions_per_hop", "{:,}"), "misses, %": ("miss_percent", "{:.1f}"),
    "false accepts an hour": ("false_accepts_per_hour", "{:.1f}"), "latency, ms": ("latency_median_ms", "{:d}"),
}

Figures = dict[tuple[str, str], float]


def by_name(rows: Sequence[dict]) -> Figures:
    """Values by (name, metric)."""
    return {(row["name"], row["metric"]): row["value"] for row in rows}


def rows_of(result: dict) -> list[dict]:
    """The report's rows of one measured blob, the recall of each class among them."""
    rows = [row for metric, value in result["figures"].items() for row in report.rows(result["name"], {metric: value}, result["how"][metric])]
    how = result["how"].get("accuracy_int8_percent", "")
    return rows + [{"name": f"{result['name']}/{label}", "metric": "recall_percent", "value": value, "unit": "%", "how": how}
                   for label, value in result.get("recall_percent", {}).items()]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(rows: Sequence[dict]) -> str:
    """Markdown: the figures a model, then the recall of each class. Both follow from the rows alone."""
    values = by_name(rows)
    names = list(dict.fromkeys(name for name, _ in values if "/" not in name))
    labels = list(dict.fromkeys(name.partition("/")[2] for name, _ in values if "/" in name))
    lines = [_row(["model", *COLUMNS]), "|---|" + "---:|" * len(COLUMNS)]
    for name in names:
        cells = []
        for metric, shape in COLUMNS.values():
            value = values.get((name, metric))
            cells.append("" if value is None else shape.format(value))
            if metric == "arena_bytes" and value is not None:
                cells[-1] += f" + {values[name, 'state_bytes']:,}"
            if metric == "instructions_per_hop" and value is not None:
                cells[-1] += f" ({values[name, 'load_percent']:.1f} %)"
        lines.append(_row([f"`{name}`", *cells]))
    audio = sorted({row["how"].removeprefix("make zoo: ") for row in rows if row["metric"] == "miss_percent"})
    lines += ["", f"Continuous audio: {'; '.join(audio)}." if audio else "No continuous audio was listened to."]
    if labels:
        lines += ["", _row(["recall, %", *(f"`{label}`" for label in labels)]), "|---|" + "---:|" * len(labels)]
        lines += [_row([f"`{name}`", *(f"{values[key]:.1f}" if (key := (f"{name}/{label}", "recall_percent")) in values else "" for label in labels)])
                  for name in names]
    return "\n".join(lines) + "\n"


def rich_table(rows: Sequence[dict]) -> Table:
    """The first of these tables for a terminal, a column a model."""
    values, made = by_name(rows), Table("")
    names = list(dict.fromkeys(name for name, _ in values if "/" not in name))
    for name in names:
        made.add_column(name, justify="right")
    for heading, (metric, shape) in COLUMNS.items():
        found = [values.get((name, metric)) for name in names]
        made.add_row(heading.replace("arena + state", "arena"), *("" if value is None else shape.format(value) for value in found))
    return made


def put_between_markers(path: Path, text: str) -> None:
    """Replaces what stands between the two markers of a page. ValueError where it does not have both, once each."""
    page = path.read_text()
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"{path} needs the line {BEGIN} and behind it the line {END}, once each; the tables go between them")
    path.write_text(page[:page.index(BEGIN)] + f"{BEGIN}\n{text}" + page[page.index(END):])


def plot(rows: Sequence[dict], path: Path) -> None:
    """Accuracy over the instructions of a 20 ms hop: filled as the device runs it, hollow where every decision runs the whole network.

    The area of a mark grows with the blob. Models without an accuracy are left out.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    values = by_name(rows)
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name in dict.fromkeys(name for name, metric in values if metric == "accuracy_int8_percent"):
        accuracy, area = values[name, "accuracy_int8_percent"], values[name, "blob_bytes"] / 300
        hop, decision = values[name, "instructions_per_hop"] / 1e6, values[name, "instructions_per_window"] / 1e6
        (mark,) = axes.plot([hop, decision], [accuracy] * 2, ":", lw=1)
        axes.scatter(decision, accuracy, area, facecolors="none", edgecolors=mark.get_color())
        axes.scatter(hop, accuracy, area, color=mark.get_color())
        axes.annotate(name, ((hop * decision) ** 0.5, accuracy), (0, 4), textcoords="offset points", ha="center", fontsize=9)
    axes.set_xscale("log")
    axes.margins(0.15, 0.25)
    axes.set(xlabel="million instructions on a Cortex-M7, front end included\nfilled: mean of a 20 ms hop, as a board runs it; hollow: a decision of the whole network",
             ylabel="test split, int8, %")
    axes.grid(alpha=0.3, which="both")
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)


def worse(rows: Sequence[dict], accepted: Sequence[dict]) -> list[str]:
    """A line for each figure that is worse than the accepted one, is gone, or cannot be compared.

    Recall alone may fall in one class for the sake of the whole. Misses and false accepts count where both are of the same audio.
    """
    new, lines = {(row["name"], row["metric"]): row for row in rows}, []
    for old in accepted:
        key, metric = (old["name"], old["metric"]), old["metric"]
        if metric == "recall_percent":
            continue
        if key not in new:
            lines.append(f"{key[0]}: {metric} is not measured")
        elif metric in LIVE and new[key]["how"] != old["how"]:
            lines.append(f"{key[0]}: {metric} cannot be compared: {new[key]['how']}; accepted: {old['how']}")
        else:
            sign = -1 if metric in HIGHER_IS_BETTER else 1
            if sign * (new[key]["value"] - old["value"]) > abs(old["value"]) * SLACK.get(metric, 0):
                lines.append(f"{key[0]}: {metric} {new[key]['value']:,}, accepted is {old['value']:,}")
    return lines
