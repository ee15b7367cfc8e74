"""Plans the step program: which tensors slide from step to step, and which are computed whole. DESIGN.md says why.

A tensor slides when its older rows are those of the step before, moved up by the `new` rows that a step adds. Row g of a
sliding tensor is what the network, laid over all frames since the reset, has there: padding in front of time stands before
the first frame, and nowhere else.
"""

from collections.abc import Callable
from dataclasses import replace

from tools.blob import copies
from tools.blob import format as fmt
from tools.blob.format import Op, ProgramKind
from tools.blob.network import (
    Arithmetic,
    Concat,
    Layer,
    Linear,
    Lut,
    Mean,
    Network,
    Pad,
    Pool,
    Reshape,
    Slice,
    Softmax,
    Tensor,
    Transpose,
    Window,
)  # fmt: skip
from tools.blob.schedule import Rows, Schedule, Step
from tools.blob.stream_report import LayerReport, front_pads, future_rows, saves, uneven_step


class _Whole(Exception):
    """Why a layer is computed whole at each step."""


class _Planner:
    def __init__(self, network: Network, hop: int) -> None:
        self.network, self.hop = network, hop
        self.rows: dict[int, Rows] = {network.input.index: Rows(hop, slides=True)}
        self.fixed = set(network.constants)  # tensors that are the same at each step
        self.steps: dict[Layer, Step] = {}
        self.needs: dict[Layer, int] = {}  # rows of its input
        self.reasons: dict[Layer, str] = {}
        self.rules: dict[type, Callable[..., Step]] = {
            Linear: self._linear,
            Pool: self._pool,
            Arithmetic: self._row_by_row,
            Mean: self._mean,
            Softmax: self._row_by_row,
            Lut: self._row_by_row,
            Reshape: self._reshape,
            Slice: self._slice,
            Concat: self._concat,
            Pad: self._pad,
            Transpose: self._transpose,
        }

    def run(self) -> None:
        for layer in self.network.layers:
            self._decide(layer)
        self._need(self.network.output, self.network.output.shape[0])
        for layer in reversed(self.network.layers):
            self._ask(layer)

    def _slides(self, t: Tensor) -> bool:
        return t.index in self.rows and self.rows[t.index].slides

    def _decide(self, layer: Layer) -> None:
        y, step = layer.output, Step()
        if all(t.index in self.fixed for t in layer.inputs):
            self.fixed.add(y.index)
        elif not any(self._slides(t) for t in layer.inputs):
            one = all(t.shape[0] == 1 for t in (*layer.inputs, y))
            self.reasons[layer] = "one row, computed once a step" if one else "its input is computed whole at each step"
        else:
            try:
                step = self.rules[type(layer)](layer)
                if step.slides and self._missing(y, step.new) < 0 and not step.alias:
                    raise _Whole("its input is padded by more rows than it looks back")
            except _Whole as reason:
                self.reasons[layer] = str(reason)
                step = Step()
        self.steps[layer] = step
        self.rows[y.index] = Rows(step.new, missing=max(0, self._missing(y, step.new)), slides=True) if step.slides else Rows(y.shape[0])

    def _missing(self, t: Tensor, new: int) -> int:
        """Of the `new` rows of the first step, how many lie before the first row of t."""
        steps_to_scores = (self.network.input.shape[0] - 1) // self.hop
        return new - (t.shape[0] - steps_to_scores * new)

    # How much of its input each layer reads

    def _need(self, t: Tensor, count: int) -> None:
        """Somebody reads the `count` newest rows of t."""
        if self._slides(t):
            rows = self.rows[t.index]
            rows.hist = max(rows.hist, count - rows.new)

    def _ask(self, layer: Layer) -> None:
        step, y = self.steps[layer], layer.output
        for t in layer.inputs:
            if step.alias:
                count = step.lag + self.rows[y.index].new + self.rows[y.index].hist
            elif isinstance(layer, (Linear, Pool)) and layer.window and step.slides:
                count = step.lag + layer.window.extent(0) + (step.new - 1) * layer.window.stride[0]
            elif isinstance(layer, Slice) and step.slides:
                count = step.lag + (step.new - 1) * layer.stride[0] + 1
            elif isinstance(layer, Slice):
                count = t.shape[0] - min(layer.begin[0], layer.begin[0] + (y.shape[0] - 1) * layer.stride[0])
            elif step.pool_step:
                count = step.lag + self.rows[t.index].new
            else:
                count = self.rows[t.index].new if step.slides and self._slides(t) else t.shape[0]
            self._need(t, count)
            self.needs[layer] = count

    # What each kind of layer does to time. Each rule has at least one input that slides.

    def _new(self, layer: Layer) -> int:
        """The rows that each step adds to the inputs, which must go together row by row."""
        news = {self.rows[t.index].new for t in layer.inputs if self._slides(t)}
        if len(news) > 1:
            raise _Whole("its inputs advance by different numbers of rows")
        for t in layer.inputs:
            if self._slides(t) and t.shape[0] != layer.output.shape[0]:
                raise _Whole("one row of an input goes with many of another")
            if not self._slides(t) and t.index not in self.fixed:
                raise _Whole("one of its inputs is computed whole at each step")
            if not self._slides(t) and t.shape[0] != 1:
                raise _Whole("a constant differs from row to row")
        return news.pop()

    def _uneven(self, new: int, stride: int) -> str:
        return uneven_step(new, stride, self.hop, self.network.input.shape[0])

    def _row_by_row(self, layer: Layer) -> Step:
        return Step(slides=True, new=self._new(layer))

    def _linear(self, layer: Linear) -> Step:
        if layer.window:
            return self._windowed(layer, layer.window)
        (x,) = layer.inputs
        if layer.weights.shape[1] not in (x.shape[2], x.row_bytes):
            raise _Whole(f"each output depends on {layer.weights.shape[1] / x.row_bytes:g} rows of time (behind an average over time there is one)")
        return self._row_by_row(layer)

    def _windowed(self, layer: Layer, window: Window) -> Step:
        (x,), y = layer.inputs, layer.output
        new, stride = self.rows[x.index].new, window.stride[0]
        lag = x.shape[0] - window.end(0, y.shape[0])
        if lag < 0:
            raise _Whole(future_rows(-lag))
        if y.shape[0] == 1 and x.shape[0] > 1 and window.pads[0] == 0:
            raise _Whole("one row from all of them, computed once a step")
        if new % stride:
            raise _Whole(self._uneven(new, stride))
        if y.shape[0] < new // stride:
            raise _Whole(f"all of its {y.shape[0]} rows are new at each step")
        return Step(slides=True, new=new // stride, lag=lag)

    def _pool(self, layer: Pool) -> Step:
        (x,), y, w = layer.inputs, layer.output, layer.window
        if w.pads[0]:
            raise _Whole("a pool leaves out padding, so rows before the first one would have to be told apart (use padding 'valid')")
        small = w.kernel[0] * w.kernel[1] * 128 < 1 << 31 and w.kernel[1] < 256
        lag = x.shape[0] - w.end(0, y.shape[0])
        if layer.code == Op.AVG_POOL_2D and y.shape[0] == 1 and lag >= 0 and w.kernel[0] > self.rows[x.index].new and small:
            return Step(pool_step=True, lag=lag)
        return self._windowed(layer, w)

    def _mean(self, layer: Mean) -> Step:
        if 0 in layer.axes and layer.inputs[0].shape[0] > 1:
            raise _Whole("a mean over time (nothing to do: it is cheap)")
        return self._row_by_row(layer)

    def _reshape(self, layer: Reshape) -> Step:
        if layer.output.shape[0] != layer.inputs[0].shape[0]:
            raise _Whole("rows of time are joined or split (behind an average over time there is one)")
        return Step(slides=True, alias=True, new=self._new(layer))

    def _slice(self, layer: Slice) -> Step:
        (x,), y, stride = layer.inputs, layer.output, layer.stride[0]
        new = self.rows[x.index].new
        if stride < 0:
            raise _Whole("it turns time round")
        if new % stride:
            raise _Whole(self._uneven(new, stride))
        if y.shape[0] < new // stride:
            raise _Whole(f"all of its {y.shape[0]} rows are new at each step")
        lag = x.shape[0] - 1 - (layer.begin[0] + (y.shape[0] - 1) * stride)
        # As a view, the rows that were cut off in front would be seen where padding belongs.
        alias = stride == 1 and copies.slices_rows(layer) and not (layer.begin[0] and self._padded(y))
        return Step(slides=True, alias=alias, new=new // stride, lag=lag)

    def _padded(self, t: Tensor) -> bool:
        """Whether a layer that reads t, or a view of it, pads it in front of time."""
        for layer in self.network.consumers.get(t.index, []):
            if isinstance(layer, (Linear, Pool)) and layer.window and layer.window.pads[0]:
                return True
            if isinstance(layer, Pad) and layer.pads[0][0]:
                return True
            if isinstance(layer, (Reshape, Slice)) and self._padded(layer.output):
                return True
        return False

    def _concat(self, layer: Concat) -> Step:
        if layer.axis == 0 and len(layer.inputs) > 1:
            raise _Whole("joined along time")
        return self._row_by_row(layer)

    def _pad(self, layer: Pad) -> Step:
        (x,), (front, behind) = layer.inputs, layer.pads[0]
        new = self.rows[x.index].new
        if behind:
            raise _Whole(future_rows(behind))
        if front and layer.value != x.quant.zero_point:
            raise _Whole("padded in front of time with another value than the zero point")
        if front and not copies.pads_rows(layer):
            raise _Whole("padded in front of time and at the sides at once")
        return Step(slides=True, alias=bool(front), new=new)

    def _transpose(self, layer: Transpose) -> Step:
        if layer.perm[0] != 0:
            raise _Whole("time becomes another axis")
        return self._row_by_row(layer)

    # What comes out

    def report(self) -> list[LayerReport]:
        lines, pads = [], front_pads(self.network, self.steps)
        for number, layer in enumerate(self.network.layers):
            step, y = self.steps[layer], layer.output
            a_view = step.alias or (isinstance(layer, Reshape) and layer not in self.reasons)
            if (a_view and layer not in pads) or y.index in self.fixed:
                continue
            kept = 0
            if step.pool_step:
                kept = fmt.avg_pool_step_state_bytes(*y.shape[1:], layer.window.kernel[0])
            elif not step.alias and self._slides(layer.inputs[0]):
                x = layer.inputs[0]
                kept = max(0, self.needs[layer] - self.rows[x.index].new) * x.row_bytes
            streams, reason = step.slides or step.pool_step, self.reasons.get(layer, "")
            lines.append(LayerReport(layer.name, streams, self.rows[y.index].new, y.shape[0], kept, reason, number, layer in pads))
        return lines


def plan_steps(network: Network, hop: int) -> tuple[Schedule | None, list[LayerReport], str]:
    """(the step program's schedule or None, a line a layer, why there is no step program).

    hop: frames between two rows of scores.
    """
    if network.variables:
        return None, [], "the network keeps its state in variables: each run takes new frames only"
    if hop > network.input.shape[0]:
        return None, [], f"the decision hop of {hop} frames is longer than the window of {network.input.shape[0]}"
    planner = _Planner(network, hop)
    planner.run()
    lines = planner.report()
    if not any(line.streams for line in lines):
        why = "no layer streams"
    elif not saves(network, planner.rows, planner.steps):
        why = "a step would compute as much as the window"
    elif max(rows.missing for rows in planner.rows.values()) > fmt.MAX_DIMENSION:
        why = f"the first step would lie more than {fmt.MAX_DIMENSION} rows before the first scores"
    else:
        why = ""
    if why:
        return None, [replace(line, streams=False, state_bytes=0, pads_front=False) for line in lines], why
    return Schedule(ProgramKind.STEP, planner.rows, planner.steps), lines, ""
