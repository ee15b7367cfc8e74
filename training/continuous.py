"""Misses and false accepts an hour: python -m training.continuous MODEL.kws --data DIR

Hours of test recordings, other words and synthetic sentences over noise go through the C core's stream and the device's
detector. Figures of the blob's own settings come first; the curve (`--plot`) shows what other thresholds would give.
`--tune` chooses window, prior, refractory time and threshold on the validation split and writes them into the blob before that;
with `--keyword W` it chooses W's threshold alone. `--each` listens for each keyword as if it were the only one.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from tools import blobfile, report
from tools.bench_live.host import HostModel
from tools.blob.meta import with_meta
from training.det import plot, show, show_each, too_short
from training.listening import Composer, Heard, has_synthetic
from training.sweep import OVERALL, Tally, curve, keywords_of, only, operating_point, others_said, tally
from training.tune import BUDGET, said_of, tune, tune_keyword

# MLPerf Tiny's streaming wake word (v1.3) has these numbers; its own audio file is not ours, so a pass is no result of that benchmark.
MLPERF_HOURS, MLPERF_TARGETS, MLPERF_LIMIT = 1 / 3, 50, 8


def open_model(path: Path, keyword: str | None = None) -> HostModel:
    """A blob that listens for all its keywords, or for one: the others then only compete. ValueError when it cannot."""
    model = HostModel(blobfile.load(path))
    known = keywords_of(model)
    if not known:
        raise ValueError(f"this blob has no keywords, its labels are {', '.join(model.labels)}")
    if keyword is not None and keyword not in known:
        raise ValueError(f"'{keyword}' is no keyword of this model; there are: {', '.join(known)}")
    return model if keyword is None else only(model, keyword)


def hear(model: HostModel, composer: Composer, hours: float, targets: int | None, snr_db: Sequence[float]) -> list[Heard]:
    """Hours of audio through the model, with a progress bar where somebody looks."""
    plans = composer.plan(hours, targets, len(snr_db))
    return list(tqdm(composer.listen(model, plans, snr_db), f"listening to {composer.split}", len(plans), unit="stretch", disable=None))


def each_alone(model: HostModel, validation: Sequence[Heard], test: Sequence[Heard], budget: float = BUDGET) -> dict[str, dict]:
    """For each keyword, listened for as if it were the only one: its settings from validation audio, and its figures on the test's.

    "error" instead where no setting keeps the budget.
    """
    rows: dict[str, dict] = {}
    for keyword in tqdm(keywords_of(model), "each keyword alone", disable=None):
        one = only(model, keyword)
        try:
            options, found = tune_keyword(model, validation, keyword, budget, alone=True)
        except ValueError as error:
            rows[keyword] = {"error": str(error)}
            continue
        heard = others_said(test, keyword)
        rows[keyword] = options | {"threshold": options["threshold"][keyword], "tuned": said_of(found)} | tally(heard, one, options).figures()
        rows[keyword]["curve"] = [[t, c.figures()["miss_percent"], c.figures()["false_accepts_per_hour"]]
                                  for t, c in curve(heard, one, options=options).items()]
    return rows


def summary(model: HostModel, heard: Sequence[Heard], budget: float = BUDGET) -> dict:
    """Everything that is printed, drawn and written, ready for JSON."""
    own, tallies = tally(heard, model), curve(heard, model)
    point = operating_point(tallies, budget)
    names = (OVERALL, *keywords_of(model))
    levels = sorted({one.stretch.snr_db for one in heard})

    def point_at(t: float, one: Tally) -> dict:
        figures = one.figures()
        return {"threshold": t} | {name: figures[name] for name in ("miss_percent", "false_accepts_per_hour")}

    return {"detector": model.meta.get("detector") or {}, "false_accepts_during": dict(own.during.most_common()),
            "taken_for": [[text, keyword, n] for (text, keyword), n in own.taken.most_common()], "figures": {name: own.figures(name) for name in names},
            "by_snr_db": {f"{snr:g}": tally([h for h in heard if h.stretch.snr_db == snr], model).figures() for snr in levels},
            "budget": budget, "operating_point": None if point is None else point_at(point, tallies[point]),
            "curve": [point_at(t, one) for t, one in tallies.items()],
            "curve_by_keyword": {name: [[t, one.figures(name)["miss_percent"], one.figures(name)["false_accepts_per_hour"]]
                                        for t, one in tallies.items()] for name in names[1:]}}


def result_of(name: str, model: HostModel, composer: Composer, heard: Sequence[Heard], hours: float, budget: float = BUDGET) -> dict:
    """`summary`, and which model heard what audio."""
    return {"model": name, "hours": round(hours, 3), "seed": composer.seed, "synthetic": bool(composer.sentences)} | summary(model, heard, budget)


def write_report(name: str, result: dict, command: str, path: Path = report.ZOO) -> None:
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
    parser.add_argument("--each", action="store_true", help="each keyword as if it were the only one, its settings from as much validation audio")
    parser.add_argument("--budget", type=float, default=BUDGET, help="false accepts an hour (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-synthetic", action="store_true", help="recordings alone, also where a synthesiser is installed")
    parser.add_argument("--tune", action="store_true", help="first choose the detector's settings on validation audio; with --keyword its threshold alone")
    parser.add_argument("-o", "--output", type=Path, metavar="TUNED.kws", help="where --tune writes (MODEL.kws itself; with --keyword nowhere)")
    parser.add_argument("--mlperf", action="store_true", help="20 minutes, 50 targets of --keyword; exit status 1 unless passed")
    parser.add_argument("--report", action="store_true", help="write build/reports/zoo.json")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curve; the numbers go to FILE.json")
    return parser


def check(args: argparse.Namespace) -> None:
    """Everything that can be known to be wrong before hours are listened to. Raises ValueError."""
    if args.mlperf and not args.keyword:
        raise ValueError("--mlperf is about one keyword: --keyword W")
    if args.report and args.keyword:
        raise ValueError("--report is about all keywords of the blob; leave --keyword out")
    if args.each and (args.keyword or args.tune or args.report):
        raise ValueError("--each is a measurement of all keywords; leave --keyword, --tune and --report out")
    if args.output and not (args.tune and args.output.suffix == ".kws" and args.output.parent.is_dir()):
        raise ValueError(f"-o {args.output}: --tune and a .kws file in a folder that is there are expected")
    if args.plot and (args.plot.suffix != ".png" or not args.plot.parent.is_dir()):
        raise ValueError(f"--plot {args.plot}: a .png file in a folder that is there is expected")
    if args.threads < 1 or args.seed < 0 or not args.budget >= 0:
        raise ValueError("--threads is 1 or more, --seed and --budget are 0 or more")


def tuned(args: argparse.Namespace, model: HostModel, heard: Sequence[Heard], hours: float, console: Console) -> HostModel:
    """The model with the settings chosen on `heard`, which are printed, and written where that was asked for."""
    if args.keyword:
        chosen, found = tune_keyword(model, heard, args.keyword, args.budget)
        threshold, options = chosen["threshold"][args.keyword], model.meta.get("detector") or {}
        options = options | {"threshold": options.get("threshold", {}) | {args.keyword: threshold}}
        console.print(f"threshold of {args.keyword}: {threshold:g} ({said_of(found)}, listened for alone); "
                      f'on the device: app.threshold["{args.keyword}"] = {threshold:g}', highlight=False)
    else:
        options = tune(model, heard, args.budget)
        console.print(f"chosen: {options}", highlight=False)
    model.meta = model.meta | {"detector": options}
    output = args.output or (None if args.keyword else args.model)
    if short := too_short(hours, args.budget, "validation audio"):
        console.print(short, highlight=False)
    if output:
        output.write_bytes(with_meta(blobfile.load(args.model), model.meta))
        console.print(f"written into {output}", highlight=False)
    return model


def run(args: argparse.Namespace, console: Console) -> int:
    check(args)
    hours, targets = (MLPERF_HOURS, MLPERF_TARGETS) if args.mlperf else (args.hours, None)
    model = open_model(args.model, args.keyword)

    def listen(split: str) -> tuple[list[Heard], Composer]:
        composer = Composer(args.data, split, keywords_of(model), args.seed, not args.no_synthetic, args.threads)
        began = time.monotonic()
        found = hear(model, composer, hours, targets, args.snr)
        took_s = time.monotonic() - began
        console.print(f"{hours:g} h of {split} audio in {took_s:.0f} s, {hours * 3600 / took_s:.0f} times as fast as it was spoken", highlight=False)
        return found, composer

    validation = listen("validation")[0] if args.tune or args.each else []
    if args.tune:
        model = tuned(args, model, validation, hours, console)
    heard, composer = listen("test")
    result = result_of(args.model.stem, model, composer, heard, hours, args.budget)
    if not args.no_synthetic and not has_synthetic():
        console.print("no speech synthesiser is installed: no synthetic sentences")
    show(result, console, *[f"{'threshold' if args.keyword else 'settings'} from validation audio"] * args.tune)
    if args.each:
        result["each"] = each_alone(model, validation, heard, args.budget)
        show_each(result["each"], f"{hours:g} h of test audio; settings from as much validation audio, at most {args.budget:g} false accepts an hour", console)
    if args.plot:
        plot(result, args.plot)
        args.plot.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if args.report:
        how = f"training.continuous --hours {hours:g} --snr {','.join(f'{s:g}' for s in args.snr)} --seed {args.seed}"
        write_report(args.model.stem, result, how + " --no-synthetic" * (not result["synthetic"]))
    if not args.mlperf:
        return 0
    passed, verdict = mlperf_verdict(result)
    console.print(verdict)
    return 0 if passed else 1


def main() -> int:
    try:
        return run(arguments().parse_args(), Console())
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
