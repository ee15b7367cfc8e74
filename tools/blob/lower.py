"""From a network to a program: every layer becomes ops over views of buffers, or no op where the bytes are there already."""

from collections.abc import Callable

import numpy as np

from tools.blob import format as fmt
from tools.blob.format import Op
from tools.blob.lower_moves import MoveLowering
from tools.blob.network import (
    Arithmetic,
    Assign,
    Concat,
    Fill,
    Layer,
    Linear,
    Lut,
    Mean,
    Network,
    Pad,
    Pool,
    Read,
    Reshape,
    Slice,
    Softmax,
    Svdf,
    Transpose,
    Window,
)
from tools.blob.places import fill_params, op_params
from tools.blob.program import Program, State, View, Weights
from tools.blob.schedule import Schedule


def _padded(rows: np.ndarray) -> bytes:
    """Rows of weights as they are stored: int8 [n][row_bytes]."""
    rows = rows.reshape(len(rows), -1)
    return np.pad(rows, ((0, 0), (0, fmt.row_bytes(rows.shape[1]) - rows.shape[1]))).tobytes()


class _Lowering(MoveLowering):
    def run(self) -> Program:
        rules: dict[type[Layer], Callable[..., object]] = {
            Linear: self._linear,
            Pool: self._pool,
            Arithmetic: lambda layer: self.emit(layer.code, layer, layer.params, layer.clamp),
            Mean: lambda layer: self.emit(Op.MEAN, layer, layer.params, layer.clamp),
            Softmax: lambda layer: self.emit(Op.SOFTMAX, layer, layer.params),
            Lut: lambda layer: self.emit(Op.LUT, layer, op_params(self.weights.store(layer.table))),
            Fill: lambda layer: self.emit(Op.FILL, layer, fill_params(layer.value)),
            Svdf: self._svdf,
            Reshape: self.reshape,
            Slice: self.slice,
            Concat: self.concat,
            Pad: self.pad,
            Transpose: self.transpose,
            Read: self.read,
            Assign: self.assign,
        }
        source = self.newest(self.network.input)
        for layer in self.network.layers:
            rules[type(layer)](layer)
        result = self.all(self.network.output)
        if result.buffer is None:
            raise ValueError("the network's output is a constant")
        return Program(self.schedule.kind, source, result, self.ops, self.states)

    def _windowed(self, layer: Linear | Pool) -> tuple[View, Window]:
        """The input of an op with a window. What slides needs no padding: the rows before are there."""
        (x,), window, step = layer.inputs, layer.window, self.schedule.step(layer)
        if not step.slides:
            return self.all(x), window
        count = window.extent(0) + (step.new - 1) * window.stride[0]
        return self.rows(x, count, step.lag), Window(window.kernel, window.stride, window.dilation, (0, window.pads[1]))

    def _linear(self, layer: Linear) -> None:
        weights, channels = self.weights.store(_padded(layer.weights)), self.weights.store(layer.channels)
        if layer.window is None:
            self.emit(layer.code, layer, op_params(weights, channels), layer.clamp)
            return
        source, window = self._windowed(layer)
        if layer.code == Op.CONV_2D:
            scratch = fmt.conv2d_scratch_bytes(window.kernel, source.shape[2])
        else:
            scratch = fmt.depthwise_conv2d_scratch_bytes(window.kernel, window.dilation[1], window.pads[1], *source.shape[1:])
        self.emit(layer.code, layer, op_params(weights, channels, window), layer.clamp, scratch, inputs=[source])

    def _pool(self, layer: Pool) -> None:
        step = self.schedule.step(layer)
        if not step.pool_step:
            source, window = self._windowed(layer)
            self.emit(layer.code, layer, op_params(window=window), layer.clamp, inputs=[source])
            return
        (x,), w = layer.inputs, layer.window
        source = self.rows(x, self.schedule.of(x).new, step.lag)
        params = op_params(window=Window(w.kernel, (1, w.stride[1]), pads=w.pads))
        size = fmt.avg_pool_step_state_bytes(*layer.output.shape[1:], w.kernel[0])
        op = self.emit(Op.AVG_POOL_STEP, layer, params, layer.clamp, size, inputs=[source])
        self.keep(State(op.scratch, size, 0, 0))

    def _svdf(self, layer: Svdf) -> None:
        tables = [_padded(layer.feature), layer.time.astype("<i2").tobytes(), layer.bias.astype("<i4").tobytes()]
        offsets = [self.weights.store(table) for table in tables]
        record = fmt.SVDF.pack(layer.rank, layer.memory, *layer.feature_scale, *layer.out_scale, *offsets)
        inputs = [self.all(layer.inputs[0]), self.variable(layer.state)]
        self.emit(Op.SVDF, layer, op_params(self.weights.store(record)), layer.clamp, 4 * len(layer.feature), inputs=inputs)


def lower(network: Network, weights: Weights, schedule: Schedule | None = None) -> Program:
    """The program of a schedule (the window program's by default), without offsets yet. Adds to the weights."""
    return _Lowering(network, schedule or Schedule(), weights).run()
