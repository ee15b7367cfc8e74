"""Which tensors can lie inside others, so that concatenating, padding and reading variables copies nothing."""

from tools.blob import copies
from tools.blob.network import Assign, Concat, Layer, Network, Pad, Read, Reshape, Slice, Tensor
from tools.blob.schedule import Schedule

# Layers without an op that writes a buffer of their own.
_VIEWS = (Reshape, Slice, Read)


def _source(network: Network, schedule: Schedule, t: Tensor) -> Tensor | None:
    """The tensor whose op writes t's bytes, if it can be told to write them elsewhere."""
    producers = {layer.output.index: layer for layer in network.layers}
    while isinstance(producers.get(t.index), Reshape):
        t = producers[t.index].inputs[0]
    producer, rows = producers.get(t.index), schedule.of(t)
    if producer is None or isinstance(producer, _VIEWS) or schedule.step(producer).alias or rows.slides or rows.hist:
        return None
    return t


def parts_in_place(network: Network, schedule: Schedule) -> dict[int, tuple[Tensor, int]]:
    """Tensor index -> the concatenation or padding that it is written into at once, and the byte where it begins there."""
    parts: dict[int, tuple[Tensor, int]] = {}
    for layer in network.layers:
        rows = schedule.of(layer.output)
        if rows.slides or rows.hist or not isinstance(layer, (Concat, Pad)):
            continue
        if isinstance(layer, Pad):
            if not copies.pads_rows(layer) or schedule.step(layer).alias:
                continue
            at = layer.pads[0][0] * layer.output.row_bytes
        elif not copies.concat_is_contiguous(layer):
            continue
        else:
            at = 0
        for t in layer.inputs:
            source = _source(network, schedule, t)
            if source and source.index not in parts:
                parts[source.index] = layer.output, at
            at += t.bytes
    return parts


def outlives(network: Network, read: Read) -> bool:
    """Whether somebody needs what was read after the variable has been assigned a new value."""
    order: dict[Layer, int] = {layer: i for i, layer in enumerate(network.layers)}
    assigned = [order[a] for a in network.layers if isinstance(a, Assign) and a.variable == read.variable and order[a] > order[read]]
    if not assigned:
        return False
    views, last = [read.output], order[read]
    while views:
        t = views.pop()
        if t == network.output:
            return True
        for layer in network.consumers.get(t.index, []):
            last = max(last, order[layer])
            if isinstance(layer, (Reshape, Slice)):
                views.append(layer.output)
    return last > assigned[0]
