"""The timeline: waveform, smoothed posteriors, thresholds, what was said and what was detected."""

from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tools.bench_live.host import Decisions, HostModel, make_detector
from tools.bench_live.score import Scorer
from tools.bench_live.track import RATE_HZ, Track

ROW_S = 17.0
MOST_ROWS = 6


def smoothed(model: HostModel, decisions: Decisions) -> np.ndarray:
    """Float [decisions, classes]: the averages that the detector compares with its thresholds."""
    detector = make_detector(model)
    averages = np.zeros(decisions.scores.shape)
    for k, row in enumerate(decisions.scores.tolist()):
        detector.step(row)
        averages[k] = [detector.average(i) for i in range(len(row))]
    return averages


def draw(path: Path, track: Track, model: HostModel, decisions: Decisions, scorer: Scorer, title: str) -> None:
    """Save the timeline of `track` and of the detections in `scorer` as PNG."""
    rows = min(MOST_ROWS, max(1, int(np.ceil(track.seconds / ROW_S))))
    row_s = track.seconds / rows
    averages = smoothed(model, decisions)
    limits = dict(make_detector(model).threshold.items())
    colour = dict(zip(limits, cycle(plt.get_cmap("tab10").colors)))
    figure, axes = plt.subplots(2 * rows, 1, figsize=(14, 2.7 * rows + 0.6), height_ratios=[1, 1.6] * rows, layout="constrained")
    for r in range(rows):
        wave, post = axes[2 * r], axes[2 * r + 1]
        for axis in (wave, post):
            axis.set_xlim(r * row_s, (r + 1) * row_s)
        _waveform(wave, track, r * row_s, (r + 1) * row_s)
        for keyword, limit in limits.items():
            post.plot(decisions.seconds, averages[:, model.labels.index(keyword)], color=colour[keyword], lw=1.2, label=keyword)
            post.axhline(limit, color=colour[keyword], lw=0.6, ls=":")
        _detections(post, scorer, colour, (r * row_s, (r + 1) * row_s))
        post.set_ylim(0, 1.12)
        post.set_ylabel("posterior")
    axes[-1].set_xlabel("s of audio; posteriors are smoothed, dotted lines are thresholds, ✕ marks a false accept")
    # The legend's own title: the layout keeps no room for a figure's title above a legend.
    names = {"ncols": min(len(limits), 12), "fontsize": 8, "title": title, "title_fontsize": 11}
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", frameon=False, **names)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _waveform(axis, track: Track, begin_s: float, end_s: float) -> None:
    step = max(1, int((end_s - begin_s) * RATE_HZ / 4000))  # one vertical stroke a pixel or so
    pcm = track.pcm[int(begin_s * RATE_HZ) : int(end_s * RATE_HZ)]
    pcm = pcm[: len(pcm) // step * step].reshape(-1, step) / 32768
    axis.fill_between(begin_s + np.arange(len(pcm)) * step / RATE_HZ, pcm.min(axis=1), pcm.max(axis=1), color="0.45", lw=0)
    peak = max(0.1, float(np.abs(track.pcm).max()) / 32768)
    axis.set_ylim(-peak, 1.9 * peak)
    axis.set_yticks([])
    axis.set_xticklabels([])
    for word in track.words:
        if begin_s <= word.start_s < end_s:
            axis.axvspan(word.start_s, word.end_s, color="tab:green" if word.keyword else "0.8", alpha=0.25, lw=0)
            weight = "bold" if word.keyword else "normal"
            axis.text((word.start_s + word.end_s) / 2, 1.25 * peak, word.text, ha="center", fontsize=7, weight=weight, clip_on=True)


def _detections(axis, scorer: Scorer, colour: dict, span_s: tuple[float, float]) -> None:
    marks = [(event, "v") for event in scorer.score.hits.values()]
    marks += [(event, "x") for event in scorer.score.false_accepts]
    for (keyword, score, time_s), marker in marks:
        if span_s[0] <= time_s < span_s[1]:
            axis.plot(time_s, score, marker, color=colour.get(keyword, "black"), ms=8)
            axis.annotate(keyword, (time_s, score), textcoords="offset points", xytext=(5, 3), fontsize=8)
