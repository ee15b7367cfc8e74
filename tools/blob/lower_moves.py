"""Layers that move values: copies where there is no way round them, views where there is."""

from tools.blob import copies, sharing
from tools.blob import format as fmt
from tools.blob.format import Op
from tools.blob.network import Assign, Concat, Layer, Network, Pad, Read, Reshape, Slice, Transpose, Variable
from tools.blob.places import Place, Places, fill_params, op_params
from tools.blob.program import Buffer, State, View, Weights
from tools.blob.schedule import Schedule


class MoveLowering(Places):
    def __init__(self, network: Network, schedule: Schedule, weights: Weights) -> None:
        super().__init__(network, schedule, weights)
        self._variables: dict[Variable, Buffer] = {}

    def _copy(self, layer: Layer, source: View, output: View, block: bytes) -> None:
        self.emit(Op.COPY, layer, op_params(self.weights.store(block)), inputs=[source], output=output)

    def _alias(self, layer: Layer, before: int) -> None:
        """The output's newest row ends `before` bytes before the input's."""
        place = self.place(layer.inputs[0])
        self.put(layer.output, Place(place.buffer, place.end - before))

    def reshape(self, layer: Reshape) -> None:
        self._alias(layer, 0)

    def transpose(self, layer: Transpose) -> None:
        source, output = self.input(layer, layer.inputs[0]), self.output(layer.output)
        self._copy(layer, source, output, copies.transpose_block(source.shape, layer.perm, output.shape))

    def slice(self, layer: Slice) -> None:
        (x,), y, step = layer.inputs, layer.output, self.schedule.step(layer)
        if step.alias:
            self._alias(layer, step.lag * x.row_bytes)
            return
        if not step.slides and copies.slice_is_contiguous(layer):
            self._alias(layer, x.bytes - copies.offset_of(x.shape, layer.begin) - y.bytes)
            return
        if step.slides:
            first, source = 0, self.rows(x, (step.new - 1) * layer.stride[0] + 1, step.lag)
        else:
            oldest = min(layer.begin[0], layer.begin[0] + (y.shape[0] - 1) * layer.stride[0])
            first, source = layer.begin[0] - oldest, self.rows(x, x.shape[0] - oldest)
        output = self.output(y)
        self._copy(layer, source, output, copies.slice_block(source.shape, (first, *layer.begin[1:]), layer.stride, output.shape))

    def concat(self, layer: Concat) -> None:
        at = [0, 0, 0]
        output = self.output(layer.output)
        for t in layer.inputs:
            source = self.input(layer, t)
            there = View(output.buffer, output.start + copies.offset_of(output.shape, tuple(at)), source.shape, output.quant, output.missing)
            if not copies.concat_is_contiguous(layer):
                self._copy(layer, source, output, copies.part_block(source.shape, output.shape, tuple(at)))
            elif not (source.buffer and source.span() == there.span()):
                # Not the whole output: what is copied may lie there too, where a tensor is joined to itself.
                self._copy(layer, source, there, copies.part_block(source.shape, source.shape, (0, 0, 0)))
            at[layer.axis] += t.shape[layer.axis]

    def pad(self, layer: Pad) -> None:
        (x,), y = layer.inputs, layer.output
        if self.schedule.step(layer).alias:
            self._alias(layer, 0)
            return
        source, output = self.input(layer, x), self.output(y)
        at = tuple(before for before, _ in layer.pads)
        there = View(output.buffer, output.start + copies.offset_of(output.shape, at), source.shape, output.quant)
        if copies.pads_rows(layer) and source.buffer and source.span() == there.span():
            for first, count in ((0, layer.pads[0][0]), (y.shape[0] - layer.pads[0][1], layer.pads[0][1])):
                if count:
                    rows = View(output.buffer, output.start + first * y.row_bytes, (count, *y.shape[1:]), y.quant)
                    self.emit(Op.FILL, layer, fill_params(layer.value), inputs=[], output=rows)
            return
        self.emit(Op.FILL, layer, fill_params(layer.value), inputs=[], output=output)
        self._copy(layer, source, output, copies.part_block(source.shape, output.shape, at))

    # Variables

    def variable(self, v: Variable) -> View:
        """The state that holds it."""
        if v not in self._variables:
            buffer = self._variables[v] = Buffer(v.bytes)
            init = fmt.NO_OFFSET if v.initial is None else self.weights.store(v.initial)
            self.keep(State(buffer, v.bytes, 0, v.quant.zero_point, init))
        return View(self._variables[v], 0, v.shape, v.quant)

    def read(self, layer: Read) -> None:
        source = self.variable(layer.variable)
        if sharing.outlives(self.network, layer):
            self._copy(layer, source, self.output(layer.output), copies.part_block(source.shape, source.shape, (0, 0, 0)))
        else:
            self.put(layer.output, Place(source.buffer, source.bytes))

    def assign(self, layer: Assign) -> None:
        source, state = self.all(layer.inputs[0]), self.variable(layer.variable)
        block = copies.part_block(source.shape, state.shape, (0, 0, 0))
        if source.buffer is state.buffer:
            # Rows that move within the variable: by way of a copy, since an op's input and output lie apart.
            between = View(Buffer(source.bytes), 0, source.shape, source.quant)
            self._copy(layer, source, between, block)
            source = between
        self._copy(layer, source, state, block)
