"""Random networks that stream, over a tiny front end: each is a recipe that can be built for any number of frames."""

from dataclasses import dataclass

import numpy as np

from tools.blob.frontend import FrontendConfig
from tools.blob.writer import BlobWriter, Quant, Tensor

FRONTEND = FrontendConfig(window_len=64, hop_len=48, fft_len=256, n_mels=8, n_dct=6, f_low_hz=100, f_high_hz=8000)
INPUT_QUANT = Quant(0.125, 5)
QUANT = Quant(0.2, -30)
BODY = ["conv", "conv_stride", "conv_dilated", "depthwise", "pointwise", "max_pool", "avg_pool", "add", "concat", "lut", "prelu", "slice"]
HEADS = ["avg_pool", "dense", "mean", "max_pool", "rows"]


@dataclass(frozen=True)
class Recipe:
    """seed: of all weights. body: names of layers. head: what turns rows into scores. padding: "valid" or "causal", in time.

    width: of a window; with 1 a frame is one pixel, else a row of pixels with one channel.
    """

    seed: int
    body: tuple[str, ...]
    head: str
    frames: int
    hop: int
    padding: str = "valid"
    width: int = 1

    def blob(self, frames: int | None = None, head_rows: int | None = None, stream: str = "auto") -> bytes:
        """The network over `frames` frames (its own number by default); the head looks at the newest head_rows rows only."""
        return _Builder(self).build(frames or self.frames, head_rows, stream)

    def rows(self) -> list[int]:
        """Height of the input and behind each layer of the body; the head looks at the last."""
        builder = _Builder(self)
        x = builder.input(self.frames)
        heights = [x.shape[0]]
        for name in self.body:
            x = builder.layer(name, x)
            heights.append(x.shape[0])
        return heights


class _Builder:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        self.writer = BlobWriter(frontend=FRONTEND.section(), decision_hop_frames=recipe.hop)

    def build(self, frames: int, head_rows: int | None, stream: str) -> bytes:
        x = self.input(frames)
        for name in self.recipe.body:
            x = self.layer(name, x)
        if head_rows is not None and head_rows < x.shape[0]:
            x = self.writer.slice(x, (x.shape[0] - head_rows, 0, 0), (head_rows, *x.shape[1:]))
        self.head(x)
        return self.writer.finish(stream=stream)

    def input(self, frames: int) -> Tensor:
        row = (1, FRONTEND.n_out) if self.recipe.width == 1 else (FRONTEND.n_out, 1)
        return self.writer.input((frames, *row), INPUT_QUANT)

    @property
    def padding(self) -> str | tuple:
        """As the writer takes it; the width stays what it is."""
        width = self.recipe.width
        return "causal" if self.recipe.padding == "causal" else ((0, 0), (width // 2, (width - 1) // 2))

    def linear(self, shape: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-1000, 1000, channels).astype(np.int32)
        return weights, bias, self.rng.uniform(0.5, 1.5, channels) * 0.05 / np.sqrt(weights.size / channels)

    def conv(self, x: Tensor, channels: int, kernel: int, **options: object) -> Tensor:
        weights = self.linear((channels, kernel, self.recipe.width, x.shape[2]), channels)
        return self.writer.conv2d(x, *weights, QUANT, padding=self.padding, **options)

    def layer(self, name: str, x: Tensor) -> Tensor:
        """x (h, w, c) -> (h', w, c'). ValueError "does not fit" when there are too few rows."""
        w = self.writer
        size, channels = int(self.rng.integers(2, 5)), int(self.rng.integers(2, 8))
        dilation = int(self.rng.integers(2, 4))
        if name == "conv":
            return self.conv(x, channels, size)
        if name == "conv_stride":
            return self.conv(x, channels, size, stride=(2, 1))
        if name == "conv_dilated":
            return self.conv(x, channels, size, dilation=(dilation, 1))
        if name == "depthwise":
            return w.depthwise_conv2d(x, *self.linear((size, self.recipe.width, 2 * x.shape[2]), 2 * x.shape[2]), QUANT, padding=self.padding)
        if name == "pointwise":
            return self.conv(x, channels, 1, activation="relu")
        if name in ("max_pool", "avg_pool"):
            # Pads of a pool do not count, so what lies before the recording must not either: only valid pools stream.
            width = self.recipe.width
            pads = ((0, 0), (width // 2, (width - 1) // 2))
            return getattr(w, f"{name}2d")(x, (size, width), stride=(1, 1), padding=pads)
        if name == "add":
            return w.add(self.conv(x, channels, 2), self.conv(x, channels, 2), QUANT)
        if name == "concat":
            return w.concat([self.conv(x, channels, size), self.conv(x, 3, size)], axis=2)
        if name == "lut":
            return w.logistic(x)
        if name == "prelu":
            alpha = w.constant(self.rng.integers(-128, 128, (1, 1, x.shape[2])).astype(np.int8), Quant(0.01, 3))
            return w.prelu(x, alpha, QUANT)
        if name == "slice":  # forgets the newest row
            if x.shape[0] < 2:
                raise ValueError("does not fit")
            return w.slice(x, (0, 0, 0), (x.shape[0] - 1, *x.shape[1:]))
        raise ValueError(name)

    def head(self, x: Tensor) -> None:
        w = self.writer
        if self.recipe.head in ("avg_pool", "max_pool"):
            x = getattr(w, f"{self.recipe.head}2d")(x, (x.shape[0], self.recipe.width), padding="valid")
        elif self.recipe.head == "mean":
            x = w.mean(x, (0,), QUANT)
        elif self.recipe.head == "rows":
            return  # scores are all rows
        w.fully_connected(x, *self.linear((4, x.bytes), 4), Quant(0.1, 3))
