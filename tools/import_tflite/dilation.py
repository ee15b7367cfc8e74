"""Dilated convolutions as TensorFlow's converter leaves them when the batch is not fixed.

SPACE_TO_BATCH_ND deals every d-th row out to a batch of d images, a convolution without padding runs over each, and
BATCH_TO_SPACE_ND collects the rows again. Together they are one convolution with dilation d and padding of its own.
"""

from collections import Counter
from dataclasses import replace

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Graph, Operator
from tools.import_tflite.schema import PADDINGS, TensorType

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
Pairs = list[tuple[int, int]]


def with_dilations(graph: Graph) -> Graph:
    """The graph with such operators replaced by one convolution each; options gain "pads" ((top, bottom), (left, right))."""
    readers = Counter(i for op in graph.operators for i in {*op.inputs})
    readers.update(graph.outputs)
    next_reader = {i: op for op in graph.operators for i in op.inputs if i >= 0 and readers[i] == 1}
    replaced: dict[int, Operator | None] = {}
    for op in graph.operators:
        if op.name == "SPACE_TO_BATCH_ND":
            chain = _chain(op, next_reader)
            fused = _fused(graph, chain) if chain else None
            if fused:
                # The last one's place: by then all that it reads is computed.
                replaced |= {one.index: None for one in chain} | {chain[-1].index: fused}
    kept = [replaced.get(op.index, op) for op in graph.operators]
    return replace(graph, operators=tuple(op for op in kept if op))


def _chain(first: Operator, next_reader: dict[int, Operator]) -> list[Operator]:
    """From a SPACE_TO_BATCH_ND to the BATCH_TO_SPACE_ND, one convolution and reshapes between them; [] for anything else."""
    chain = [first]
    while chain[-1].name != "BATCH_TO_SPACE_ND":
        following = next_reader.get(chain[-1].outputs[0]) if len(chain[-1].outputs) == 1 else None
        if following is None or following.inputs[0] != chain[-1].outputs[0] or following.name not in (*CONVOLUTIONS, *RESHAPES, "BATCH_TO_SPACE_ND"):
            return []
        chain.append(following)
    return chain if sum(op.name in CONVOLUTIONS for op in chain) == 1 and len(chain[-1].outputs) == 1 else []


def _pairs(graph: Graph, index: int, width: int) -> list[tuple[int, ...]] | None:
    """A constant's rows of `width` integers, one or two of them."""
    info = graph.tensors[index] if index >= 0 else None
    if info is None or info.data is None or info.type not in (TensorType.INT32, TensorType.INT64) or info.elements not in (width, 2 * width):
        return None
    return [tuple(int(n) for n in row) for row in info.array().reshape(-1, width)]


def _fused(graph: Graph, chain: list[Operator]) -> Operator | None:
    first, last = chain[0], chain[-1]
    if len(first.inputs) != 3 or len(last.inputs) != 3:
        return None
    blocks, pads = _pairs(graph, first.inputs[1], 1), _pairs(graph, first.inputs[2], 2)
    blocks_back, crops = _pairs(graph, last.inputs[1], 1), _pairs(graph, last.inputs[2], 2)
    if None in (blocks, pads, blocks_back, crops) or blocks != blocks_back or not len(blocks) == len(pads) == len(crops):
        return None
    conv = next(op for op in chain if op.name in CONVOLUTIONS)
    o, rank = conv.options, len(graph.tensors[first.inputs[0]].dims)
    plain = (o["stride_h"], o["stride_w"], o["dilation_h"], o["dilation_w"]) == (1, 1, 1, 1) and PADDINGS.get(o["padding"]) == "valid"
    if not plain or rank != len(blocks) + 2:
        return None
    if rank == 3 and graph.tensors[conv.inputs[0]].dims[1:2] != (1,):
        raise TfliteError(f"operator {conv.index} ({conv.name}): one-dimensional and dilated, but not along the width")
    # What is cropped at the end is padding that only fills the last round of dealing.
    own: Pairs = [(before, after - crop) for (before, after), (_, crop) in zip(pads, crops, strict=True)]
    if any(crop for crop, _ in crops) or any(not 0 <= n < 1 << 16 for pair in own for n in pair) or any(not 1 <= d < 1 << 16 for (d,) in blocks):
        return None
    dilations = [1] * (2 - len(blocks)) + [d for (d,) in blocks]
    options = {**o, "dilation_h": dilations[0], "dilation_w": dilations[1], "pads": tuple([(0, 0)] * (2 - len(own)) + own)}
    return replace(conv, inputs=(first.inputs[0], *conv.inputs[1:]), outputs=last.outputs, options=options)
