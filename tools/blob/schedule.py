"""What a program computes at each run: the rows of every tensor. stream_plan.py makes the step program's schedule."""

from dataclasses import dataclass, field

from tools.blob.format import ProgramKind
from tools.blob.network import Layer, Tensor


@dataclass
class Rows:
    """A tensor's rows (its first dimension is time). Sliding: each run computes the `new` newest; `hist` older ones are
    kept from the runs before; at the end of the first run, `missing` of the new ones do not exist yet. Else each run
    computes all of them."""

    new: int
    hist: int = 0
    missing: int = 0
    slides: bool = False


@dataclass
class Step:
    """How a layer runs. slides: it computes the `new` newest rows of its output, from rows that end `lag` rows before the
    newest of its input; alias: those rows are the output. pool_step: its state is sums of rows (AVG_POOL_STEP)."""

    slides: bool = False
    new: int = 0
    lag: int = 0
    alias: bool = False
    pool_step: bool = False


@dataclass
class Schedule:
    """The default is the window program's: everything is computed at each run."""

    kind: ProgramKind = ProgramKind.WINDOW
    rows: dict[int, Rows] = field(default_factory=dict)  # by tensor index
    steps: dict[Layer, Step] = field(default_factory=dict)

    def of(self, t: Tensor) -> Rows:
        return self.rows.get(t.index) or Rows(t.shape[0])

    def step(self, layer: Layer) -> Step:
        return self.steps.get(layer) or Step()
