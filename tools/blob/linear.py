"""BlobWriter's layers with weights, and pools."""

from collections.abc import Callable

import numpy as np

from tools.blob import format as fmt
from tools.blob import quantise, windows
from tools.blob.builder import Builder, layer
from tools.blob.format import Op
from tools.blob.network import Linear, Pair, Pool, Quant, Svdf, Tensor, Variable, Window
from tools.blob.windows import Padding


def _array(name: str, values: np.ndarray, dtype: type, rank: int) -> np.ndarray:
    if values.dtype != dtype or values.ndim != rank:
        raise ValueError(f"{name} must be {np.dtype(dtype).name} of rank {rank}, not {values.dtype} of rank {values.ndim}")
    return values


class LinearLayers(Builder):
    """weights are int8, bias int32 [c_out] and weight_scales float [c_out] or [1], as TensorFlow Lite has them.

    padding: "same", "valid", "causal" (in front of time; the width as "same"), or ((top, bottom), (left, right)).
    activation: "none", "relu", "relu6", "relu_n1_to_1" or "relu_0_to_1".
    """

    @layer
    def conv2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *, stride: Pair = (1, 1),
               dilation: Pair = (1, 1), padding: Padding = "valid", activation: str = "none") -> Tensor:  # fmt: skip
        """weights [c_out, kh, kw, c_in]."""
        c_out, kh, kw, c_in = _array("weights", weights, np.int8, 4).shape
        if c_in != x.shape[2]:
            raise ValueError(f"weights for {c_in} channels on an input of {x.shape[2]}")
        x, size, window = self._window(x, (kh, kw), stride, dilation, padding)
        channels = self._channels(x, weights, bias, weight_scales, out)
        return self.add_layer(Linear, [x], (*size, c_out), out, Op.CONV_2D, window, weights, channels, self.clamp(activation, out))

    @layer
    def depthwise_conv2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *, stride: Pair = (1, 1),
                         dilation: Pair = (1, 1), padding: Padding = "valid", activation: str = "none") -> Tensor:  # fmt: skip
        """weights [kh, kw, c_out] with c_out a multiple of the input's channels."""
        kh, kw, c_out = _array("weights", weights, np.int8, 3).shape
        if c_out % x.shape[2]:
            raise ValueError(f"{c_out} depthwise filters on an input of {x.shape[2]} channels")
        x, size, window = self._window(x, (kh, kw), stride, dilation, padding)
        rows = np.ascontiguousarray(np.moveaxis(weights, 2, 0))
        channels = self._channels(x, rows, bias, weight_scales, out)
        return self.add_layer(Linear, [x], (*size, c_out), out, Op.DEPTHWISE_CONV_2D, window, rows, channels, self.clamp(activation, out))

    @layer
    def fully_connected(
        self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *, activation: str = "none"
    ) -> Tensor:
        """weights [c_out, n]; each n elements of the input give one pixel of the output.

        Output: (h, w, c_out) where n is the input's channels, (h, 1, c_out) where it is a row, else (elements / n, 1, c_out).
        """
        c_out, n = _array("weights", weights, np.int8, 2).shape
        if x.bytes % n:
            raise ValueError(f"weights for {n} values on an input of {list(x.shape)}")
        pixels = {x.shape[2]: x.shape[:2]}.get(n, (x.bytes // n, 1))
        if pixels[0] * pixels[1] > fmt.MAX_DIMENSION:
            raise ValueError(f"{pixels[0] * pixels[1]} rows are more than {fmt.MAX_DIMENSION}")
        channels = self._channels(x, weights, bias, weight_scales, out, quantise.dense)
        return self.add_layer(Linear, [x], (*pixels, c_out), out, Op.FULLY_CONNECTED, None, weights, channels, self.clamp(activation, out))

    @layer
    def avg_pool2d(
        self, x: Tensor, kernel: Pair, *, stride: Pair | None = None, padding: Padding = "valid", activation: str = "none"
    ) -> Tensor:
        """Means over what of each window lies inside the input. stride: the kernel's size by default."""
        return self._pool(Op.AVG_POOL_2D, x, kernel, stride, padding, activation)

    @layer
    def max_pool2d(
        self, x: Tensor, kernel: Pair, *, stride: Pair | None = None, padding: Padding = "valid", activation: str = "none"
    ) -> Tensor:
        """The largest of what of each window lies inside the input. stride: the kernel's size by default."""
        return self._pool(Op.MAX_POOL_2D, x, kernel, stride, padding, activation)

    @layer
    def svdf(self, x: Tensor, feature: np.ndarray, time: np.ndarray, bias: np.ndarray, out: Quant, *, rank: int, feature_scale: float,
             time_scale: float, state_scale: float, activation: str = "none") -> Tensor:  # fmt: skip
        """feature int8 [units * rank, inputs], time int16 [units * rank, memory], bias int32 [units]. Output (1, 1, units).

        Looks at one frame at each run and remembers `memory` of them, in a state of its own.
        """
        filters, inputs = _array("feature weights", feature, np.int8, 2).shape
        _, memory = _array("time weights", time, np.int16, 2).shape
        if inputs != x.bytes or len(time) != filters or rank < 1 or filters % rank:
            raise ValueError(f"{list(feature.shape)} feature and {list(time.shape)} time weights of rank {rank} on an input of {list(x.shape)}")
        units = filters // rank
        if bias.shape != (units,) or inputs >= 1 << 15:
            raise ValueError(f"{units} units and {inputs} inputs need a bias a unit and less than {1 << 15} inputs")
        scales = quantise.svdf_multipliers(x.quant.scale, feature_scale, state_scale, time_scale, out.scale)
        state = Variable(-1 - len(self.layers), (filters, memory, 2), Quant(1.0, 0))
        self.check_shape(state.shape)
        return self.add_layer(Svdf, [x], (1, 1, units), out, state, rank, memory, *scales, feature, time, np.asarray(bias), self.clamp(activation, out))

    # What they share

    def _window(self, x: Tensor, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding) -> tuple[Tensor, Pair, Window]:
        """Input, output size and window; padding that the window has no place for becomes a layer of its own."""
        if not isinstance(padding, str) and any(max(padding[i]) > (kernel[i] - 1) * dilation[i] for i in (0, 1)):
            x, padding = self.pad(x, (*padding, (0, 0))), "valid"
        return x, *windows.place(x.shape, kernel, stride, dilation, padding)

    def _channels(self, x: Tensor, rows: np.ndarray, bias: np.ndarray, scales: np.ndarray, out: Quant,
                  rule: Callable[[float, np.ndarray, float], list[Pair]] = quantise.per_channel) -> bytes:  # fmt: skip
        """kws_channel_t of each output channel. rows: weights, the first axis is the output channel. rule: makes the multipliers."""
        c_out, scales = len(rows), np.atleast_1d(scales)
        if np.shape(bias) != (c_out,) or scales.shape not in ((1,), (c_out,)):
            raise ValueError(f"bias {list(np.shape(bias))} and weight scales {list(scales.shape)} for {c_out} output channels")
        multipliers = rule(x.quant.scale, np.broadcast_to(scales, c_out), out.scale)
        # The kernels sum x * w, not (x - zero) * w: what is missing is a constant, padding included (it counts as zero).
        sums = rows.reshape(c_out, -1).astype(np.int64).sum(axis=1)
        folded = np.asarray(bias, dtype=np.int64) - x.quant.zero_point * sums
        products = rows.size // c_out
        if products >= 1 << 15 or np.abs(folded).max() >= (1 << 30) - (products << 15):
            raise ValueError(f"{products} products an output and a bias of up to {np.abs(folded).max()} may not fit 30 bits")
        return b"".join(fmt.CHANNEL.pack(int(b), *m) for b, m in zip(folded, multipliers, strict=True))

    def _pool(self, code: Op, x: Tensor, kernel: Pair, stride: Pair | None, padding: Padding, activation: str) -> Tensor:
        size, window = windows.place(x.shape, kernel, stride or kernel, (1, 1), padding)
        if kernel[0] * kernel[1] >= 1 << 23:
            raise ValueError(f"the sum of a {kernel} window may not fit")
        return self.add_layer(Pool, [x], (*size, x.shape[2]), x.quant, code, window, self.clamp(activation, x.quant))
