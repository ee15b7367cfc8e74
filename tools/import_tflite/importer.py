"""A .tflite model, operator by operator, into a blob."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.blob.network import Tensor
from tools.blob.writer import BlobWriter
from tools.import_tflite import elementwise, linear, movement, pooling, recurrent, state
from tools.import_tflite.dilation import with_dilations
from tools.import_tflite.edges import Edge, input_edge
from tools.import_tflite.elementwise import dequantised
from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.folding import ONLY_FOLDED, fold
from tools.import_tflite.frontend import Frontend
from tools.import_tflite.graph import Graph, Operator, read, short
from tools.import_tflite.net import Floats, Handler, Net
from tools.import_tflite.schema import TensorType

HANDLERS: dict[str, Handler] = {
    **linear.HANDLERS, **recurrent.HANDLERS, **pooling.HANDLERS, **elementwise.HANDLERS, **movement.HANDLERS, **state.HANDLERS
}  # fmt: skip

HINTS = {"WHILE": " (Keras' LSTM and GRU are made of it)"}


@dataclass(frozen=True)
class ImportReport:
    """blob: the bytes. tensors: by the file's tensor index, the writer's tensor with the same values (uint8 less 128; a
    float tensor's int8). writer: has finished; its report says what streams."""

    blob: bytes
    tensors: dict[int, Tensor]
    input: Edge
    output: Edge
    writer: BlobWriter


def import_model(
    data: bytes, *, frontend: Frontend | None = None, labels: Sequence[str] = (), decision_hop_frames: int | None = None,
    meta: dict | None = None, stream: str = "auto",
) -> ImportReport:  # fmt: skip
    """The blob of a .tflite file's bytes. labels and meta are BlobWriter's; how the file's input and output are
    quantised is added to meta as "input" and "output".

    frontend: none makes a bare network that can be run but not streamed. decision_hop_frames: a stream makes scores every
    so many frames; BlobWriter chooses by default.
    stream: "off" leaves the step program out. Raises TfliteError for what cannot be imported. The blob computes the same
    bytes as TensorFlow Lite's reference kernels.
    """
    model = read(data)
    graph = with_dilations(model.graphs[0])
    unsupported = _unsupported(graph)
    try:
        source = input_edge(graph, frontend.n_out if frontend else None)
    except TfliteError as error:
        raise TfliteError("; ".join([*unsupported, str(error)])) from error
    if unsupported:
        raise TfliteError("; ".join(unsupported))
    meta = {"input": source.meta(), **(meta or {})}  # the writer looks at it when it finishes
    hop = 0 if frontend is None and decision_hop_frames is None else decision_hop_frames
    try:
        writer = BlobWriter(frontend=frontend.section(source.quant) if frontend else b"", labels=labels, decision_hop_frames=hop,
                            meta=meta)  # fmt: skip
        net = Net(model, graph, writer)
        x = writer.input(source.shape, source.quant)
    except ValueError as error:
        raise TfliteError(f"the network's input and front end: {error}") from error
    if source.type == TensorType.FLOAT32:
        net.floats[graph.inputs[0]] = Floats(x, dequantised(source.quant))
    else:
        net.values[graph.inputs[0]] = x
    with np.errstate(all="ignore"):  # scales that overflow are told of as such
        for op in graph.operators:
            _import(net, op)
    sink, y = _output_edge(net, x)
    meta.setdefault("output", sink.meta())
    try:
        blob = writer.finish(y, stream=stream)
    except (ValueError, OverflowError, struct.error) as error:
        raise TfliteError(str(error)) from error
    tensors = {i: f.tensor for i, f in net.floats.items()} | net.values
    return ImportReport(blob, tensors, source, sink, writer)


def _unsupported(graph: Graph) -> list[str]:
    """The operators that there is no way to import, each name once."""
    found: dict[str, str] = {}
    for op in graph.operators:
        if op.name not in HANDLERS and op.name not in ONLY_FOLDED:
            where = f", tensor {short(graph.tensors[op.outputs[0]].name)}" if op.outputs else ""
            hint = HINTS.get(op.name, "")
            found.setdefault(op.name, f"operator {op.index} ({op.name}{where}): this operator is not supported{hint}")
    return list(found.values())


def _import(net: Net, op: Operator) -> None:
    try:
        if not fold(net, op):
            if op.name not in HANDLERS:
                raise TfliteError("this operator is not supported")
            HANDLERS[op.name](net, op)
    except (ValueError, OverflowError, struct.error) as error:
        target = next((i for i in (*op.outputs, *op.inputs) if i >= 0), None)
        where = f", tensor {short(net.graph.tensors[target].name)}" if target is not None else ""
        raise TfliteError(f"operator {op.index} ({op.name}{where}): {error}") from error


def _output_edge(net: Net, x: Tensor) -> tuple[Edge, Tensor]:
    info = net.info(net.graph.outputs[0])
    floats = net.floats.get(info.index)
    y = floats.tensor if floats else net.values.get(info.index)
    if y is None or y is x:
        raise TfliteError(f"the network's output: {info} is not computed from its input")
    return Edge(info.name, info.type, y.shape, y.quant), y
