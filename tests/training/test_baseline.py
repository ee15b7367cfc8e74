"""The published recipe beside ours: its windows and its schedule are the published ones, and it runs as one command."""
from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.training.test_continuous import random_blob
from training import baseline, train
from training.augment import AugmentConfig
from training.config import parse
from training.data import Split
from training.folders import labels_of
from training.published import NOISE_VOLUME, PublishedWindows, ds_cnn_published

LABELS = labels_of()
YES = LABELS.index("yes")


@pytest.fixture
def windows() -> PublishedWindows:
    rng = np.random.default_rng(3)
    word = np.zeros(16000, np.int16)
    word[6000:10000] = rng.integers(-2000, 2000, 4000)
    split = Split(word[None], np.array([YES]), np.array(["yes"]), np.array(["a"]), np.array([[6000, 10000]]), LABELS)
    return PublishedWindows(split, [rng.integers(-9000, 9000, 40000).astype(np.int16)], AugmentConfig())


def test_published_windows(windows: PublishedWindows) -> None:
    """Ours would be compared with a recipe that nobody has published."""
    word = windows.split.pcm[0] / np.abs(windows.split.pcm[0].astype(float)).max()
    noises = []
    for seed in range(200):
        rest = windows.draw(np.random.default_rng(seed), YES, 0) / 32767 - word     # where it was recorded, at full scale
        noises.append(float(np.abs(rest[:6000]).max()))
        assert np.abs(rest).max() <= NOISE_VOLUME * 9000 / 32768 + 1e-3
    assert np.mean(np.array(noises) < 1e-3) == pytest.approx(0.2, abs=0.08)          # four of five have noise behind them
    assert max(noises) > 0.8 * NOISE_VOLUME * 9000 / 32768 and len(set(noises)) > 100
    silence = windows.draw(np.random.default_rng(1), LABELS.index("_silence_"), -1)
    assert np.abs(silence.astype(int)).max() > 30000
    assert np.array_equal(silence, windows.draw(np.random.default_rng(1), LABELS.index("_silence_"), -1))


def test_learning_rate_falls_in_steps() -> None:
    """A recipe's schedule is a good part of its accuracy."""
    rate = train.learning_rate(parse([str(baseline.RECIPE), "epoch_size=1000"]))     # ten steps an epoch
    assert [float(rate(step)) for step in (0, 119, 121, 239, 241, 359)] == pytest.approx([5e-4, 5e-4, 1e-4, 1e-4, 2e-5, 2e-5])
    with pytest.raises(ValueError, match="unknown schedule 'stairs'"):
        train.learning_rate(parse(["schedule=stairs"]))


def test_published_network() -> None:
    """A bigger or smaller network than the published one would make the comparison one of sizes."""
    model = ds_cnn_published((49, 10), 12)
    kernels = sum(int(np.prod(w.shape)) for w in model.trainable_weights if "kernel" in w.path or "bias" in w.path)
    assert kernels == 10 * 4 * 64 + 4 * (9 * 64 + 64 * 64) + 64 * 12 + 12
    assert len(model.losses) == 5


def test_command(split_folders: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row that ours must be ahead of could not be had from one command, or a blob of other words would get a figure."""
    monkeypatch.chdir(tmp_path)
    data, shown = split_folders(), io.StringIO()
    small = [f"data={data}", "epochs=1", "epoch_size=120", "batch=40", "channels=8"]
    console = Console(file=shown, width=200)
    baseline.run(small, [], console)
    blob = Path("build/runs/mlperf_tiny.kws")
    baseline.run(small, [blob], console)                                            # the run is done: it is only measured again
    lines = [line for line in shown.getvalue().splitlines() if "mlperf_tiny" in line]
    assert len(lines) == 3 and len(set(lines)) == 1
    with pytest.raises(ValueError, match="unknown windows 'own'"):
        baseline.run([*small, "windows=own", "name=own"], [], console)
    other = tmp_path / "other.kws"
    other.write_bytes(random_blob(labels=[*LABELS[:11], "cat"]))
    for path, said in ((other, r"other\.kws cannot be beside it"), (tmp_path / "nowhere.kws", r"nowhere\.kws: No such file")):
        with pytest.raises(ValueError, match=said):
            baseline.run([*small, "name=never"], [path], console)
    assert not Path("build/runs/never").exists(), "found out before training"
    longer = tmp_path / "longer.kws"
    longer.write_bytes(random_blob(frames=65))
    assert baseline.row(longer, str(data), 2)[0] == "longer", "a blob of longer windows has a row, too"
