"""Networks with random weights, for tests, fuzzing and benches: no training, no data, the same bytes every time."""

from collections.abc import Callable

import numpy as np

from tools.blob.frontend import FrontendConfig
from tools.blob.windows import Padding
from tools.blob.writer import BlobWriter, Quant, Tensor

KEYWORDS = ["silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
RELU_QUANT = Quant(0.25, -128)
LOGIT_QUANT = Quant(0.1, 3)
SMALL_FRONTEND = FrontendConfig(window_len=96, hop_len=64, fft_len=256, n_mels=8, n_dct=0, f_low_hz=100, f_high_hz=8000)


class _Random:
    """Adds layers with random weights to a writer."""

    def __init__(self, writer: BlobWriter, seed: int, padding: Padding = "same") -> None:
        self.writer, self.rng, self.padding = writer, np.random.default_rng(seed), padding

    def _linear(self, shape: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-2000, 2000, channels).astype(np.int32)
        # Sums of n products spread like sqrt(n): outputs then fill the int8 range.
        scales = self.rng.uniform(0.5, 1.5, channels) * 0.01 / np.sqrt(weights.size / channels)
        return weights, bias, scales

    def conv(self, x: Tensor, channels: int, kernel: tuple[int, int], out: Quant = RELU_QUANT, **options: object) -> Tensor:
        shape = (channels, *kernel, x.shape[2])
        return self.writer.conv2d(x, *self._linear(shape, channels), out, **{"padding": self.padding, "activation": "relu", **options})

    def depthwise(self, x: Tensor, kernel: tuple[int, int], multiplier: int = 1, **options: object) -> Tensor:
        channels = x.shape[2] * multiplier
        values = self._linear((*kernel, channels), channels)
        return self.writer.depthwise_conv2d(x, *values, RELU_QUANT, **{"padding": self.padding, "activation": "relu", **options})

    def dense(self, x: Tensor, classes: int, out: Quant = LOGIT_QUANT) -> Tensor:
        """out: with a small scale where the input hardly varies, as an average over many pixels."""
        return self.writer.fully_connected(x, *self._linear((classes, int(np.prod(x.shape))), classes), out)

    def constant(self, shape: tuple[int, int, int], quant: Quant) -> Tensor:
        return self.writer.constant(self.rng.integers(-128, 128, shape).astype(np.int8), quant)


def _dscnn(name: str, frames: int, hop: int, first: Padding, rest: Padding) -> bytes:
    """`frames` x 10 MFCC, 64 channels, four blocks, 12 classes. first, rest: padding of the 10x4 and of the 3x3 convolutions."""
    writer = BlobWriter(frontend=FrontendConfig().section(), labels=KEYWORDS, decision_hop_frames=hop, meta={"sample": name})
    r = _Random(writer, seed=1)
    x = r.conv(writer.input((frames, 10, 1), Quant(0.125, 0)), 64, (10, 4), stride=(2, 2), padding=first)
    for block in range(4):
        # The average over all pixels hardly varies, so that steps behind it are small.
        x = r.conv(r.depthwise(x, (3, 3), padding=rest), 64, (1, 1), Quant(0.04, -128) if block == 3 else RELU_QUANT)
    writer.softmax(r.dense(writer.avg_pool2d(x, x.shape[:2]), 12, Quant(0.02, 3)), beta=4.0)
    return writer.finish()


def dscnn() -> bytes:
    """MLPerf Tiny's DS-CNN: 49 x 10 MFCC, 2.66 M multiply-accumulates."""
    return _dscnn("dscnn", 49, 4, "same", "same")


def dscnn_causal() -> bytes:
    """Its causal twin, which streams: padded in front of time only. Scores every 40 ms, as its stride in time allows."""
    return _dscnn("dscnn_causal", 49, 2, "causal", "causal")


def dscnn_valid() -> bytes:
    """Its twin without padding in time: as many rows to pool, from a window that is longer by what the layers look back."""
    sides = ((0, 0), (1, 1))
    return _dscnn("dscnn_valid", 74, 2, sides, sides)


def every_op() -> bytes:
    """A tiny network over 4 frames of 8 bands: every op but svdf, a step program, a skip connection, odd channel counts."""
    writer = BlobWriter(frontend=SMALL_FRONTEND.section(), labels=["a", "bé", "c"], decision_hop_frames=2, meta={"sample": "every_op"})
    r = _Random(writer, seed=2, padding="causal")
    x = writer.input((4, 8, 1), Quant(0.125, 0))
    x = r.depthwise(x, (3, 3), multiplier=3)
    y = r.conv(x, 5, (3, 2), stride=(1, 2))
    z = r.depthwise(y, (3, 3), dilation=(1, 2))
    y = writer.add(y, writer.relu(r.conv(z, 5, (1, 1)), Quant(0.2, -100), activation="relu6"), Quant(0.4, -120), activation="relu")
    y = writer.sub(y, r.constant((1, 1, 5), Quant(0.05, 0)), Quant(0.2, -60))
    y = writer.prelu(y, r.constant((1, 1, 5), Quant(0.01, 0)), Quant(0.2, -60))
    y = writer.mul(y, writer.logistic(y), Quant(0.2, -90))
    y = writer.concat([writer.transpose(y, (0, 2, 1)), writer.pad(writer.transpose(y, (0, 2, 1)), ((0, 0), (0, 0), (1, 0)))], 2)
    y = writer.max_pool2d(y, (2, 2), stride=(1, 1))
    y = writer.avg_pool2d(writer.mean(y, [1], Quant(0.1, -100)), (3, 1))
    writer.softmax(r.dense(y, 3, Quant(0.05, 3)))
    return writer.finish()


def temporal() -> bytes:
    """A temporal network in TC-ResNet's manner: 1-D over 20 frames, features as channels, log-mel front end."""
    frontend = FrontendConfig(n_mels=40, n_dct=0)
    writer = BlobWriter(frontend=frontend.section(), labels=KEYWORDS, decision_hop_frames=1, meta={"sample": "temporal"})
    r = _Random(writer, seed=3)
    x = r.conv(writer.input((20, 1, 40), Quant(0.125, 0)), 16, (3, 1))
    for channels in (24, 32):
        skip = r.conv(x, channels, (1, 1), stride=(2, 1))
        x = r.conv(r.conv(x, channels, (9, 1), stride=(2, 1)), channels, (9, 1))
        x = writer.add(x, skip, RELU_QUANT, activation="relu")
    writer.softmax(r.dense(writer.avg_pool2d(x, x.shape[:2]), 12))
    return writer.finish()


def broadcast() -> bytes:
    """A causal network in BC-ResNet's manner, which streams: means over the features that all features get, rows left out."""
    writer = BlobWriter(frontend=SMALL_FRONTEND.section(), labels=["a", "b", "c"], decision_hop_frames=4, meta={"sample": "broadcast"})
    r = _Random(writer, seed=6, padding="causal")
    x = r.conv(writer.input((24, 8, 1), Quant(0.125, 0)), 12, (3, 5), stride=(1, 2))
    for dilation in (1, 2, 4):
        y = writer.add(x, r.depthwise(r.depthwise(x, (1, 3)), (3, 3), dilation=(dilation, 1)), Quant(0.2, -40))
        z = r.conv(r.depthwise(writer.mean(y, [1], Quant(0.07, -90)), (3, 1), dilation=(dilation, 1)), 12, (1, 1))
        x = writer.add(y, z, RELU_QUANT, activation="relu")
    x = r.depthwise(x, (1, x.shape[1]), padding="valid")
    x = writer.slice(x, (17, 0, 0), (7, 1, 12))
    writer.softmax(r.dense(writer.avg_pool2d(x, x.shape[:2]), 3))
    return writer.finish()


def stateful() -> bytes:
    """A network that keeps its past in variables, two new frames at each run, and in an svdf layer."""
    writer = BlobWriter(frontend=SMALL_FRONTEND.section(), labels=["a", "b", "c"], decision_hop_frames=2, meta={"sample": "stateful"})
    r = _Random(writer, seed=4, padding="valid")
    x = writer.input((2, 8, 1), Quant(0.125, 0))
    for channels, frames in ((6, 4), (5, 2)):
        past = writer.variable((frames, *x.shape[1:]), x.quant)
        seen = writer.concat([writer.read(past), x], 0)
        writer.assign(past, writer.slice(seen, (seen.shape[0] - frames, 0, 0), past.shape))
        x = r.conv(seen, channels, (frames + 1, 3), padding=((0, 0), (1, 1)))
    count = writer.variable((1, 1, 1), Quant(0.1, 0), np.full((1, 1, 1), 5, np.int8))
    writer.assign(count, writer.sub(writer.read(count), writer.constant(np.full((1, 1, 1), 1, np.int8), Quant(0.1, 0)), Quant(0.1, 0)))
    x = writer.add(x, writer.read(count), RELU_QUANT)
    feature, time = r.rng.integers(-127, 128, (16, x.bytes)).astype(np.int8), r.rng.integers(-3000, 3000, (16, 10)).astype(np.int16)
    y = writer.svdf(x, feature, time, np.zeros(8, np.int32), RELU_QUANT, rank=2, feature_scale=0.0005, time_scale=3e-4, state_scale=2e-3)
    writer.softmax(r.dense(y, 3))
    return writer.finish()


def tiny_stream() -> bytes:
    """A tiny network whose layers all stream: causal and valid windows, a skip connection, an average over time."""
    frontend = FrontendConfig(window_len=96, hop_len=64, fft_len=256, n_mels=8, n_dct=6, f_low_hz=100, f_high_hz=8000)
    writer = BlobWriter(frontend=frontend.section(), labels=["a", "b", "c"], decision_hop_frames=2, meta={"sample": "tiny_stream"})
    r = _Random(writer, seed=4)
    x = r.conv(writer.input((13, 6, 1), Quant(0.125, 0)), 5, (3, 2), padding="causal", stride=(2, 2))
    x = r.depthwise(x, (3, 3), padding="causal")
    x = writer.add(x, writer.tanh(r.conv(x, 5, (1, 1)), RELU_QUANT), RELU_QUANT, activation="relu")
    x = writer.max_pool2d(x, (2, 1), stride=(1, 1))
    writer.softmax(r.dense(writer.avg_pool2d(x, (x.shape[0], 2), stride=(1, 1)), 3))
    return writer.finish()


def tiny_sequence() -> bytes:
    """A tiny network that remembers: an svdf and a variable; and the ops that the others do not have."""
    frontend = FrontendConfig(window_len=96, hop_len=64, fft_len=256, n_mels=8, n_dct=6, f_low_hz=100, f_high_hz=8000)
    writer = BlobWriter(frontend=frontend.section(), decision_hop_frames=2, meta={"sample": "tiny_sequence"})
    rng, quant = np.random.default_rng(5), Quant(0.125, 0)

    def constant(*shape: int) -> Tensor:
        return writer.constant(rng.integers(-128, 128, shape).astype(np.int8), quant)

    x = writer.input((2, 3, 2), quant)
    last = writer.variable((2, 3, 2), quant, rng.integers(-128, 128, (2, 3, 2)).astype(np.int8))
    y = writer.sub(x, writer.read(last), quant)
    writer.assign(last, x)
    y = writer.prelu(y, constant(1, 1, 2), quant)
    y = writer.mul(writer.transpose(y, (2, 0, 1)), constant(2, 2, 3), quant)
    y = writer.pad(writer.slice(y, (1, 1, 2), (2, 2, 2), (-1, -1, -2)), ((1, 0), (0, 1), (1, 1)), 7)
    y = writer.concat([y, writer.fill((3, 3, 1), 3, quant)], axis=2)
    z = writer.svdf(
        x, rng.integers(-127, 128, (6, 12)).astype(np.int8), rng.integers(-2000, 2000, (6, 4)).astype(np.int16),
        rng.integers(-900, 900, 3).astype(np.int32), quant, rank=2, feature_scale=0.01, time_scale=0.0001, state_scale=0.002,
    )  # fmt: skip
    writer.concat([writer.mean(y, (0, 2), quant), writer.reshape(z, (1, 3, 1))], axis=2)
    return writer.finish()


SAMPLES: dict[str, Callable[[], bytes]] = {
    make.__name__: make for make in (dscnn, dscnn_causal, dscnn_valid, every_op, temporal, broadcast, stateful, tiny_stream, tiny_sequence)
}  # fmt: skip
