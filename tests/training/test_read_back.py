"""A blob as a run: the network that it was, for others to go on from."""
from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tools.blob import read
from training import models, read_back, train
from training.average import average
from training.calibrate import calibrate
from training.config import Config, parse
from training.data import Dataset, load
from training.export import make, pack, untuned
from training.features import extract, network_input
from training.fold import fold
from training.run_folder import commands, load_config, load_weights
from training.sources import check_sources

SMALL = ["epochs=2", "epoch_size=240", "batch=40", "channels=8", "warmup_epochs=0.5", "weight_average=0.9", "learning_rate=0.01"]


@pytest.fixture
def data(split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return split_folders()


def logits(config: Config, dataset: Dataset, section: bytes, weights: list[np.ndarray]) -> np.ndarray:
    x = extract(section, dataset.splits["validation"].pcm)
    model = models.build(config.model, x.shape[1:], len(dataset.labels), config.channels)
    model.set_weights(weights)
    return model.predict(network_input(x), verbose=0)


def test_run_of_a_blob_says_what_its_run_said_and_can_be_gone_on_from(data: Path) -> None:
    """Who has only the released file must begin where its training ended, or it is another model."""
    dataset, blob = load(data, progress=False), Path("tiny.kws")
    config = parse([*SMALL, f"data={data}", "name=lost"])
    run = train.train(config, dataset)
    make(run.folder, dataset, blob, untuned(dataset.labels))
    folder = read_back.read_back(blob, "found", config, dataset)
    before, after = (logits(config, dataset, run.section, load_weights(path)) for path in (run.folder, folder))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.999 and np.abs(before - after).max() < 0.1 * before.std()
    assert (folder / "frontend.bin").read_bytes() == run.section
    made_by = commands(folder)
    assert "training.train" in made_by[0] and made_by[1].startswith("python -m training.read_back tiny.kws found ")
    assert parse(shlex.split(made_by[1])[5:]) == replace(config, name=Config().name, epochs=Config().epochs)
    second = read_back.read_back(blob, "same", config, dataset)
    assert (second / "float.npz").read_bytes() == (folder / "float.npz").read_bytes(), "one seed, one result"
    assert "training.average mean" in commands(average("mean", [second, folder], dataset))[-1]

    again = parse([*SMALL, f"data={data}", "name=on", f"start={folder}", "learning_rate=0", "weight_decay=0", "epochs=1", "augment.time_mask=0", "augment.feature_mask=0"])
    more = train.train(again, dataset)
    assert np.corrcoef(before.ravel(), logits(config, dataset, run.section, load_weights(more.folder)).ravel())[0, 1] > 0.98, "batch statistics are of the network"
    assert [command.split()[2] for command in commands(more.folder)] == ["training.train", "training.read_back", "training.train"]
    check_sources(parse([f"data={data}", f"teacher={folder}"]))
    with pytest.raises(ValueError, match="found is a run already"):
        read_back.read_back(blob, "found", config, dataset)
    with pytest.raises(ValueError, match="found holds a run of another configuration"):
        train.train(replace(again, name="found"), dataset)
    with pytest.raises(ValueError, match="'blob' is training.read_back's"):
        train.train(replace(again, blob="tiny.kws"), dataset)


def moved(answers: np.ndarray) -> np.ndarray:
    """What the windows change in the logits; what is the same for all of them says little of the weights."""
    return answers - answers.mean(axis=0)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


@pytest.mark.parametrize("name", models.MODELS)
def test_every_shape_is_read_back(name: str) -> None:
    """A layer taken for another one gives a network that nobody trained."""
    keras.utils.set_random_seed(4)
    rng, channels = np.random.default_rng(4), 4 if name in ("stream_dense", "resnet") else 8
    source, copy = (models.build(name, (65, 40), 12, channels) for _ in range(2))
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, *statistics = layer.get_weights()
            layer.set_weights([rng.uniform(0.7, 1.4, gamma.shape) * rng.choice((-1, 1), gamma.shape), rng.uniform(-0.3, 0.3, beta.shape), *statistics])
            layer.momentum = 0.0
    features = (rng.integers(-60, 60, (64, 1, 40)) + rng.integers(-40, 40, (64, 65, 40))).astype(np.int8)       # each window has a sound of its own
    x = network_input(features)
    source(x, training=True)                                    # statistics of these windows: what they change does not die away
    chain = fold(source)
    calibrate(chain, x)
    section = parse(["frontend.n_dct=0"]).frontend.section()
    blob = pack(chain, section, (65, 40), {}, ["_silence_", "_unknown_", *(f"w{i}" for i in range(10))])
    info = read(blob)
    norms = read_back.put(read_back.linear_layers(info, copy), copy)
    first, before = copy.predict(x, verbose=0), source.predict(x, verbose=0)
    assert rms(moved(first) - moved(before)) < 0.1 * rms(moved(before)) and np.abs(first - before).max() < 0.2 * before.std()
    read_back.set_statistics(copy, norms, features)
    assert np.allclose(first, copy.predict(x, verbose=0), atol=1e-3 * before.std()), "statistics change nothing"
    assert all(norm.moving_variance.numpy().std() > 0 for norm, *_ in norms), "and are taken"
    assert read_back.disagreement(blob, info, copy, features) < read_back.MOST_DIFFERENT
    with pytest.raises(ValueError, match="is not|are not"):
        read_back.linear_layers(info, models.build(name, (65, 40), 12, 2 * channels))


def test_what_does_not_fit_is_named(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Weights in the wrong places would train without a word of complaint."""
    dataset, blob = load(data, progress=False), Path("tiny.kws")
    config = parse([*SMALL, f"data={data}", "name=lost", "epochs=1"])
    make(train.train(config, dataset).folder, dataset, blob, untuned(dataset.labels))
    for arguments, words in ((["keywords=yes no"], "tiny.kws listens for yes no up"), (["frontend.n_dct=0"], "tiny.kws has another front end"),
                             (["around_ms=155"], "tiny.kws takes windows of 49 frames"), (["model=stream_small"], "tiny.kws: its layers are not"),
                             (["channels=16"], "tiny.kws: its layer 0"), (["channel=8"], "did you mean"),
                             (["average=build/runs/a build/runs/b"], "of one of them, training/recipes/a.json")):
        monkeypatch.setattr(sys, "argv", ["read_back", str(blob), "found", *SMALL, f"data={data}", *arguments])
        assert read_back.main() == 1
        assert words in capsys.readouterr().err
    monkeypatch.setattr(read_back, "MOST_DIFFERENT", 0.0)
    with pytest.raises(ValueError, match="tiny.kws: model=ds_cnn with its weights says something else"):
        read_back.read_back(blob, "found", config, dataset)
    blob.write_bytes(b"no blob")
    for path in (blob, Path("nowhere.kws")):
        monkeypatch.setattr(sys, "argv", ["read_back", str(path), "found", *SMALL, f"data={data}"])
        assert read_back.main() == 1
        assert path.name in capsys.readouterr().err
    assert not Path("build/runs/found").exists()
    assert load_config(Path("build/runs/lost")).blob == ""
