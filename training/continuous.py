"""Misses and false accepts an hour: python -m training.continuous MODEL.kws --data DIR

Hours of test recordings, other words and synthetic sentences over noise go through the C core's stream and the device's
detector. Figures of the blob's own settings come first; the curve (`--plot`) shows what other thresholds would give.
`--tune` chooses window, refractory time and threshold on the validation split and writes them into the blob before that.
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from tools import report
from tools.bench_live.host import HostModel
from tools.bench_live.tune import WINDOWS
from tools.blob.meta import with_meta
from tools.demo.speech import SpeechError
from training.listening import Composer, Heard, has_synthetic
from training.sweep import OVERALL, Tally, curve, operating_point, settings, tally

BUDGET = 0.5                            # false accepts an hour
REFRACTORY_MS = (480, 640, 960)
# MLPerf Tiny's streaming wake word (v1.3) has these numbers; its own audio file is not ours, so a pass is no result of that benchmark.
MLPERF_HOURS, MLPERF_TARGETS, MLPERF_LIMIT = 1 / 3, 50, 8
ZOO = report.ROOT / "build" / "reports" / "zoo.json"


def open_model(path: Path, keyword: str | None = None) -> HostModel:
    """A blob that listens for all its keywords, or for one: the others then only compete. ValueError when it cannot."""
    model = HostModel(path.read_bytes())
    known = [label for label in model.labels if not label.startswith("_")]
    if not known:
        raise ValueError(f"this blob has no keywords, its labels are {', '.join(model.labels)}")
    if keyword is not None and keyword not in known:
        raise ValueError(f"'{keyword}' is no keyword of this model; there are: {', '.join(known)}")
    if keyword is not None:
        model.labels = [label if label == keyword or label.startswith("_") else f"_{label}" for label in model.labels]
    return model


def keywords_of(model: HostModel) -> list[str]:
    return [label for label in model.labels if not label.startswith("_")]


def hear(model: HostModel, composer: Composer, hours: float, targets: int | None, snr_db: Sequence[float]) -> list[Heard]:
    """Hours of audio through the model, with a progress bar where somebody looks."""
    plans = composer.plan(hours, targets, len(snr_db))
    return list(tqdm(composer.listen(model, plans, snr_db), f"listening to {composer.split}", len(plans), unit="stretch", disable=None))


def tune(model: HostModel, heard: Sequence[Heard], budget: float = BUDGET) -> dict:
    """What `meta["detector"]` should be: fewest misses within the budget on `heard`, which must not be test audio. Of equal ones the
    widest window. ValueError when every setting has more false accepts."""
    tallies = {}
    for window, refractory_ms in tqdm(list(itertools.product(reversed(WINDOWS), REFRACTORY_MS)), "tuning", disable=None):
        options = {"window": window, "refractory_ms": refractory_ms}
        tallies |= {(window, refractory_ms, t): one for t, one in curve(heard, model, options=options).items()}
    best = operating_point(tallies, budget)
    if best is None:
        raise ValueError(f"no setting has at most {budget:g} false accepts an hour")
    found = tallies[best].figures()
    if found["misses"] == found["targets"]:
        raise ValueError(f"with at most {budget:g} false accepts an hour this model hears nothing; --budget allows more")
    hours = tallies[best].seconds / 3600
    tuned = f"{hours:g} h of validation: {found['miss_percent']:.1f} % misses, {found['false_accepts_per_hour']:.2f} false accepts an hour"
    return settings(model, best[2], {"window": best[0], "refractory_ms": best[1]}) | {"tuned": tuned}


def summary(model: HostModel, heard: Sequence[Heard], budget: float = BUDGET) -> dict:
    """Everything that is printed, drawn and written, ready for JSON."""
    own, tallies = tally(heard, model), curve(heard, model)
    point = operating_point(tallies, budget)
    names = (OVERALL, *keywords_of(model))
    levels = sorted({one.stretch.snr_db for one in heard})

    def point_at(t: float, one: Tally) -> dict:
        figures = one.figures()
        return {"threshold": t} | {name: figures[name] for name in ("miss_percent", "false_accepts_per_hour")}

    return {"detector": model.meta.get("detector") or {}, "false_accepts_during": dict(own.during.most_common()), "figures": {name: own.figures(name) for name in names},
            "by_snr_db": {f"{snr:g}": tally([h for h in heard if h.stretch.snr_db == snr], model).figures() for snr in levels},
            "budget": budget, "operating_point": None if point is None else point_at(point, tallies[point]),
            "curve": [point_at(t, one) for t, one in tallies.items()],
            "curve_by_keyword": {name: [[t, one.figures(name)["miss_percent"], one.figures(name)["false_accepts_per_hour"]]
                                        for t, one in tallies.items()] for name in names[1:]}}


def show(result: dict, console: Console) -> None:
    table = Table(title=f"{result['hours']:g} h, SNR {', '.join(result['by_snr_db'])} dB, the blob's own detector settings")
    for heading in ("", "targets", "misses %", "false accepts/h", "latency ms: median", "90 %"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = result["figures"] | {f"at {snr} dB": one for snr, one in result["by_snr_db"].items()}
    for name, one in rows.items():
        cells = (one["targets"], one["miss_percent"], one["false_accepts_per_hour"], one["latency_median_ms"], one["latency_90_percent_ms"])
        table.add_row(name, *("-" if cell is None else f"{cell:g}" for cell in cells))
    console.print(table)
    during = ", ".join(f"{kind} {n}" for kind, n in result["false_accepts_during"].items())
    console.print(f"false accepts while this was said: {during or 'none'}", highlight=False)
    point, budget = result["operating_point"], result["budget"]
    console.print(f"no threshold has at most {budget:g} false accepts an hour" if point is None else
                  f"at most {budget:g} false accepts an hour on this audio: threshold {point['threshold']:g} for all keywords misses "
                  f"{point['miss_percent']:g} % with {point['false_accepts_per_hour']:g} an hour (read off the test audio: no setting to use)")
    if budget * result["hours"] < 1:
        console.print(f"{result['hours']:g} h are too short to see {budget:g} an hour other than as none at all")


def plot(result: dict, path: Path) -> None:
    """Misses over false accepts an hour; an axis that is linear up to one false accept in all."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(8, 6))
    for name, points in result["curve_by_keyword"].items():
        if len(result["curve_by_keyword"]) > 1:
            axes.plot([p[2] for p in points], [p[1] for p in points], lw=0.8, alpha=0.6, label=name)
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


def write_report(name: str, result: dict, command: str, path: Path = ZOO) -> None:
    """The two rows of the zoo's report; what others wrote there about the model stays."""
    figures = {metric: result["figures"][OVERALL][metric] for metric in ("false_accepts_per_hour", "miss_percent")}
    others = [row for row in report.load(path) if row["name"] == name and row["metric"] not in figures]
    report.write(others + report.rows(name, figures, command), path)


def mlperf_verdict(result: dict) -> tuple[bool, str]:
    one = result["figures"][OVERALL]
    passed = one["misses"] <= MLPERF_LIMIT and one["false_accepts"] <= MLPERF_LIMIT
    return passed, (f"{'passed' if passed else 'failed'}: {one['targets']} targets, {one['misses']} misses, {one['false_accepts']} false accepts, "
                    f"at most {MLPERF_LIMIT} of each (our own audio in the shape of MLPerf Tiny's streaming wake word)")


def decibels(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(-60 <= value <= 120 for value in values):
        raise ValueError
    return values


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise ValueError
    return value


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.continuous", description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL.kws")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/speech"), metavar="DIR")
    parser.add_argument("--hours", type=positive, default=2.0, help="of audio (%(default)s)")
    parser.add_argument("--snr", type=decibels, default=[0.0, 5.0, 10.0, 20.0], metavar="DB,DB", help="one stretch each in turn (0,5,10,20)")
    parser.add_argument("--keyword", metavar="W", help="listen for this one alone; the others are other words")
    parser.add_argument("--budget", type=float, default=BUDGET, help="false accepts an hour (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-synthetic", action="store_true", help="recordings alone, also where espeak-ng is installed")
    parser.add_argument("--tune", action="store_true", help="first choose the detector's settings on validation audio and write them into the blob")
    parser.add_argument("--mlperf", action="store_true", help="20 minutes, 50 targets of --keyword; exit status 1 unless passed")
    parser.add_argument("--report", action="store_true", help="write build/reports/zoo.json")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curve; the numbers go to FILE.json")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    if args.mlperf and not args.keyword:
        raise ValueError("--mlperf is about one keyword: --keyword W")
    if (args.tune or args.report) and args.keyword:
        raise ValueError("--tune and --report are about all keywords of the blob; leave --keyword out")
    if args.plot and (args.plot.suffix != ".png" or not args.plot.parent.is_dir()):
        raise ValueError(f"--plot {args.plot}: a .png file in a folder that is there is expected")
    if args.threads < 1 or args.seed < 0 or not args.budget >= 0:
        raise ValueError("--threads is 1 or more, --seed and --budget are 0 or more")
    hours, targets = (MLPERF_HOURS, MLPERF_TARGETS) if args.mlperf else (args.hours, None)
    model = open_model(args.model, args.keyword)

    def compose(split: str) -> Composer:
        return Composer(args.data, split, keywords_of(model), args.seed, not args.no_synthetic, args.threads)

    if args.tune:
        options = tune(model, hear(model, compose("validation"), hours, targets, args.snr), args.budget)
        args.model.write_bytes(with_meta(args.model.read_bytes(), model.meta | {"detector": options}))
        console.print(f"written into {args.model}: {options}", highlight=False)
        model = open_model(args.model)
    composer = compose("test")
    heard = hear(model, composer, hours, targets, args.snr)
    result = {"model": args.model.stem, "hours": round(hours, 3), "seed": args.seed, "synthetic": bool(composer.sentences)}
    result |= summary(model, heard, args.budget)
    if not args.no_synthetic and not has_synthetic():
        console.print("espeak-ng is not installed: no synthetic sentences")
    show(result, console)
    if args.plot:
        plot(result, args.plot)
        args.plot.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if args.report:
        how = f"training.continuous --hours {hours:g} --snr {','.join(f'{s:g}' for s in args.snr)} --seed {args.seed}"
        write_report(args.model.stem, result, how + " --no-synthetic" * (not composer.sentences))
    if not args.mlperf:
        return 0
    passed, verdict = mlperf_verdict(result)
    console.print(verdict)
    return 0 if passed else 1


def main() -> int:
    try:
        return run(arguments().parse_args(), Console())
    except (ValueError, OSError, SpeechError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
