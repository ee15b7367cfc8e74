"""What a stream's scores should be: the network laid over all frames since the reset, by way of its window program alone."""

from dataclasses import replace

from tools.blob import arena
from tools.blob.lower import lower
from tools.blob.network import Layer, Network, Slice, Tensor
from tools.blob.pack import pack
from tools.blob.program import Weights
from tools.blob.schedule import Schedule


def extended(network: Network, schedule: Schedule, steps: int) -> Network:
    """`network` over `steps` more decision hops of frames. What the step program slides is longer by its rows of as many
    steps; what it computes whole sees the newest rows."""
    spare = 1 + max([network.input.index, *network.constants, *(layer.output.index for layer in network.layers)])
    longer: dict[int, Tensor] = {}
    layers: list[Layer] = []

    def grown(t: Tensor) -> Tensor:
        rows = schedule.of(t)
        return replace(t, shape=(t.shape[0] + steps * rows.new * rows.slides, *t.shape[1:]))

    def newest(t: Tensor) -> Tensor:
        """t's rows as the window program has them."""
        nonlocal spare
        long = longer.get(t.index, t)
        if long.shape == t.shape:
            return long
        cut = Tensor(spare, t.shape, t.quant)
        spare += 1
        layers.append(Slice("newest", (long,), cut, (long.shape[0] - t.shape[0], 0, 0), (1, 1, 1)))
        return cut

    longer[network.input.index] = grown(network.input)
    for layer in network.layers:
        if schedule.step(layer).slides:
            inputs = tuple(longer.get(t.index, t) for t in layer.inputs)
        else:
            inputs = tuple(newest(t) for t in layer.inputs)
        longer[layer.output.index] = grown(layer.output)
        layers.append(replace(layer, inputs=inputs, output=longer[layer.output.index]))
    return Network(longer[network.input.index], newest(network.output), layers, network.constants)


def blob_of(network: Network) -> bytes:
    """A bare network's blob, without a step program."""
    weights = Weights()
    program = lower(network, weights)
    arena.plan(program)
    return pack([program], weights, frontend=b"", labels=[], decision_hop_frames=0, meta={})
