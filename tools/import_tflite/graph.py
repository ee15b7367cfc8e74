"""A .tflite file as plain objects: graphs of tensors and operators whose every index, shape and constant has been checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tools.import_tflite import schema
from tools.import_tflite.flatbuffer import Reader, Table, TfliteError
from tools.import_tflite.schema import DTYPES, TensorType

MAX_GRAPHS = 64
MAX_TENSORS = 16384  # of a graph
MAX_OPERATORS = 2048  # of a graph
MAX_OPERANDS = 1024  # of an operator
MAX_ALL_OPERANDS = 1 << 15  # of a graph
MAX_RANK = 8
MAX_ELEMENTS = 1 << 26  # of a tensor


@dataclass(frozen=True)
class TensorInfo:
    """A tensor as the file declares it.

    data: the constant's bytes, None for a tensor that is computed or fed. dynamic: the file leaves dimensions open, and `dims`
    has 1 there.
    """

    index: int
    name: str
    dims: tuple[int, ...]
    type: TensorType
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int  # of the scales, when there are several
    data: memoryview | None
    variable: bool
    dynamic: bool = False

    def __str__(self) -> str:
        return f"tensor {self.index} {short(self.name)} ({self.type.name} {list(self.dims)})"

    @property
    def elements(self) -> int:
        return math.prod(self.dims)

    def array(self) -> np.ndarray:
        """A constant's values [dims], not copied."""
        if self.data is None:
            raise TfliteError(f"{self} is computed, where only a constant can be used")
        if self.type not in DTYPES:
            raise TfliteError(f"{self} is a constant of a type that is not supported")
        return np.frombuffer(self.data, DTYPES[self.type]).reshape(self.dims)


@dataclass(frozen=True)
class Operator:
    """inputs, outputs: tensors' indices, -1 for an input that is left out. options: the schema's fields by name."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, object]


@dataclass(frozen=True)
class Graph:
    index: int
    tensors: tuple[TensorInfo, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    description: str
    graphs: tuple[Graph, ...]


def short(name: str, limit: int = 60) -> str:
    """A name from the file, fit to be printed."""
    return repr(name if len(name) <= limit else "..." + name[3 - limit :])


def read(data: bytes) -> Model:
    """The model in a .tflite file; raises TfliteError for a file that is not a sound one."""
    slots = schema.MODEL
    root = Reader(data).root(schema.IDENTIFIER)
    version = root.scalar(slots["version"], "I", 0)
    if version != schema.VERSION:
        raise TfliteError(f"version {version} of the format; version {schema.VERSION} is imported")
    names = [_operator_name(code) for code in root.tables(slots["operator_codes"], MAX_OPERATORS, "operator codes")]
    buffers = [_buffer(table, i) for i, table in enumerate(root.tables(slots["buffers"], MAX_TENSORS, "buffers"))]
    graphs = root.tables(slots["subgraphs"], MAX_GRAPHS, "graphs")
    if not graphs:
        raise TfliteError("the file holds no graph")
    return Model(root.string(slots["description"]), tuple(_graph(table, i, names, buffers) for i, table in enumerate(graphs)))


def _operator_name(table: Table) -> str:
    slots = schema.OPERATOR_CODE
    code = max(table.scalar(slots["deprecated_builtin_code"], "b", 0), table.scalar(slots["builtin_code"], "i", 0))
    if not 0 <= code < len(schema.OPERATORS):
        return f"number {code}"
    name = schema.OPERATORS[code]
    return f"{name} {short(table.string(slots['custom_code']))}" if name == "CUSTOM" else name


def _buffer(table: Table, index: int) -> memoryview:
    if table.scalar(schema.BUFFER["offset"], "Q", 0) > 1:
        raise TfliteError(f"buffer {index} lies behind the flatbuffer (a model of more than 2 GB), which is not supported")
    return table.raw(schema.BUFFER["data"])


def _graph(table: Table, index: int, names: list[str], buffers: list[memoryview]) -> Graph:
    slots = schema.SUBGRAPH
    tensors = [_tensor(t, i, buffers) for i, t in enumerate(table.tables(slots["tensors"], MAX_TENSORS, "tensors"))]
    operators = [_operator(t, i, names) for i, t in enumerate(table.tables(slots["operators"], MAX_OPERATORS, "operators"))]
    if sum(len(op.inputs) + len(op.outputs) for op in operators) > MAX_ALL_OPERANDS:
        raise TfliteError(f"the operators of graph {index} have more than {MAX_ALL_OPERANDS} inputs and outputs")
    graph = Graph(index, tuple(tensors), tuple(operators), table.numbers(slots["inputs"], "i"), table.numbers(slots["outputs"], "i"))
    _check_order(graph)
    return graph


def _tensor(table: Table, index: int, buffers: list[memoryview]) -> TensorInfo:
    slots = schema.TENSOR
    name = table.string(slots["name"])
    label = f"tensor {index} {short(name)}"
    number = table.scalar(slots["type"], "b", 0)
    if number not in TensorType.__members__.values():
        raise TfliteError(f"{label} has the unknown type {number}")
    dims = table.numbers(slots["shape"], "i")
    if len(dims) > MAX_RANK or any(n < 1 for n in dims) or math.prod(dims) > MAX_ELEMENTS:
        raise TfliteError(f"{label} has the shape {list(dims[: MAX_RANK + 1])}: at most {MAX_RANK} dimensions of at least 1 are imported")
    if table.table(slots["sparsity"]) or table.scalar(slots["external_buffer"], "I", 0):
        raise TfliteError(f"{label} is sparse or lies outside of the file, which is not supported")
    number_of_buffer = table.scalar(slots["buffer"], "I", 0)
    if number_of_buffer >= max(1, len(buffers)):
        raise TfliteError(f"{label} has buffer {number_of_buffer} of {len(buffers)}")
    data = buffers[number_of_buffer] if number_of_buffer else None
    data = data if data else None  # an empty buffer is none
    type_ = TensorType(number)
    if data is not None and type_ in DTYPES and len(data) != math.prod(dims) * DTYPES[type_].itemsize:
        raise TfliteError(f"{label} of shape {list(dims)} and type {type_.name} has {len(data)} bytes of data")
    scales, zero_points, axis = _quantisation(table.table(slots["quantization"]), label, dims)
    variable, dynamic = bool(table.scalar(slots["is_variable"], "B", 0)), -1 in table.numbers(slots["shape_signature"], "i")
    return TensorInfo(index, name, dims, type_, scales, zero_points, axis, data, variable, dynamic and data is None)


def _quantisation(table: Table | None, label: str, dims: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table is None:
        return (), (), 0
    slots = schema.QUANTIZATION
    if table.scalar(slots["details_type"], "B", 0):
        raise TfliteError(f"{label} has a quantisation that is not a scale and a zero point")
    scales, zero_points = table.numbers(slots["scale"], "f"), table.numbers(slots["zero_point"], "q")
    zero_points = zero_points or (0,) * len(scales)
    axis = table.scalar(slots["quantized_dimension"], "i", 0)
    if len(zero_points) != len(scales) or not all(0 <= s < math.inf for s in scales) or not all(abs(z) <= 1 << 16 for z in zero_points):
        raise TfliteError(f"{label} has scales {list(scales[:4])} and zero points {list(zero_points[:4])}")
    if len(scales) > 1 and not (0 <= axis < len(dims) and dims[axis] == len(scales)):
        raise TfliteError(f"{label} of shape {list(dims)} has {len(scales)} scales along dimension {axis}")
    return scales, zero_points, axis


def _operator(table: Table, index: int, names: list[str]) -> Operator:
    slots = schema.OPERATOR
    opcode = table.scalar(slots["opcode_index"], "I", 0)
    if opcode >= len(names):
        raise TfliteError(f"operator {index} has code {opcode} of {len(names)}")
    name = names[opcode]
    inputs, outputs = (table.numbers(slots[key], "i") for key in ("inputs", "outputs"))
    if len(inputs) > MAX_OPERANDS or len(outputs) > MAX_OPERANDS:
        raise TfliteError(f"operator {index} ({name}) has {len(inputs)} inputs and {len(outputs)} outputs; up to {MAX_OPERANDS} are imported")
    return Operator(index, name, inputs, outputs, _options(table, index, name))


def _options(table: Table, index: int, name: str) -> dict[str, object]:
    if name not in schema.OPTIONS:
        return {}
    number, fields = schema.OPTIONS[name]
    found = table.scalar(schema.OPERATOR["builtin_options_type"], "B", 0)
    options = table.table(schema.OPERATOR["builtin_options"]) if found else None
    if options is None:
        return {field: default for field, (_, _, default) in fields.items()}
    if found != number:
        raise TfliteError(f"operator {index} ({name}) has the options of another operator")
    values: dict[str, object] = {}
    for field, (slot, code, default) in fields.items():
        if code == "s":
            values[field] = options.string(slot)
        elif code[0] == "[":
            values[field] = options.numbers(slot, code[1:])
        else:
            values[field] = options.scalar(slot, code, default)
    return values


def _check_order(graph: Graph) -> None:
    """Every tensor is written once, before it is read: then the operators can be imported in the file's order."""
    n = len(graph.tensors)

    def check(indices: tuple[int, ...], who: str, lowest: int = 0) -> None:
        for i in indices:
            if not lowest <= i < n:
                raise TfliteError(f"{who} refers to tensor {i} of {n}")

    check(graph.inputs, "the graph's input")
    check(graph.outputs, "the graph's output")
    known = {t.index for t in graph.tensors if t.data is not None or t.variable} | set(graph.inputs)
    if any(graph.tensors[i].data is not None for i in graph.inputs):
        raise TfliteError("an input of the graph is a constant")
    for op in graph.operators:
        who = f"operator {op.index} ({op.name})"
        check(op.inputs, who, lowest=-1)
        check(op.outputs, who)
        for i in op.inputs:
            if i >= 0 and i not in known:
                raise TfliteError(f"{who} reads {graph.tensors[i]} before it is computed")
        for i in op.outputs:
            if i in known:
                raise TfliteError(f"{who} writes {graph.tensors[i]}, which is an input, a constant, or written before")
            known.add(i)
    for i in graph.outputs:
        if i not in known:
            raise TfliteError(f"the graph's output {graph.tensors[i]} is not computed")
