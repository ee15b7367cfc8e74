"""Networks with random weights, for tests, fuzzing and benches: no training, no data, the same bytes every time."""

from collections.abc import Callable

import numpy as np

from tools.blob.frontend import FrontendConfig
from tools.blob.writer import BlobWriter, Quant, Tensor

KEYWORDS = ["silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
RELU_QUANT = Quant(0.25, -128)
LOGIT_QUANT = Quant(0.1, 3)


class _Random:
    """Adds layers with random weights to a writer."""

    def __init__(self, writer: BlobWriter, seed: int) -> None:
        self.writer, self.rng = writer, np.random.default_rng(seed)

    def _linear(self, shape: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-2000, 2000, channels).astype(np.int32)
        # Sums of n products spread like sqrt(n): outputs then fill the int8 range.
        scales = self.rng.uniform(0.5, 1.5, channels) * 0.01 / np.sqrt(weights.size / channels)
        return weights, bias, scales

    def conv(self, x: Tensor, channels: int, kernel: tuple[int, int], **options: object) -> Tensor:
        shape = (channels, *kernel, x.shape[2])
        return self.writer.conv2d(x, *self._linear(shape, channels), RELU_QUANT, padding="same", activation="relu", **options)

    def depthwise(self, x: Tensor, kernel: tuple[int, int], multiplier: int = 1, **options: object) -> Tensor:
        channels = x.shape[2] * multiplier
        return self.writer.depthwise_conv2d(x, *self._linear((*kernel, channels), channels), RELU_QUANT, padding="same", activation="relu", **options)

    def dense(self, x: Tensor, classes: int, out: Quant = LOGIT_QUANT) -> Tensor:
        return self.writer.fully_connected(x, *self._linear((classes, int(np.prod(x.shape))), classes), out)


def dscnn() -> bytes:
    """MLPerf Tiny's DS-CNN: 49 x 10 MFCC, 64 channels, 12 classes, 2.66 M multiply-accumulates."""
    writer = BlobWriter(frontend=FrontendConfig().section(), labels=KEYWORDS, decision_hop_frames=4, meta={"sample": "dscnn"})
    r = _Random(writer, seed=1)
    x = r.conv(writer.input((49, 10, 1), Quant(0.125, 0)), 64, (10, 4), stride=(2, 2))
    for _ in range(4):
        x = r.conv(r.depthwise(x, (3, 3)), 64, (1, 1))
    writer.softmax(r.dense(writer.avg_pool2d(x, x.shape[:2]), 12))
    return writer.finish()


def every_op() -> bytes:
    """A tiny network over 4 frames of 8 bands that has every op, with a skip connection and odd channel counts."""
    frontend = FrontendConfig(window_len=96, hop_len=64, fft_len=256, n_mels=8, n_dct=0, f_low_hz=100, f_high_hz=8000)
    writer = BlobWriter(frontend=frontend.section(), labels=["a", "bé", "c"], decision_hop_frames=2, meta={"sample": "every_op"})
    r = _Random(writer, seed=2)
    x = writer.input((4, 8, 1), Quant(0.125, 0))
    x = r.depthwise(x, (3, 3), multiplier=3)
    y = r.conv(x, 5, (3, 2), stride=(1, 2))
    z = r.depthwise(y, (3, 3), dilation=(1, 2))
    y = writer.add(y, writer.relu(r.conv(z, 5, (1, 1)), Quant(0.2, -100), activation="relu6"), Quant(0.4, -120), activation="relu")
    y = writer.max_pool2d(y, (2, 2), stride=(1, 1), padding="same")
    y = writer.avg_pool2d(y, (2, 2))
    writer.softmax(r.dense(writer.reshape(y, (1, 1, int(np.prod(y.shape)))), 3))
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


SAMPLES: dict[str, Callable[[], bytes]] = {"dscnn": dscnn, "every_op": every_op, "temporal": temporal}
