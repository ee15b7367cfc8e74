"""Every model: from Keras to the C core's bytes, and what the causal family promises of streams and sizes."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.blob import FrontendConfig
from tools.kwslib import Model, Stream
from training import models, train
from training.calibrate import calibrate
from training.config import Config, mfcc, parse
from training.data import load_for
from training.evaluate import evaluate, run_network, split_for
from training.export import collect, make, pack, untuned
from training.features import OUT_SCALE, network_input
from training.fine_tune import network
from training.fold import fold
from training.folders import labels_of
from training.quantise import Layer, run
from training.zoo_checks import sample_answer

LABELS = labels_of()
FRAMES = 49
HOP = 4                                 # frames from one row of scores to the next
CAUSAL = ("stream_small", "stream_medium", "stream_dense")
HOP_SAMPLES = 320
META = {"fill": "x" * 600}              # as much as a released model carries
MEL = FrontendConfig(sample_rate_hz=16000, window_len=480, hop_len=320, fft_len=512, n_mels=40, n_dct=0, f_low_hz=20, f_high_hz=7600)


@pytest.fixture(scope="module")
def instructions(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], int]:
    """Of a blob's stream for 20 ms on a Cortex-M7, front end included."""
    pytest.importorskip("unicorn")
    from tools.bench.m7run import M7Bench, compile_core, measure_hop
    bench = M7Bench(compile_core(tmp_path_factory.mktemp("m7") / "core.elf"))

    def count(blob: bytes) -> int:
        bench.open(blob)
        return measure_hop(bench, HOP_SAMPLES)[0]
    return count


def section(config: FrontendConfig) -> bytes:
    width = config.n_dct or config.n_mels
    return config.section(np.zeros(width), np.ones(width), OUT_SCALE)


def trained_like(name: str, seed: int, width: int = 10, channels: int = 0):
    """A model whose weights and batch statistics are drawn so that values neither vanish nor explode."""
    model = models.build(name, (FRAMES, width), len(LABELS), channels)
    rng = np.random.default_rng(seed)

    def draw(w: np.ndarray) -> np.ndarray:
        if w.ndim == 1:
            return rng.uniform(0.5, 1.5, w.shape)
        products = w.size / (w.shape[-1] if w.shape[-1] > 1 else w.shape[2])        # a depthwise kernel is [h, w, c, 1]
        return rng.normal(0, np.sqrt(2 / products), w.shape)

    model.set_weights([draw(w) for w in model.get_weights()])
    return model


def features(seed: int, n: int, frames: int = FRAMES, width: int = 10) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 32, (n, frames, width)), -128, 127).astype(np.int8)


def layers_of(name: str, seed: int, width: int = 10, channels: int = 8) -> list[Layer]:
    chain = fold(trained_like(name, seed, width, channels))
    calibrate(chain, network_input(features(seed + 100, 40, width=width)))
    return chain


@pytest.mark.parametrize("name", models.MODELS)
def test_folding_changes_nothing_but_rounding_of_floats(name: str) -> None:
    """Batch norm, a skip or padding folded wrongly gives a blob that has little to do with the trained model."""
    model, x = trained_like(name, 1, channels=8), network_input(features(2, 10))
    folded = network(fold(model), x.shape[1:], rounding=False).predict(x, verbose=0)[-1]
    exact = model.predict(x, verbose=0)
    assert np.abs(folded - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("name", models.MODELS)
def test_model_is_the_same_in_keras_numpy_and_the_core(name: str) -> None:
    """What training measures and adapts to would not be what the device computes.

    numpy and the core are equal. Keras sums floats: once in ten thousand sums or so, one that lies next to the middle of
    two steps is rounded to the other; random layers carry that on and make it larger. Nine logits of ten are equal here.
    """
    width = 13
    chain, x = layers_of(name, 4, width, channels=10), features(14, 40, width=width)
    frontend = FrontendConfig(n_mels=40, n_dct=width)
    logits = run(chain, x[..., None], OUT_SCALE)
    assert len(np.unique(logits)) > 30
    assert np.array_equal(run_network(pack(chain, section(frontend), (FRAMES, width), {}, LABELS, softmax=False), x), logits)
    simulated = network(chain, (*x.shape[1:], 1), rounding=True).predict(network_input(x), verbose=0)
    steps = np.abs(simulated / chain[-1].out_scale + chain[-1].out_zero - logits)
    assert np.mean(steps > 0.1) < 0.1 and np.mean(steps > 1.1) < 0.02


@pytest.mark.parametrize("name", CAUSAL)
def test_stream_of_a_causal_model_is_its_windows(name: str) -> None:
    """A stream on the device would score other than what the test split was scored with."""
    chain = layers_of(name, 7)
    writer = collect(chain, section(mfcc()), (FRAMES, 10), {}, LABELS)
    blob = writer.finish()
    assert not writer.no_step_program
    whole = [line for line in writer.report if not line.streams]
    assert all(line.of == 1 for line in whole), f"computed anew at each step: {[str(line) for line in whole]}"
    assert not any(line.pads_front for line in writer.report)
    recording = features(8, 1, frames=FRAMES + 30 * HOP)[0]
    windows = np.stack([recording[at:at + FRAMES] for at in range(0, len(recording) - FRAMES + 1, HOP)])
    stream = Stream(blob)
    assert stream.mode == "step"
    rows = stream.feed_features(recording)
    assert len(np.unique(rows, axis=0)) > 10
    assert np.array_equal(rows, Model(blob).run(windows))


@pytest.mark.parametrize(("name", "most_bytes", "most_instructions"), [("stream_small", 20_000, 250_000), ("stream_medium", 80_000, None), ("stream_dense", 80_000, None)])
def test_causal_models_keep_their_budgets(name: str, most_bytes: int, most_instructions: int | None,
                                          instructions: Callable[[bytes], int]) -> None:
    """A model that was chosen for its size would not fit the flash or the time that it was chosen for."""
    chain = layers_of(name, 9, MEL.n_mels, channels=Config().channels)
    blob = pack(chain, section(MEL), (FRAMES, MEL.n_mels), META, LABELS)
    assert len(blob) <= most_bytes
    assert most_instructions is None or instructions(blob) <= most_instructions


def test_window_too_short_for_a_causal_model_is_an_error() -> None:
    """The average would be over no rows, or over rows that padding has reached."""
    with pytest.raises(ValueError, match="stream_dense looks at 37 frames, the window has 30"):
        models.build("stream_dense", (30, 10), 12)
    assert models.build("stream_dense", (37, 10), 12).output.shape == (None, 12)


def test_causal_model_goes_from_recordings_to_a_blob(split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A model that trains but cannot be exported is found out after a night."""
    monkeypatch.chdir(tmp_path)
    data = split_folders(train=3, validation=1, test=1)
    config = parse(["model=stream_small", "channels=8", "epochs=1", "epoch_size=120", "batch=40", "quantise_loss=-100",
                    "quantise_epochs=1", f"data={data}", "name=small", "around_ms=100"])
    dataset = load_for(config)
    run_folder = train.train(config, dataset).folder
    made = make(run_folder, dataset, tmp_path / "small.kws", untuned(dataset.labels))
    assert made["model"] == "stream_small" and made["quantisation"]["validation_int8_percent"] >= 0
    blob = (tmp_path / "small.kws").read_bytes()
    assert Stream(blob).mode == "step"
    split = split_for(blob, data, progress=False)
    assert split.pcm.shape[1] == config.window_samples and evaluate(blob, split)[0]["accuracy_percent"] == made["test"]["accuracy_int8_percent"]
    sample = sample_answer(blob, data)
    assert sample["clips"] == len(split) - len(split.of("_silence_")), "silence of its own is not among the files"


def test_unknown_model_is_named() -> None:
    """A typing mistake would end in a stack of Keras' own."""
    with pytest.raises(ValueError, match="unknown model 'rnn'; known are ds_cnn, .*tc_resnet8"):
        models.build("rnn", (49, 10), 12)
