"""From a network to a program: every layer becomes ops over views of buffers, or no op where the bytes are there already."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.blob import copies, sharing
from tools.blob import format as fmt
from tools.blob.format import Op, ProgramKind
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
    Tensor,
    Transpose,
    Variable,
    Window,
)
from tools.blob.program import Buffer, Program, ProgramOp, State, View, Weights
from tools.blob.schedule import Schedule

NO_WINDOW = (0,) * 8


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies: its newest row ends at byte `end` of the buffer (None: of the weights section)."""

    buffer: Buffer | None
    end: int


class _Lowering:
    def __init__(self, network: Network, schedule: Schedule, weights: Weights) -> None:
        self.network, self.schedule, self.weights = network, schedule, weights
        self.ops: list[ProgramOp] = []
        self.states: list[State] = []
        self.places: dict[int, _Place] = {}
        self.variables: dict[Variable, Buffer] = {}
        self.parts = sharing.parts_in_place(network, schedule)
        self.rules: dict[type, Callable] = {
            Linear: self._linear,
            Pool: self._pool,
            Arithmetic: lambda layer: self._emit(layer.code, layer, layer.params, layer.clamp),
            Mean: lambda layer: self._emit(Op.MEAN, layer, layer.params, layer.clamp),
            Softmax: lambda layer: self._emit(Op.SOFTMAX, layer, layer.params),
            Lut: lambda layer: self._emit(Op.LUT, layer, self._offsets(self.weights.store(layer.table))),
            Fill: lambda layer: self._emit(Op.FILL, layer, fmt.SCALE_PARAMS.pack(layer.value, 0, 0, 0, 0, 0)),
            Reshape: lambda layer: self._alias(layer, 0),
            Slice: self._slice,
            Concat: self._concat,
            Pad: self._pad,
            Transpose: self._transpose,
            Svdf: self._svdf,
            Read: self._read,
            Assign: self._assign,
        }  # fmt: skip

    def run(self) -> Program:
        source = self._all(self.network.input)
        for layer in self.network.layers:
            self.rules[type(layer)](layer)
        result = self._all(self.network.output)
        if result.buffer is None:
            raise ValueError("the network's output is a constant")
        return Program(self.schedule.kind, self._newest(self.network.input) if self.schedule.kind else source, result, self.ops, self.states)

    # Where tensors lie

    def _place(self, t: Tensor) -> _Place:
        if t.index not in self.places:
            self.places[t.index] = self._allocate(t)
        return self.places[t.index]

    def _allocate(self, t: Tensor) -> _Place:
        if t.index in self.network.constants:
            return _Place(None, self.weights.store(self.network.constants[t.index]) + t.bytes)
        if t.index in self.parts:
            whole, at = self.parts[t.index]
            place = self._place(whole)
            return _Place(place.buffer, place.end - whole.bytes + at + t.bytes)
        rows = self.schedule.of(t)
        buffer = Buffer((rows.hist + rows.new) * t.row_bytes)
        if rows.hist or (t == self.network.input and self.schedule.kind == ProgramKind.STEP):
            self._keep(State(buffer, rows.hist * t.row_bytes, rows.new * t.row_bytes, t.quant.zero_point))
        return _Place(buffer, buffer.size)

    def _keep(self, state: State) -> None:
        state.buffer.state = True
        self.states.append(state)

    def _rows(self, t: Tensor, count: int, lag: int = 0) -> View:
        """`count` rows, the newest but `lag`."""
        place = self._place(t)
        return View(place.buffer, place.end - (count + lag) * t.row_bytes, (count, *t.shape[1:]), t.quant)

    def _all(self, t: Tensor) -> View:
        return self._rows(t, t.shape[0])

    def _newest(self, t: Tensor) -> View:
        """What one run computes of t."""
        return self._rows(t, self.schedule.of(t).new)

    def _input(self, layer: Layer, t: Tensor) -> View:
        """What a layer that works row by row reads of t."""
        return self._newest(t) if self.schedule.step(layer).slides and self.schedule.of(t).slides else self._all(t)

    def _output(self, t: Tensor) -> View:
        rows, view = self.schedule.of(t), self._newest(t)
        return View(view.buffer, view.start, view.shape, view.quant, rows.missing)

    # Ops

    def _emit(self, code: Op, layer: Layer, params: bytes, clamp: tuple[int, int] = (-128, 127), scratch: int = 0, *,
              inputs: list[View] | None = None, output: View | None = None) -> None:  # fmt: skip
        if inputs is None:
            inputs = [self._input(layer, t) for t in layer.inputs]
        op = ProgramOp(code, inputs, output or self._output(layer.output), params, clamp, Buffer(scratch) if scratch else None, layer.name)
        op.tensor = layer.output.index
        self.ops.append(op)

    @staticmethod
    def _offsets(weights: int = 0, channels: int = 0, window: Window | None = None) -> bytes:
        numbers = (*window.kernel, *window.stride, *window.dilation, *window.pads) if window else NO_WINDOW
        return fmt.WINDOW_PARAMS.pack(*numbers, weights, channels)

    def _windowed(self, layer: Linear | Pool) -> tuple[View, Window]:
        """The input of an op with a window. What slides needs no padding: the rows before are there."""
        (x,), window, step = layer.inputs, layer.window, self.schedule.step(layer)
        if not step.slides:
            return self._all(x), window
        count = window.extent(0) + (step.new - 1) * window.stride[0]
        return self._rows(x, count, step.lag), Window(window.kernel, window.stride, window.dilation, (0, window.pads[1]))

    def _linear(self, layer: Linear) -> None:
        rows = layer.weights.reshape(len(layer.weights), -1)
        padded = np.zeros((len(rows), fmt.row_bytes(rows.shape[1])), np.int8)
        padded[:, : rows.shape[1]] = rows
        weights, channels = self.weights.store(padded.tobytes()), self.weights.store(layer.channels)
        if layer.window is None:
            self._emit(layer.code, layer, self._offsets(weights, channels), layer.clamp)
            return
        source, window = self._windowed(layer)
        if layer.code == Op.CONV_2D:
            scratch = fmt.conv2d_scratch_bytes(window.kernel, source.shape[2])
        else:
            scratch = fmt.depthwise_conv2d_scratch_bytes(window.kernel, window.dilation[1], window.pads[1], *source.shape[1:])
        self._emit(layer.code, layer, self._offsets(weights, channels, window), layer.clamp, scratch, inputs=[source])

    def _pool(self, layer: Pool) -> None:
        step = self.schedule.step(layer)
        if not step.pool_step:
            source, window = self._windowed(layer)
            self._emit(layer.code, layer, self._offsets(window=window), layer.clamp, inputs=[source])
            return
        (x,), w = layer.inputs, layer.window
        source = self._rows(x, self.schedule.of(x).new, step.lag)
        self._emit(Op.AVG_POOL_STEP, layer, self._offsets(window=Window(w.kernel, (1, w.stride[1]), pads=w.pads)), layer.clamp, inputs=[source])
        size = fmt.avg_pool_step_state_bytes(*layer.output.shape[1:], w.kernel[0])
        self.ops[-1].scratch = Buffer(size)
        self._keep(State(self.ops[-1].scratch, size, 0, 0))

    def _svdf(self, layer: Svdf) -> None:
        feature = np.zeros((len(layer.feature), fmt.row_bytes(layer.feature.shape[1])), np.int8)
        feature[:, : layer.feature.shape[1]] = layer.feature
        tables = [self.weights.store(a.tobytes()) for a in (feature, layer.time.astype("<i2"), layer.bias.astype("<i4"))]
        record = fmt.SVDF.pack(layer.rank, layer.memory, *layer.feature_scale, *layer.out_scale, *tables)
        inputs = [self._all(layer.inputs[0]), self._variable(layer.state)]
        self._emit(Op.SVDF, layer, self._offsets(self.weights.store(record)), layer.clamp, 4 * len(feature), inputs=inputs)

    # Copies, and what needs none

    def _alias(self, layer: Layer, before: int) -> None:
        """The output's newest row ends `before` bytes before the input's."""
        place = self._place(layer.inputs[0])
        self.places[layer.output.index] = _Place(place.buffer, place.end - before)

    def _transpose(self, layer: Transpose) -> None:
        source, output = self._input(layer, layer.inputs[0]), self._output(layer.output)
        block = copies.transpose_block(source.shape, layer.perm, output.shape)
        self._emit(Op.COPY, layer, self._block(block), inputs=[source], output=output)

    def _block(self, block: bytes) -> bytes:
        return self._offsets(self.weights.store(block))

    def _slice(self, layer: Slice) -> None:
        (x,), y, step = layer.inputs, layer.output, self.schedule.step(layer)
        if step.alias:
            self._alias(layer, step.lag * x.row_bytes)
        elif step.slides:
            output = self._output(y)
            source = self._rows(x, (step.new - 1) * layer.stride[0] + 1, step.lag)
            block = copies.slice_block(source.shape, (0, *layer.begin[1:]), layer.stride, output.shape)
            self._emit(Op.COPY, layer, self._block(block), inputs=[source], output=output)
        elif copies.slice_is_contiguous(layer):
            self._alias(layer, x.bytes - copies.offset_of(x.shape, layer.begin) - y.bytes)
        else:
            first = min(layer.begin[0], layer.begin[0] + (y.shape[0] - 1) * layer.stride[0])
            source, output = self._rows(x, x.shape[0] - first), self._output(y)
            block = copies.slice_block(source.shape, (layer.begin[0] - first, *layer.begin[1:]), layer.stride, output.shape)
            self._emit(Op.COPY, layer, self._block(block), inputs=[source], output=output)

    def _concat(self, layer: Concat) -> None:
        at = [0, 0, 0]
        output = self._output(layer.output)
        for t in layer.inputs:
            source = self._input(layer, t)
            there = View(output.buffer, output.start + copies.offset_of(output.shape, tuple(at)), source.shape, output.quant)
            if not copies.concat_is_contiguous(layer):
                block = copies.part_block(source.shape, output.shape, tuple(at))
                self._emit(Op.COPY, layer, self._block(block), inputs=[source], output=output)
            elif not (source.buffer and source.span() == there.span()):
                # Not the whole output: what is copied may lie there too, where a tensor is joined to itself.
                block = copies.part_block(source.shape, source.shape, (0, 0, 0))
                self._emit(Op.COPY, layer, self._block(block), inputs=[source], output=there)
            at[layer.axis] += t.shape[layer.axis]

    def _pad(self, layer: Pad) -> None:
        (x,), y = layer.inputs, layer.output
        if self.schedule.step(layer).alias:
            self._alias(layer, 0)
            return
        source, output, value = self._input(layer, x), self._output(y), fmt.SCALE_PARAMS.pack(layer.value, 0, 0, 0, 0, 0)
        at = tuple(before for before, _ in layer.pads)
        there = View(output.buffer, output.start + copies.offset_of(output.shape, at), source.shape, output.quant)
        if copies.pads_rows(layer) and source.buffer and source.span() == there.span():
            for first, count in ((0, layer.pads[0][0]), (y.shape[0] - layer.pads[0][1], layer.pads[0][1])):
                if count:
                    rows = View(output.buffer, output.start + first * y.row_bytes, (count, *y.shape[1:]), y.quant)
                    self._emit(Op.FILL, layer, value, inputs=[], output=rows)
            return
        self._emit(Op.FILL, layer, value, inputs=[], output=output)
        self._emit(Op.COPY, layer, self._block(copies.part_block(source.shape, output.shape, at)), inputs=[source], output=output)

    # Variables

    def _variable(self, v: Variable) -> View:
        if v not in self.variables:
            buffer = self.variables[v] = Buffer(v.bytes)
            init = fmt.NO_OFFSET if v.initial is None else self.weights.store(v.initial)
            self._keep(State(buffer, v.bytes, 0, v.quant.zero_point, init))
        return View(self.variables[v], 0, v.shape, v.quant)

    def _read(self, layer: Read) -> None:
        source = self._variable(layer.variable)
        if sharing.outlives(self.network, layer):
            output = self._output(layer.output)
            self._emit(Op.COPY, layer, self._block(copies.part_block(source.shape, output.shape, (0, 0, 0))), inputs=[source], output=output)
        else:
            self.places[layer.output.index] = _Place(source.buffer, source.bytes)

    def _assign(self, layer: Assign) -> None:
        source = self._all(layer.inputs[0])
        state = self._variable(layer.variable)
        block = self._block(copies.part_block(source.shape, state.shape, (0, 0, 0)))
        if source.buffer is state.buffer:
            # Rows that move within the variable: by way of a copy, since an op's input and output lie apart.
            between = View(Buffer(source.bytes), 0, source.shape, source.quant)
            self._emit(Op.COPY, layer, block, inputs=[source], output=between)
            source = between
        self._emit(Op.COPY, layer, block, inputs=[source], output=state)


def lower(network: Network, weights: Weights, schedule: Schedule | None = None) -> Program:
    """The program of a schedule (the window program's by default), without offsets yet. Adds to the weights."""
    return _Lowering(network, schedule or Schedule(), weights).run()
