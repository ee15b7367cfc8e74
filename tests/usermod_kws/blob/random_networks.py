"""Networks of random layers with random weights, over a front end of few features: all that the planner must cope with."""

from dataclasses import dataclass

import numpy as np

from tools.blob import BlobWriter, FrontendConfig, Quant, Tensor

MAX_ELEMENTS = 600


@dataclass
class RandomNetwork:
    """writer: the network, not finished. stateful: with variables; then each run takes `frames` new frames."""

    seed: int
    stateful: bool = False

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        bands = int(self.rng.choice([2, 3, 4, 6]))
        self.frames = int(self.rng.integers(1, 30))
        self.hop = self.frames if self.stateful else int(self.rng.integers(1, min(8, self.frames) + 1))
        self.variables = []
        kinds = KINDS + ["variable"] * 12 * self.stateful
        section = FrontendConfig(window_len=32, hop_len=16, fft_len=256, n_mels=bands, n_dct=0, f_low_hz=100, f_high_hz=8000).section()
        self.writer = BlobWriter(frontend=section, decision_hop_frames=self.hop)
        shape = (self.frames, 1, bands) if self.rng.integers(2) else (self.frames, bands, 1)
        self.tensors = [self.writer.input(shape, self._quant())]
        for _ in range(int(self.rng.integers(1, 12))):
            for _ in range(20):
                x = self.tensors[-1] if self.rng.random() < 0.7 else self.tensors[int(self.rng.integers(len(self.tensors)))]
                kind = self.rng.choice(kinds)
                try:
                    y = getattr(self, "_" + kind)(x)
                except ValueError:
                    continue  # a window that does not fit, say
                if y is None or y.bytes > 4 * MAX_ELEMENTS:
                    continue
                self.tensors.append(y)
                break

    def _int(self, low: int, high: int) -> int:
        """Of low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def _quant(self) -> Quant:
        return Quant(float(self.rng.uniform(0.05, 0.2)), self._int(-20, 20))

    def _linear(self, shape: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Quant]:
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-500, 500, channels).astype(np.int32)
        scales = self.rng.uniform(0.5, 1.5, channels) * 0.015 / np.sqrt(weights.size / channels)
        return weights, bias, scales, self._quant()

    def _window(self, x: Tensor) -> dict:
        padding = self.rng.choice(["same", "valid", "valid", "causal", "causal", "causal", "explicit"])
        if padding == "explicit":
            padding = ((self._int(0, 6), self._int(0, 1)), (self._int(0, 1), self._int(0, 1)))
        return {"stride": (int(self.rng.choice([1, 1, 1, 2, 3, 4])), self._int(1, 2)), "padding": padding}

    def _kernel(self, x: Tensor) -> tuple[int, int]:
        return int(self.rng.choice([1, 1, 2, 3, 3, 4, 5, 9])), min(self._int(1, 3), x.shape[1])

    def _dilation(self) -> tuple[int, int]:
        return int(self.rng.choice([1, 1, 2, 3])), 1

    def _conv(self, x: Tensor) -> Tensor:
        channels = self._int(1, 6)
        return self.writer.conv2d(x, *self._linear((channels, *self._kernel(x), x.shape[2]), channels), dilation=self._dilation(), **self._window(x))

    def _depthwise(self, x: Tensor) -> Tensor:
        channels = x.shape[2] * self._int(1, 2)
        return self.writer.depthwise_conv2d(x, *self._linear((*self._kernel(x), channels), channels), dilation=self._dilation(), **self._window(x))

    def _dense(self, x: Tensor) -> Tensor:
        n = int(self.rng.choice([x.shape[2], x.row_bytes, x.bytes, 2 * x.row_bytes]))
        channels = self._int(1, 6)
        return self.writer.fully_connected(x, *self._linear((channels, n), channels))

    def _pool(self, x: Tensor) -> Tensor:
        kernel = x.shape[0] if self.rng.random() < 0.3 else self._int(1, 5), min(self._int(1, 3), x.shape[1])
        method = self.writer.avg_pool2d if self.rng.integers(2) else self.writer.max_pool2d
        return method(x, kernel, **self._window(x))

    def _global_pool(self, x: Tensor) -> Tensor:
        rows = x.shape[0] - self._int(0, min(2, x.shape[0] - 1))
        return self.writer.avg_pool2d(x, (rows, x.shape[1]))

    def _residual(self, x: Tensor) -> Tensor:
        """Something of x's shape, or x cropped to the shape of something, added to it."""
        channels = x.shape[2]
        kernel, dilation = self._kernel(x), self._dilation()
        padding = self.rng.choice(["causal", "valid", "same"])
        y = self.writer.conv2d(x, *self._linear((channels, *kernel, channels), channels), dilation=dilation, padding=padding)
        if y.shape != x.shape:
            cut = self._int(0, x.shape[0] - y.shape[0])
            x = self.writer.slice(x, (cut, 0, 0), y.shape)
        return self._sum(x, y)

    def _sum(self, a: Tensor, b: Tensor) -> Tensor:
        method = {0: self.writer.add, 1: self.writer.sub, 2: self.writer.mul}[self._int(0, 2)]
        return method(a, b, Quant(0.15, self._int(-20, 20)))

    def _pair(self, x: Tensor) -> Tensor | None:
        """Two tensors that go together, or one and a constant."""
        others = [t for t in self.tensors if t.shape == x.shape]
        if self.rng.integers(2):
            shape = tuple(int(self.rng.choice([1, n])) for n in x.shape)
            return self._sum(x, self.writer.constant(self.rng.integers(-128, 128, shape).astype(np.int8), self._quant()))
        return self._sum(x, others[self._int(0, len(others) - 1)])

    def _gate(self, x: Tensor) -> Tensor:
        """Squeeze and excitation: each step's mean scales all rows."""
        return self._sum(x, self.writer.mean(x, (0, 1), self._quant()))

    def _prelu(self, x: Tensor) -> Tensor:
        alpha = self.writer.constant(self.rng.integers(-128, 128, (1, 1, x.shape[2])).astype(np.int8), Quant(0.01, 3))
        return self.writer.prelu(x, alpha, self._quant())

    def _lut(self, x: Tensor) -> Tensor:
        return self.writer.lut(x, self.rng.integers(-128, 128, 256).astype(np.int8), self._quant())

    def _softmax(self, x: Tensor) -> Tensor:
        return self.writer.softmax(x)

    def _mean(self, x: Tensor) -> Tensor:
        return self.writer.mean(x, [axis for axis in range(3) if self.rng.integers(2)], self._quant())

    def _reshape(self, x: Tensor) -> Tensor:
        h, w, c = x.shape
        shapes = [(h, c, w), (h, 1, w * c), (h, w * c, 1), (1, h, w * c), (1, 1, h * w * c), (w, h, c)]
        return self.writer.reshape(x, shapes[self._int(0, len(shapes) - 1)])

    def _slice(self, x: Tensor) -> Tensor:
        begin = [self._int(0, n - 1) if self.rng.integers(2) else 0 for n in x.shape]
        stride = [int(self.rng.choice([1, 1, 1, 2, 3])) for _ in x.shape]
        room = [(n - b - 1) // s + 1 for n, b, s in zip(x.shape, begin, stride, strict=True)]
        size = [n if self.rng.random() < 0.7 else self._int(1, n) for n in room]
        return self.writer.slice(x, begin, size, stride)

    def _last_row(self, x: Tensor) -> Tensor:
        return self.writer.slice(x, (x.shape[0] - 1, 0, 0), (1, *x.shape[1:]))

    def _pad(self, x: Tensor) -> Tensor:
        sides = self._int(0, 1), self._int(0, 1)
        pads = (self._int(0, 3), self._int(0, 3) // 3), sides, (0, self._int(0, 1))
        return self.writer.pad(x, pads, None if self.rng.random() < 0.7 else self._int(-128, 127))

    def _concat(self, x: Tensor) -> Tensor:
        axis = self._int(0, 2)
        parts = [x]
        for _ in range(self._int(1, 2)):
            parts.append(self._lut(parts[0]) if self.rng.integers(2) else x)
        parts = [self.writer.lut(t, self.rng.integers(-128, 128, 256).astype(np.int8), x.quant) if t.quant != x.quant else t for t in parts]
        return self.writer.concat(parts, axis)

    def _transpose(self, x: Tensor) -> Tensor:
        return self.writer.transpose(x, tuple(int(i) for i in self.rng.permutation(3)))

    def _variable(self, x: Tensor) -> Tensor | None:
        """Reads or assigns a variable, whatever was done to it before; or keeps the newest rows of a longer past."""
        if self.rng.random() < 0.4 or not self.variables:
            initial = self.rng.integers(-128, 128, x.shape).astype(np.int8) if self.rng.integers(2) else None
            self.variables.append(self.writer.variable(x.shape, x.quant, initial))
        variable = self.variables[self._int(0, len(self.variables) - 1)]
        fits = [t for t in self.tensors if t.shape == variable.shape and t.quant == variable.quant]
        before = self.writer.read(variable)
        self.tensors.append(before)
        if self.rng.integers(2):
            self.tensors.append(self.writer.slice(before, (before.shape[0] - 1, 0, 0), (1, *before.shape[1:])))
        if fits and self.rng.integers(4):
            self.writer.assign(variable, fits[self._int(0, len(fits) - 1)])
        elif before.shape[1:] == x.shape[1:] and before.quant == x.quant:
            past = self.writer.concat([before, x], 0)
            self.writer.assign(variable, self.writer.slice(past, (x.shape[0], 0, 0), before.shape))
            return past
        return self.writer.read(variable)


KINDS = ["conv"] * 6 + ["depthwise"] * 3 + ["residual"] * 4 + ["pair"] * 2 + ["pool"] * 2 + ["reshape"] * 2 + [
    "dense", "global_pool", "gate", "prelu", "lut", "softmax", "mean", "slice", "slice", "last_row", "pad", "pad", "concat", "concat", "transpose",
]  # fmt: skip
