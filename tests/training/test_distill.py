"""Teachers: what they say reaches the student, and windows that come again are the same ones."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training import distill, train
from training.augment import overlay
from training.config import parse, to_json
from training.data import load, load_for
from training.features import UNNAMED, Prefetch, Sampler, extract
from training.run_folder import commands

TINY = ["epochs=1", "epoch_size=120", "batch=40", "channels=8", "warmup_epochs=0.5", "augment.sliding=0", "augment.speed=0"]


@pytest.fixture
def data(split_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return split_folders(train=3, validation=1, test=1)


def test_loss_is_labels_and_teachers_in_their_shares() -> None:
    """A temperature or share that is applied to the wrong half would train towards something else, silently; so would a
    teacher that is wrong."""
    rng = np.random.default_rng(1)
    logits, teachers = rng.normal(size=(2, 5, 4)).astype(np.float32)
    hard = np.eye(4, dtype=np.float32)[[*teachers.argmax(1)[:3], 3, 3]]
    right = hard.argmax(1) == teachers.argmax(1)
    assert right[:3].all() and not right[3:].all()
    loss = distill.DistillationLoss(0.7, 2.0, 0.0)
    soft = -(np.exp(distill.log_softmax(teachers / 2)) * distill.log_softmax(logits / 2)).sum(1)
    label = -(hard * distill.log_softmax(logits)).sum(1)
    y = np.concatenate([hard, teachers], axis=1)
    assert np.allclose(float(loss(y, logits)), np.mean(np.where(right, 0.3 * label + 0.7 * 4 * soft, label)), atol=1e-5)
    assert np.array_equal(np.asarray(distill.label_accuracy(y, logits)), logits.argmax(1) == hard.argmax(1))
    y[:2, :4] = 0                       # no label
    part = np.where(right, 0.3 * label + 0.7 * 4 * soft, label)
    assert np.allclose(float(loss(y, logits)), np.mean([*(4 * soft[:2]), *part[2:]]), atol=1e-5)
    assert not np.asarray(distill.label_accuracy(y, logits))[:2].any()


def test_windows_lie_over_each_other_without_a_label(data: Path) -> None:
    """Two words at once, taught as one of them, or all of them in the first batches, would unlearn what the others teach."""
    dataset = load(data, progress=False)
    config = parse([*TINY, f"data={data}"])
    alone = train.prepare(config, dataset, Path("build/runs/dscnn"))
    over = replace(alone, overlaid=0.25)
    (x, labels), (own, own_labels) = over.epoch(0), alone.epoch(0)
    marked = labels == UNNAMED
    assert marked.sum() == 30 and marked[:60].sum() == 15
    assert np.array_equal(labels[~marked], own_labels[~marked]) and np.array_equal(x[~marked], own[~marked])
    assert np.mean([not np.array_equal(a, b) for a, b in zip(x[marked], own[marked], strict=True)]) > 0.9
    assert not distill.targets(labels, 12, None)[marked].any() and (distill.targets(labels, 12, None)[~marked].sum(1) == 1).all()
    with pytest.raises(ValueError, match="'overlaid' needs a 'teacher'"):
        parse(["overlaid=0.2"])
    with pytest.raises(ValueError, match="'overlaid' must be below 1"):
        parse(["overlaid=1.0", "teacher=a"])


def test_overlaid_windows_hold_both_and_do_not_clip() -> None:
    """A second window that cannot be heard, or drowns the first, teaches nothing about two."""
    rng = np.random.default_rng(3)
    t = np.arange(16000)
    first, second = (np.round(a * np.sin(2 * np.pi * f * t / 16000)).astype(np.int16) for a, f in ((32000, 400), (4000, 1500)))
    for _ in range(20):
        both = overlay(rng, first, second)
        spectrum = np.abs(np.fft.rfft(both))[[400, 1500]]
        assert both.dtype == np.int16 and 0.2 < spectrum[0] / spectrum[1] < 5
    assert not overlay(rng, np.zeros(100, np.int16), np.zeros(100, np.int16)).any()
    for silent in ((np.zeros(16000, np.int16), first), (first, np.zeros(16000, np.int16))):
        assert 8000 < np.abs(overlay(rng, *silent)).max() <= 32000, "a word over silence stays a word"


def test_student_hears_its_teacher(data: Path, capsys: pytest.CaptureFixture) -> None:
    """A teacher that is not listened to costs its time and gives nothing; another order of classes teaches nonsense."""
    dataset = load(data, progress=False)
    teacher = train.train(parse([*TINY, "epochs=6", "learning_rate=0.01", "weight_average=0.8", f"data={data}", "name=teacher", "frontend.n_dct=0"]), dataset)
    config = parse([*TINY, f"data={data}", "name=student", f"teacher={teacher.folder}", "distill=1", "cycle=1", "silence=0.2"])
    student = train.train(config, dataset)
    assert "name=teacher" in commands(student.folder)[0] and "teacher=" in commands(student.folder)[1]

    teachers = distill.Teachers([teacher.folder], dataset.labels)
    sampler = Sampler(train.windows_for(config, dataset), student.section, config.seed, 60, 0.2, config.unknown)
    x, _, heard = sampler.epoch(0, teachers.frontends[0])
    assert x.shape[2] == 10 and heard.shape[2] == 40
    own = teachers.models[0].predict(train.network_input(heard), verbose=0)
    said = teachers.logits([heard], sampler.shares())
    change = np.log(sampler.shares()) - np.log(distill.class_shares(dataset.labels, 0.08, 0.2))
    assert np.allclose(np.ptp(said - own - change, axis=1), 0, atol=1e-4)

    few = distill.Teachers([teacher.folder], ("_silence_", "_unknown_", "yes", "_no"))
    p, q = (np.exp(distill.log_softmax(x)) for x in (own, few.logits([heard], few.shares[0])))
    assert np.allclose(q[:, [0, 2, 3]], p[:, [dataset.labels.index(name) for name in ("_silence_", "yes", "no")]], atol=1e-4)
    assert np.isclose(few.shares[0].sum(), 1) and few.shares[0][1] > 0.5, "what the student has no name for is unknown to it"


def test_teacher_of_one_second_hears_the_middle_of_longer_windows(data: Path) -> None:
    """It would be asked about words that it has seen elsewhere in training, or about the edge of one."""
    teacher = train.train(parse([*TINY, f"data={data}", "name=teacher"]), load(data, progress=False))
    longer = parse([*TINY, f"data={data}", f"teacher={teacher.folder}", "around_ms=160"])
    dataset = load_for(longer)
    assert longer.window_samples == 20960, "whole frames"
    sampler = Sampler(train.windows_for(longer, dataset), teacher.section, longer.seed, 60, 0.2, longer.unknown)
    x, _, heard = sampler.epoch(0, *distill.teachers_of(longer, dataset.labels).frontends)
    windows = [sampler.pcm(0, i, int(label), int(clip)) for i, (label, clip) in enumerate(zip(*sampler.plan(0), strict=True))]
    assert x.shape[1] == 65 and np.array_equal(heard, extract(teacher.section, [pcm[2480:-2480] for pcm in windows]))
    (teacher.folder / "config.json").write_text(json.dumps(to_json(replace(longer, teacher="", channels=9))))
    with pytest.raises(ValueError, match="runs/teacher holds another network than ds_cnn"):
        distill.teachers_of(longer, dataset.labels)


def test_cycle_brings_the_same_windows_again(data: Path) -> None:
    """Kept windows of another configuration, or half a file after a kill, would be trained on unnoticed."""
    dataset = load(data, progress=False)
    config = parse([*TINY, f"data={data}", "cycle=2"])
    sampler = train.prepare(config, dataset, Path("build/runs/dscnn"))
    taught = distill.TaughtEpochs(sampler, config, None)
    first, kept = taught.epoch(0), sorted(Path("build/epochs").rglob("*.npz"))
    assert np.array_equal(first[0], sampler.epoch(0)[0]) and len(kept) == 1
    again, order = taught.epoch(2), np.random.default_rng((config.seed, 2, 2)).permutation(120)
    assert all(np.array_equal(a, b[order]) for a, b in zip(again[:2], first[:2], strict=True)) and again[2] is None
    assert not np.array_equal(taught.epoch(1)[0], first[0])
    kept[0].unlink()                    # build/epochs may be deleted at any time
    assert all(np.array_equal(a, b) for a, b in zip(taught.epoch(2)[:2], again[:2], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(taught.epoch(0)[:2], first[:2], strict=True)), "made or kept, an epoch is the same"
    louder = parse([*TINY, f"data={data}", "cycle=2", "augment.gain_high_db=9"])
    assert distill.TaughtEpochs(train.prepare(louder, dataset, Path("build/runs/louder")), louder, None).folder != taught.folder
    assert np.array_equal(Prefetch(taught, 3).take(2)[0], again[0])
