"""VAR_HANDLE, CALL_ONCE, READ_VARIABLE, ASSIGN_VARIABLE: what a streaming model remembers from run to run."""

import numpy as np

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Graph, Operator
from tools.import_tflite.net import Handler, Net, Variable, expect
from tools.import_tflite.schema import TensorType
from tools.import_tflite.shapes import natural_shape


def _name(op: Operator) -> str:
    return f"{op.options['container']}/{op.options['shared_name']}"


def var_handle(net: Net, op: Operator) -> None:
    expect(op, 0)
    name = _name(op)
    net.handles[op.outputs[0]] = net.variables.setdefault(name, Variable(name))


def _variable(net: Net, index: int) -> Variable:
    if index not in net.handles:
        raise TfliteError(f"{net.info(index)} is not a variable's handle")
    return net.handles[index]


def call_once(net: Net, op: Operator) -> None:
    """Takes the variables' first values from the graph that assigns constants to them."""
    expect(op, 0, 0)
    number = op.options["init_subgraph_index"]
    if not 0 < number < len(net.model.graphs):
        raise TfliteError(f"graph {number} of {len(net.model.graphs)} cannot initialise variables")
    graph: Graph = net.model.graphs[number]
    handles: dict[int, Variable] = {}
    for inner in graph.operators:
        if inner.name == "VAR_HANDLE" and len(inner.outputs) == 1:
            handles[inner.outputs[0]] = net.variables.setdefault(_name(inner), Variable(_name(inner)))
        elif inner.name == "ASSIGN_VARIABLE" and len(inner.inputs) == 2 and inner.inputs[0] in handles and inner.inputs[1] >= 0:
            value = graph.tensors[inner.inputs[1]]
            if value.data is None:
                raise TfliteError(f"graph {number} computes a variable's first value, {value}; only constants are supported")
            handles[inner.inputs[0]].initial = value
        else:
            raise TfliteError(f"graph {number} initialises variables with operator {inner.index} ({inner.name}), which is not supported")


def _cell(net: Net, variable: Variable, like: int) -> object:
    """The writer's variable, shaped and quantised as the tensor `like`."""
    if variable.cell is None:
        info, first = net.info(like), variable.initial
        shape, quant = natural_shape(info.dims), net.quant(like)
        if first is None:
            raise TfliteError(f"variable {variable.name!r} has no first value: the model's CALL_ONCE does not assign one")
        if first.dims != info.dims or first.type != info.type:
            raise TfliteError(f"variable {variable.name!r} begins as {first} and is used as {info}")
        data = first.array()
        if info.type == TensorType.UINT8:
            data = (data.astype(np.int16) - 128).astype(np.int8)
        variable.cell = net.writer.variable(shape, quant, data.reshape(shape))
    return variable.cell


def read_variable(net: Net, op: Operator) -> None:
    expect(op, 1)
    y = op.outputs[0]
    net.bind(y, net.writer.read(_cell(net, _variable(net, op.inputs[0]), y)))


def assign_variable(net: Net, op: Operator) -> None:
    expect(op, 2, 0)
    variable, x = _variable(net, op.inputs[0]), op.inputs[1]
    cell = _cell(net, variable, x)
    if net.quant(x) != cell.quant or net.info(x).elements != np.prod(cell.shape):
        raise TfliteError(f"variable {variable.name!r} is assigned {net.info(x)}, which differs from what it holds in shape or quantisation")
    net.writer.assign(cell, net.view(x, cell.shape))


HANDLERS: dict[str, Handler] = {
    "VAR_HANDLE": var_handle,
    "CALL_ONCE": call_once,
    "READ_VARIABLE": read_variable,
    "ASSIGN_VARIABLE": assign_variable,
}
