"""Where a program's tensors lie, and how its ops are collected: what lower.py and lower_moves.py share."""

from dataclasses import dataclass

from tools.blob import format as fmt
from tools.blob import sharing
from tools.blob.format import Op, ProgramKind
from tools.blob.network import Layer, Network, Pair, Tensor, Window
from tools.blob.program import Buffer, ProgramOp, State, View, Weights
from tools.blob.schedule import Schedule

NO_WINDOW = (0,) * 8


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: its newest row ends at byte `end` of the buffer (None: of the weights section)."""

    buffer: Buffer | None
    end: int


def op_params(weights: int = 0, channels: int = 0, window: Window | None = None) -> bytes:
    """Parameters of an op with offsets into the weights section, a window, or both."""
    numbers = (*window.kernel, *window.stride, *window.dilation, *window.pads) if window else NO_WINDOW
    return fmt.WINDOW_PARAMS.pack(*numbers, weights, channels)


def fill_params(value: int) -> bytes:
    return fmt.SCALE_PARAMS.pack(value, 0, 0, 0, 0, 0)


class Places:
    def __init__(self, network: Network, schedule: Schedule, weights: Weights) -> None:
        self.network, self.schedule, self.weights = network, schedule, weights
        self.ops: list[ProgramOp] = []
        self.states: list[State] = []
        self._places: dict[int, Place] = {}
        self._parts = sharing.parts_in_place(network, schedule)

    def place(self, t: Tensor) -> Place:
        if t.index not in self._places:
            self._places[t.index] = self._allocate(t)
        return self._places[t.index]

    def put(self, t: Tensor, place: Place) -> None:
        """Says where t lies; nothing is allocated for it."""
        self._places[t.index] = place

    def _allocate(self, t: Tensor) -> Place:
        if t.index in self.network.constants:
            return Place(None, self.weights.store(self.network.constants[t.index]) + t.bytes)
        if t.index in self._parts:
            whole, at = self._parts[t.index]
            place = self.place(whole)
            return Place(place.buffer, place.end - whole.bytes + at + t.bytes)
        rows = self.schedule.of(t)
        buffer = Buffer((rows.hist + rows.new) * t.row_bytes)
        if rows.hist or (t == self.network.input and self.schedule.kind == ProgramKind.STEP):
            self.keep(State(buffer, rows.hist * t.row_bytes, rows.new * t.row_bytes, t.quant.zero_point))
        return Place(buffer, buffer.size)

    def keep(self, state: State) -> None:
        state.buffer.state = True
        self.states.append(state)

    def rows(self, t: Tensor, count: int, lag: int = 0) -> View:
        """`count` rows, the newest but `lag`."""
        place = self.place(t)
        return View(place.buffer, place.end - (count + lag) * t.row_bytes, (count, *t.shape[1:]), t.quant)

    def all(self, t: Tensor) -> View:
        return self.rows(t, t.shape[0])

    def newest(self, t: Tensor) -> View:
        """What one run computes of t."""
        return self.rows(t, self.schedule.of(t).new)

    def input(self, layer: Layer, t: Tensor) -> View:
        """What a layer that works row by row reads of t."""
        return self.newest(t) if self.schedule.step(layer).slides and self.schedule.of(t).slides else self.all(t)

    def output(self, t: Tensor) -> View:
        """What one run computes of t, as its op writes it."""
        view = self.newest(t)
        return View(view.buffer, view.start, view.shape, view.quant, self.schedule.of(t).missing)

    def emit(self, code: Op, layer: Layer, params: bytes, clamp: Pair = (-128, 127), scratch: int = 0, *,
             inputs: list[View] | None = None, output: View | None = None) -> ProgramOp:  # fmt: skip
        """Appends an op; it reads and writes what the layer does, unless told otherwise."""
        if inputs is None:
            inputs = [self.input(layer, t) for t in layer.inputs]
        buffer = Buffer(scratch) if scratch else None
        self.ops.append(ProgramOp(code, inputs, output or self.output(layer.output), params, clamp, buffer, layer.name, layer.output.index))
        return self.ops[-1]
