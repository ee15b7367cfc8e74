"""The writer, the planner and the command line."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tools.blob import BlobWriter, FrontendConfig, Quant, quantise
from tools.blob.arena import pack_buffers
from tools.blob.program import Buffer
from tools.blob.reader import read
from tools.blob.samples import SAMPLES, dscnn_causal, every_op
from tools.blob.streaming import layers_table
from tools.kwslib import Model


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=20))
def test_plan_keeps_what_lives_together_apart(spec: list[tuple[int, int, int]]) -> None:
    """Two activations at one place overwrite each other, and the scores are noise."""
    buffers = [Buffer(size, first=first, last=first + length) for size, first, length in spec]
    total = pack_buffers(buffers)
    for i, a in enumerate(buffers):
        assert a.offset % 16 == 0 and 0 <= a.offset and a.offset + a.size <= total
        for b in buffers[:i]:
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            assert apart or a.last < b.first or b.last < a.first
    assert total <= sum(-(-b.size // 16) * 16 for b in buffers)


@given(st.floats(1e-9, 1e8))
def test_multiplier(real: float) -> None:
    """The fixed-point multiplier stands for the real one to 31 bits."""
    mult, shift = quantise.multiplier(real)
    if mult:
        assert 1 << 30 <= mult < 1 << 31 and -31 <= shift <= 30
        assert mult * 2.0 ** (shift - 31) == pytest.approx(real, rel=2**-30)


def _writer() -> tuple[BlobWriter, object]:
    writer = BlobWriter()
    return writer, writer.input((4, 4, 2), Quant(0.1, 0))


def test_writer_refuses_what_the_core_cannot_run() -> None:
    """A mistake in a model is told when it is packed, with the layer's name, and not on the device."""
    weights, bias, one, q = np.ones((3, 2, 2, 2), np.int8), np.zeros(3, np.int32), np.ones(1), Quant(1, 0)
    writer, x = _writer()
    other = BlobWriter().input((4, 4, 2), q)
    wrong = {
        r"layer 0 \(conv2d\): .*channels": lambda: writer.conv2d(x, np.ones((3, 2, 2, 5), np.int8), bias, one, q),
        "may not fit": lambda: writer.conv2d(x, weights, bias + (1 << 30), one, q),
        "must be int8": lambda: writer.conv2d(x, weights.astype(np.int16), bias, one, q),
        r"bias \[2\]": lambda: writer.conv2d(x, weights, bias[:2], one, q),
        "weight scales": lambda: writer.conv2d(x, weights, bias, np.ones(2), q),
        '"same", "valid" and "causal"': lambda: writer.conv2d(x, weights, bias, one, q, padding="full"),
        r"activation .*'gelu'": lambda: writer.conv2d(x, weights, bias, one, q, activation="gelu"),
        "stride": lambda: writer.conv2d(x, weights, bias, one, q, stride=(0, 1)),
        "filters": lambda: writer.depthwise_conv2d(x, np.ones((2, 2, 3), np.int8), bias, one, q),
        r"layer 0 \(max_pool2d\): .*fit into": lambda: writer.max_pool2d(x, (5, 5)),
        "values on an input": lambda: writer.fully_connected(x, np.ones((3, 5), np.int8), bias, one, q),
        "another network": lambda: writer.softmax(other),
        r"\(reshape\)": lambda: writer.reshape(x, (1, 1, 31)),
        "quantisation": lambda: writer.relu(x, Quant(0.0, 0)),
        "do not go together": lambda: writer.add(x, writer.constant(np.ones((4, 3, 2), np.int8), q), q),
        "scale of the output is too small": lambda: writer.add(x, x, Quant(1e-9, 0)),
        "alpha": lambda: writer.prelu(writer.constant(np.ones((1, 1, 2), np.int8), q), x, q),
        "axes": lambda: writer.mean(x, [3], q),
        "table": lambda: writer.lut(x, np.zeros(255, np.int8), q),
        "1/256": lambda: writer.logistic(x, Quant(0.5, 0)),
        "requantise first": lambda: writer.concat([x, writer.requantise(x, Quant(0.3, 0))], 2),
        "along axis": lambda: writer.concat([x, writer.slice(x, (0, 0, 0), (4, 3, 2))], 2),
        "leave": lambda: writer.slice(x, (0, 0, 0), (5, 4, 2)),
        "pads": lambda: writer.pad(x, ((0, 0), (-1, 0), (0, 0))),
        "permutation": lambda: writer.transpose(x, (0, 1, 1)),
        "no int8": lambda: writer.fill((1, 1, 1), 200, q),
        "each 1..65535": lambda: writer.fill((1, 1, 70_000), 0, q),
        "initial values": lambda: writer.variable((1, 2, 3), q, np.zeros((1, 2, 2), np.int8)),
        "to a variable": lambda: writer.assign(writer.variable((1, 2, 3), q), x),
        "feature": lambda: writer.svdf(x, np.ones((4, 31), np.int8), np.ones((4, 3), np.int16), bias, q, rank=2, feature_scale=1, time_scale=1, state_scale=1),
    }  # fmt: skip
    for text, add in wrong.items():
        with pytest.raises(ValueError, match=text):
            add()
    with pytest.raises(ValueError, match="labels"):
        bad = BlobWriter(labels=["a", "b"])
        bad.input((1, 1, 3), Quant(1, 0))
        bad.finish()
    with pytest.raises(ValueError, match="decision_hop"):
        BlobWriter(decision_hop_frames=2)
    with pytest.raises(ValueError, match="constant"):
        bad = BlobWriter()
        bad.input((1, 1, 3), q)
        bad.finish(bad.constant(np.ones((1, 1, 1), np.int8), q))


def test_skip_connection_survives() -> None:
    """The first operand of a late add must still be there: the planner may not reuse its place in between."""
    rng = np.random.default_rng(5)
    writer = BlobWriter()
    x = writer.input((6, 6, 4), Quant(0.1, 0))
    identity = np.zeros((4, 1, 1, 4), np.int8)
    identity[range(4), 0, 0, range(4)] = 100
    same = {"bias": np.zeros(4, np.int32), "weight_scales": np.array([0.01]), "out": Quant(0.1, 0)}
    first = writer.conv2d(x, identity, **same)
    y = first
    for _ in range(5):
        y = writer.relu(writer.conv2d(y, identity, **same), Quant(0.1, 0), activation="none")
    writer.add(first, y, Quant(0.2, 0))
    features = rng.integers(-128, 128, (6, 6, 4)).astype(np.int8)
    assert np.array_equal(Model(writer.finish()).run(features), features.reshape(-1))


def _tool(repo_root: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "tools.blob", *args], check=False, cwd=repo_root, capture_output=True, text=True)


def test_show(repo_root: Path, tmp_path: Path) -> None:
    """`python -m tools.blob show` is how a developer sees what a file holds."""
    path = tmp_path / "model.kws"
    path.write_bytes(every_op())
    done = _tool(repo_root, "show", "--width", "180", str(path))
    assert done.returncode == 0, done.stderr
    for text in ("depthwise_conv_2d", "softmax", "Labels: a, bé, c", '"sample": "every_op"', "8 log-mel bands", "CRC 0x", "2 frames, over 4 frames",
                 "Step program", "avg_pool_step", "States of the step program"):  # fmt: skip
        assert text in done.stdout, text


@pytest.mark.parametrize("width", [[], ["--width", "80"]])
def test_show_cuts_nothing(repo_root: Path, tmp_path: Path, width: list[str]) -> None:
    """A number that is cut is worse than none, in a pipe as in the usual terminal."""
    for make in (every_op, SAMPLES["dscnn"]):
        path = tmp_path / "model.kws"
        path.write_bytes(make())
        lines = _tool(repo_root, "show", *width, str(path)).stdout.splitlines()
        assert "…" not in "".join(lines)
        row = next(line for line in lines if "depthwise_conv_2d 3x3" in line)
        assert len(row) <= 80 and row.split()[-2:] == (["864", "72"] if make is every_op else ["72,000", "1,536"])


def test_show_prints_the_normalisation(repo_root: Path, tmp_path: Path) -> None:
    """Who trains a model for a front end must know what its features are divided by."""
    quant, mean, std = Quant(0.05, 7), [3.0, -1.5, 0.25, 10.0], [2.0, 0.5, 1.0, 4.0]
    config = FrontendConfig(n_mels=4, n_dct=0, fft_len=256, window_len=256, hop_len=160)
    writer = BlobWriter(frontend=config.section(mean, std, quant.scale, quant.zero_point), decision_hop_frames=2)
    writer.max_pool2d(writer.input((2, 4, 1), quant), (2, 1))
    path = tmp_path / "model.kws"
    path.write_bytes(writer.finish())
    found = dict(line.strip().split("  ", 1) for line in _tool(repo_root, "show", str(path)).stdout.splitlines() if line.startswith("  feature "))
    assert [float(v) for v in found["feature mean"].split()] == pytest.approx(mean, rel=1e-3)
    assert [float(v) for v in found["feature std"].split()] == pytest.approx(std, rel=1e-3)


def test_show_of_an_old_blob_says_what_to_do(repo_root: Path, tmp_path: Path) -> None:
    """A model of an older release cannot be read; the way out is to make it again."""
    path = tmp_path / "old.kws"
    path.write_bytes(every_op()[:4] + b"\1\0\0\0" + every_op()[8:])
    done = _tool(repo_root, "show", str(path))
    assert done.returncode == 1 and "version 1" in done.stderr and "import or export the model again" in done.stderr


def test_show_tells_what_streams(repo_root: Path, tmp_path: Path) -> None:
    """Whether a model streams, and what that costs, decides which board it fits."""
    path = tmp_path / "model.kws"
    path.write_bytes(dscnn_causal())
    done = _tool(repo_root, "show", "--width", "180", str(path))
    assert "a step for each 2 frames runs 107,008 of the window's 2,656,768 MACs and keeps 7,424 bytes" in done.stdout


def test_show_tells_why_a_model_does_not_stream(repo_root: Path, tmp_path: Path) -> None:
    """The designer of a network must find the layer to change."""
    path = tmp_path / "model.kws"
    path.write_bytes(SAMPLES["dscnn"]())
    assert "op 0, conv_2d: padded at the end of time: needs 5 future rows (use padding 'valid' or causal)" in _tool(repo_root, "show", "--width", "180", str(path)).stdout


def test_layers_table() -> None:
    """What the importer prints of each layer."""

    def table(stream: str) -> list[list[str]]:
        writer = BlobWriter(frontend=FrontendConfig(n_mels=4, n_dct=0, fft_len=256, window_len=256, hop_len=160).section(), decision_hop_frames=2)
        x = writer.input((9, 4, 1), Quant(0.1, 0))
        x = writer.softmax(writer.max_pool2d(x, (2, 1), stride=(1, 1)))
        writer.mean(x, [0], Quant(0.1, 0))
        writer.finish(stream=stream)
        text = io.StringIO()
        Console(width=140, file=text).print(layers_table(writer.network, writer.report, stream == "auto"))
        return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.getvalue().splitlines() if line.startswith("│")]

    assert table("auto") == [
        ["0", "max_pool2d", "8x4x1", "", "", "2 of 8 rows", "4 bytes", ""],
        ["1", "softmax", "8x4x1", "", "", "2 of 8 rows", "", ""],
        ["2", "mean", "1x4x1", "", "", "no", "24 bytes", "a mean over time (nothing to do: it is cheap)"],
        ["", "total", "", "0", "0", "", "", ""],
    ]
    assert [row[1:] for row in table("off")] == [
        ["max_pool2d", "8x4x1", "", ""], ["softmax", "8x4x1", "", ""], ["mean", "1x4x1", "", ""], ["total", "", "0", "0"]
    ]  # fmt: skip


def test_the_table_counts_as_the_blob_does() -> None:
    """Two counts of the same network, by the writer and by the reader."""
    writer = BlobWriter()
    q, bias, scale = Quant(0.1, 0), np.zeros(10, np.int32), np.array([0.01])
    x = writer.conv2d(writer.input((9, 4, 1), q), np.ones((5, 3, 2, 1), np.int8), bias[:5], scale, q)
    x = writer.depthwise_conv2d(x, np.ones((3, 3, 10), np.int8), bias, scale, q)
    x = writer.fully_connected(x, np.ones((4, x.bytes), np.int8), bias[:4], scale, q)
    writer.svdf(x, np.ones((6, 4), np.int8), np.ones((6, 7), np.int16), bias[:3], q, rank=2, feature_scale=0.01, time_scale=0.01, state_scale=0.01)
    blob = read(writer.finish())
    layers = [layer for layer in writer.network.layers if layer.macs]
    assert [(layer.macs, layer.weight_bytes) for layer in layers] == [(op.macs, op.weight_bytes) for op in blob.ops]


def test_show_damaged(repo_root: Path, tmp_path: Path) -> None:
    """A damaged file ends with an error and says which checksum was expected."""
    path = tmp_path / "bad.kws"
    path.write_bytes(every_op()[:-1] + b"?")
    done = _tool(repo_root, "show", str(path))
    assert done.returncode == 1 and "CRC at byte 8: stored 0x" in done.stderr
    done = _tool(repo_root, "show", str(tmp_path / "none.kws"))
    assert done.returncode == 1 and "none.kws" in done.stderr
