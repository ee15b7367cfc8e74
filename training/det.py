"""Tables and detection-error trade-off curves of what training/continuous.py has measured."""
from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.sweep import NO_WORD, OVERALL

MOST_TAKEN = 8                          # pairs of what was said and what was reported that are printed


def too_short(hours: float, budget: float, audio: str = "audio") -> str:
    """A line that says so where a single false accept is more than the budget; empty otherwise."""
    return f"{hours:g} h of {audio} are too short to see {budget:g} an hour other than as none at all" if budget * hours < 1 else ""


def show(result: dict, console: Console, settings: str = "the blob's own detector settings") -> None:
    table = Table(title=f"{result['hours']:g} h, SNR {', '.join(result['by_snr_db'])} dB, {settings}")
    for heading in ("", "targets", "misses %", "false accepts/h", "latency ms: median", "90 %"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = result["figures"] | {f"at {snr} dB": one for snr, one in result["by_snr_db"].items()}
    for name, one in rows.items():
        cells = (one["targets"], one["miss_percent"], one["false_accepts_per_hour"], one["latency_median_ms"], one["latency_90_percent_ms"])
        table.add_row(name, *("-" if cell is None else f"{cell:g}" for cell in cells))
    console.print(table)
    during = ", ".join(f"{kind} {n}" for kind, n in result["false_accepts_during"].items())
    console.print(f"false accepts while this was said: {during or 'none'}", highlight=False)
    taken = [f"{text} > {keyword} {n}" for text, keyword, n in result["taken_for"] if text not in (keyword, NO_WORD)]
    if taken:
        console.print(f"taken for a keyword most often: {', '.join(taken[:MOST_TAKEN])}", highlight=False)
    point, budget = result["operating_point"], result["budget"]
    console.print(f"no threshold has at most {budget:g} false accepts an hour" if point is None else
                  f"at most {budget:g} false accepts an hour on this audio: threshold {point['threshold']:g} for all keywords misses "
                  f"{point['miss_percent']:g} % with {point['false_accepts_per_hour']:g} an hour (read off the test audio: no setting to use)")
    if short := too_short(result["hours"], budget):
        console.print(short, highlight=False)


def show_each(rows: dict[str, dict], title: str, console: Console) -> None:
    table = Table(title=title)
    for heading in ("alone", "window", "prior", "thres-\nhold", "tar-\ngets", "misses\n%", "false\n/h", "median\nms", "90 %\nms"):       # 80 columns
        table.add_column(heading, justify="left" if heading == "alone" else "right")
    keys = ("window", "unknown_prior", "threshold", "targets", "miss_percent", "false_accepts_per_hour", "latency_median_ms", "latency_90_percent_ms")
    for keyword, one in rows.items():
        table.add_row(keyword, *("-" if one.get(key) is None else f"{one[key]:g}" for key in keys))
    console.print(table)
    for keyword, one in rows.items():
        if "error" in one:
            console.print(f"{keyword}: {one['error']}", highlight=False)


def plot(result: dict, path: Path) -> None:
    """Misses over false accepts an hour; an axis that is linear up to one false accept in all.

    Thin: each keyword among the others, or alone where each was listened for alone, with a dot at its chosen threshold.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(8, 6))
    alone = {name: one for name, one in result.get("each", {}).items() if "curve" in one}
    for name, points in ({name: one["curve"] for name, one in alone.items()} or result["curve_by_keyword"]).items():
        line, = axes.plot([p[2] for p in points], [p[1] for p in points], lw=0.8, alpha=0.6, label=name + " alone" * (name in alone))
        if name in alone:
            axes.plot(alone[name]["false_accepts_per_hour"], alone[name]["miss_percent"], ".", color=line.get_color())
    axes.plot([p["false_accepts_per_hour"] for p in result["curve"]], [p["miss_percent"] for p in result["curve"]], "k", lw=2, label=OVERALL)
    own = result["figures"][OVERALL]
    axes.plot(own["false_accepts_per_hour"], own["miss_percent"], "ro", label="the blob's settings")
    axes.axvline(result["budget"], color="grey", ls=":", label=f"{result['budget']:g} an hour")
    axes.set_xscale("symlog", linthresh=1 / result["hours"])
    axes.set(xlabel="false accepts an hour", ylabel="misses, %", xlim=(0, None), ylim=(0, 100), title=f"{result['model']}, {result['hours']:g} h")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
