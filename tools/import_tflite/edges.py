"""The network's input and output: int8 in the blob, whatever the file has at its edges."""

from dataclasses import dataclass

from tools.blob.network import Quant, Shape
from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Graph, TensorInfo
from tools.import_tflite.net import int8_quant
from tools.import_tflite.schema import TensorType
from tools.import_tflite.shapes import dims4, natural_shape

RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")


@dataclass(frozen=True)
class Edge:
    """How the file's tensor and the blob's int8 belong together: value = scale * (q - zero_point), uint8 = q + 128."""

    name: str
    type: TensorType
    shape: Shape
    quant: Quant

    def meta(self) -> dict[str, object]:
        return {"type": self.type.name.lower(), "scale": self.quant.scale, "zero_point": self.quant.zero_point}

    def __str__(self) -> str:
        shape = " x ".join(str(n) for n in self.shape)
        note = "" if self.type == TensorType.INT8 else f", {self.type.name.lower()} in the file"
        return f"int8 {shape}, scale {self.quant.scale:.6g}, zero point {self.quant.zero_point}{note}"


def input_edge(graph: Graph, features: int | None) -> Edge:
    """features: what the front end makes of a frame, None without one; the rows of the input are frames."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise TfliteError(f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs: a network has one of each")
    info = graph.tensors[graph.inputs[0]]
    try:
        quant = _quant_of_float(graph, info) if info.type == TensorType.FLOAT32 else int8_quant(info)
        return Edge(info.name, info.type, _shape(graph, info, features), quant)
    except TfliteError as error:
        raise TfliteError(f"the network's input: {error}") from error


def _quant_of_float(graph: Graph, info: TensorInfo) -> Quant:
    """What the QUANTIZE behind a float input makes of it."""
    floats, quants = {info.index}, set()
    for op in graph.operators:
        if not op.inputs or op.inputs[0] not in floats or not op.outputs:
            continue
        if op.name in RESHAPES:
            floats.add(op.outputs[0])
        elif op.name == "QUANTIZE":
            quants.add(int8_quant(graph.tensors[op.outputs[0]]))
    if not quants:
        raise TfliteError(f"{info} is never quantised, this is a float model: convert with full integer quantisation")
    if len(quants) > 1:
        raise TfliteError(f"{info} is quantised in {len(quants)} ways, where the blob's int8 input has one")
    return quants.pop()


def _shape(graph: Graph, info: TensorInfo, features: int | None) -> Shape:
    """(h, w, c) with a frame a row: the file's own shape, or what the first operators make of it."""
    _, h, w, c = dims4(info.dims)
    if len(info.dims) > 1 and info.dims[0] != 1:
        raise TfliteError(f"{info}: the batch must be 1")
    shapes = [natural_shape(info.dims)]
    index = info.index
    for op in graph.operators:
        if op.inputs and op.inputs[0] == index and op.outputs and op.name in (*RESHAPES, "QUANTIZE"):
            index = op.outputs[0]
            after = graph.tensors[index]
            if after.elements == info.elements and len(after.dims) <= 4:
                shapes.append(natural_shape(after.dims))
    shapes += [(w, 1, c)] if h == 1 else []
    if features is not None:
        shapes = [s for s in shapes if s[1] * s[2] == features]
        if not shapes:
            raise TfliteError(f"{info} has {info.elements} values, which are not rows of the front end's {features} features")
        # A network with state takes one frame or a few; all others take a window.
        return max(shapes, key=lambda s: s[0] > 1)
    if len(info.dims) == 4 or shapes[0][0] > 1:
        return shapes[0]
    return next((s for s in shapes if s[0] > 1 and s[1] * s[2] > 1), shapes[0])
