"""BlobWriter: a quantised network, layer by layer, into the bytes of a .kws blob."""

from collections.abc import Sequence

import numpy as np

from tools.blob import arena
from tools.blob import format as fmt
from tools.blob.elementwise import ElementwiseLayers
from tools.blob.fold import fold
from tools.blob.linear import LinearLayers
from tools.blob.lower import lower
from tools.blob.moves import MovingLayers
from tools.blob.network import Assign, Network, Quant, Shape, Tensor, Variable
from tools.blob.pack import pack
from tools.blob.program import Program, Weights
from tools.blob.schedule import Schedule
from tools.blob.stream_plan import plan_steps
from tools.blob.stream_report import LayerReport
from tools.blob.windows import same_padding

__all__ = ["BlobWriter", "Quant", "Shape", "Tensor", "Variable", "same_padding"]


LONGEST_HOP = 8  # that is looked at
WINDOW_HOP = 4


def best_hop(network: Network) -> int:
    """Frames from one row of scores to the next, see BlobWriter."""
    frames = network.input.shape[0]
    if network.variables:
        return frames
    plans = {hop: plan_steps(network, hop) for hop in range(1, min(LONGEST_HOP, frames) + 1)}
    streams = {hop: sum(line.streams for line in report) for hop, (schedule, report, _) in plans.items() if schedule}
    return min(streams, key=lambda hop: (-streams[hop], hop)) if streams else min(WINDOW_HOP, frames)


class BlobWriter(LinearLayers, ElementwiseLayers, MovingLayers):
    """Collects a network; `finish` returns the blob.

    frontend: section bytes (FrontendConfig.section), or b"" for a bare network that cannot be streamed.
    labels: one a class, or none. meta: anything JSON can hold (command, seed, figures, detector defaults).
    decision_hop_frames: a stream makes scores every so many frames; 0 exactly when there is no front end; None for what suits
    the network: all rows of its input where it has variables, else the fewest frames with which most layers stream, 4 where none does.
    Methods that add a layer take and return tensors (h, w, c); h is time. They raise ValueError, which names the layer,
    for what the kernels cannot do.
    """

    def __init__(self, *, frontend: bytes = b"", labels: Sequence[str] = (), decision_hop_frames: int | None = 0, meta: dict | None = None) -> None:
        super().__init__()
        if bool(frontend) != (decision_hop_frames != 0):
            raise ValueError("decision_hop_frames is for a blob with a front end, and needed there")
        self._texts = {"frontend": frontend, "labels": list(labels), "decision_hop_frames": decision_hop_frames, "meta": meta or {}}
        self._input: Tensor | None = None
        self.network: Network | None = None
        self.schedule: Schedule | None = None
        self.programs: list[Program] = []
        self.report: list[LayerReport] = []
        self.no_step_program = ""

    def input(self, shape: Shape, quant: Quant) -> Tensor:
        """The network's input [h, w, c]; with a front end h is the window in frames and w * c its features."""
        if self._input:
            raise ValueError("a network has one input")
        self._input = self.new_tensor(shape, quant)
        return self._input

    def finish(self, output: Tensor | None = None, *, stream: str = "auto") -> bytes:
        """The blob. output: the tensor that was added last by default. stream: "auto" or "off", then without a step program.

        Afterwards `report` has a line for each layer about what streams, `no_step_program` says why there is none (or is
        empty), `network` is what was left to do, `schedule` the step program's and `programs` the plans.
        """
        if stream not in ("auto", "off"):
            raise ValueError(f'stream is "auto" or "off", not {stream!r}')
        self.network = network = self._network(output)
        hop = self._texts["decision_hop_frames"]
        if hop is None:
            hop = self._texts["decision_hop_frames"] = best_hop(network)
        self.schedule, self.report, self.no_step_program = None, [], "there is no front end" if not hop else "switched off"
        if hop and stream == "auto":
            self.schedule, self.report, self.no_step_program = plan_steps(network, hop)
        weights = Weights()
        self.programs = [lower(network, weights)]
        if self.schedule:
            self.programs.append(lower(network, weights, self.schedule))
            if sum(len(program.ops) for program in self.programs) > fmt.MAX_OPS:
                blob = self.finish(output, stream="off")
                self.no_step_program = f"two programs would have more than {fmt.MAX_OPS} ops"
                return blob
        for program in self.programs:
            arena.plan(program)
        return pack(self.programs, weights, **self._texts)

    def _network(self, output: Tensor | None) -> Network:
        """What was collected, folded."""
        if not self._input:
            raise ValueError("the network has no input")
        if output is None:
            results = [layer.output for layer in self.layers if not isinstance(layer, Assign)]
            output = results[-1] if results else self._input
        labels, hop = self._texts["labels"], self._texts["decision_hop_frames"]
        if labels and len(labels) != np.prod(output.shape):
            raise ValueError(f"{len(labels)} labels for {np.prod(output.shape)} classes")
        network = fold(Network(self._input, output, list(self.layers), self.constants), len(self.tensors))
        if hop and network.variables and hop != self._input.shape[0]:
            raise ValueError(f"a network with variables sees each frame once, but the hop is {hop} frames and the input {self._input.shape[0]}")
        return network
