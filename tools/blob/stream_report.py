"""What people are told of a step program's plan: what streams, why the rest does not, and where a stream is not the window."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tools.blob.network import Layer, Linear, Lut, Network, Pad, Pool, Slice, Softmax
from tools.blob.schedule import Rows, Step


@dataclass(frozen=True)
class LayerReport:
    """streams: a step computes `rows` new rows of `of`, from state_bytes of older ones; else `reason` says why not.

    number: of the layer, its place in Network.layers. pads_front: it pads the front of time, and the padding reaches the
    scores of a window; a stream has the rows before the window there.
    """

    layer: str
    streams: bool
    rows: int
    of: int
    state_bytes: int = 0
    reason: str = ""
    number: int = 0
    pads_front: bool = False


def future_rows(count: int) -> str:
    """Why a layer that is padded behind does not stream, and what to do."""
    return f"padded at the end of time: needs {count} future row{'s' * (count > 1)} (use padding 'valid' or causal)"


def uneven_step(new: int, stride: int, hop: int, frames: int) -> str:
    """Why a layer with this stride in time does not stream, and what to do. hop: gives it `new` rows; frames: of the input."""
    fits = hop * stride // math.gcd(new, stride)
    advice = f" (--decision-hop {fits} fits)" if fits <= frames else ""
    return f"a step of {new} row{'s' * (new > 1)} is not a multiple of its stride {stride}{advice}"


def saves(network: Network, rows: Mapping[int, Rows], steps: Mapping[Layer, Step]) -> bool:
    """A step computes less than the window: fewer multiply-accumulates, or fewer rows where there are none."""
    new = {layer: rows[layer.output.index].new if step.slides else layer.output.shape[0] for layer, step in steps.items()}
    whole = sum(layer.macs for layer in network.layers)
    if not whole:
        return any(new[layer] < layer.output.shape[0] or step.pool_step for layer, step in steps.items())
    return sum(layer.macs * count // layer.output.shape[0] for layer, count in new.items()) < whole


def _seen(layer: Layer, step: Step, count: int) -> int:
    """How many rows of the output, the oldest ones, see any of the `count` oldest of an input, or padding in front of them."""
    height = layer.output.shape[0]
    if isinstance(layer, (Linear, Pool)) and layer.window:
        seen = math.ceil((count + layer.window.pads[0]) / layer.window.stride[0])
    elif isinstance(layer, Pad):
        seen = count + layer.pads[0][0]
    elif isinstance(layer, Slice) and layer.stride[0] > 0:
        seen = math.ceil((count - layer.begin[0]) / layer.stride[0])
    else:
        each = step.slides or isinstance(layer, (Lut, Softmax))
        seen = count if each else height * (count > 0)
    return max(0, min(height, seen))


def front_pads(network: Network, steps: Mapping[Layer, Step]) -> set[Layer]:
    """The layers that stream, and pad the front of time with what a window's scores depend on."""
    seen: dict[int, dict[Layer, int]] = {}  # by tensor index: how many of its oldest rows depend on a layer's padding
    for layer in network.layers:
        pads: dict[Layer, int] = {}
        for t in layer.inputs:
            for source, count in seen.get(t.index, {}).items():
                pads[source] = max(pads.get(source, 0), _seen(layer, steps[layer], count))
        if steps[layer].slides and isinstance(layer, (Linear, Pad)):
            pads[layer] = _seen(layer, steps[layer], 0)
        seen[layer.output.index] = {source: count for source, count in pads.items() if count}
    return set(seen.get(network.output.index, {}))
