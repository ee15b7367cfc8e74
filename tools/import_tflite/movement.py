"""Operators that move bytes: RESHAPE and its kin, CONCATENATION, PACK, UNPACK, the slices, SPLIT, PAD, TRANSPOSE."""

import math

import numpy as np

from tools.blob.network import Tensor
from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.net import Handler, Net, expect
from tools.import_tflite.schema import TensorType
from tools.import_tflite.shapes import Dims, Layout, axis_of, common_layout, dims4
from tools.import_tflite.slices import Slice, strided


def alias(net: Net, op: Operator) -> None:
    """The same bytes under other dimensions: nothing is done here, whoever reads them says in which shape."""
    x, y = op.inputs[0], op.outputs[0]
    if net.info(x).elements != net.info(y).elements or net.info(x).type != net.info(y).type:
        raise TfliteError(f"{net.info(x)} into {net.info(y)}")
    if x in net.floats:
        net.floats[y] = net.floats[x]
        return
    net.same_quant(op)
    net.bind(y, net.tensor(x))


def reshape(net: Net, op: Operator) -> None:
    expect(op, (1, 2))
    target = net.numbers(op.inputs[1], 8) if len(op.inputs) > 1 else list(op.options["new_shape"])
    known = math.prod(n for n in target if n != -1)
    if target.count(-1) == 1 and known > 0:
        target[target.index(-1)] = net.info(op.inputs[0]).elements // known
    net.settle(op.outputs[0], tuple(target))
    alias(net, op)


def expand_dims(net: Net, op: Operator) -> None:
    expect(op, 2)
    (axis,) = net.numbers(op.inputs[1], 1)
    dims = list(net.dims(op.inputs[0]))
    dims.insert(axis_of(axis, len(dims) + 1), 1)
    net.settle(op.outputs[0], tuple(dims))
    alias(net, op)


def squeeze(net: Net, op: Operator) -> None:
    expect(op, 1)
    dims = net.dims(op.inputs[0])
    axes = {axis_of(a, len(dims)) for a in op.options["squeeze_dims"]} or {a for a, n in enumerate(dims) if n == 1}
    left = tuple(n for a, n in enumerate(dims) if a not in axes)
    if any(dims[a] != 1 for a in axes):
        raise TfliteError(f"dimensions {sorted(axes)} squeezed from {net.info(op.inputs[0])}")
    net.settle(op.outputs[0], left)
    alias(net, op)


def join(net: Net, parts: list[Tensor], y: int, layout: Layout, axis: int) -> None:
    place = layout.axis(len(net.dims(y)), axis)
    if place is None and len(parts) > 1:
        raise TfliteError(f"{len(parts)} parts of a batch into {net.info(y)}")
    out = net.writer.concat(parts, place) if len(parts) > 1 else parts[0]
    net.bind(y, out, layout.shape(net.dims(y)))


def concatenation(net: Net, op: Operator) -> None:
    (y,) = op.outputs if len(op.outputs) == 1 else (-1,)
    if not op.inputs or op.options["activation"] or any(len(net.dims(i)) != len(net.dims(y)) for i in op.inputs):
        raise TfliteError("inputs of different ranks, or a fused activation")
    net.same_quant(op)
    layout = net.layout(op.inputs, op.outputs)
    parts = [net.view(i, layout.shape(net.dims(i))) for i in op.inputs]
    join(net, parts, y, layout, axis_of(op.options["axis"], len(net.dims(y))))


def pack(net: Net, op: Operator) -> None:
    (y,) = op.outputs if len(op.outputs) == 1 else (-1,)
    if not op.inputs or len({net.dims(i) for i in op.inputs}) != 1:
        raise TfliteError("inputs of different shapes")
    net.same_quant(op)
    dims = list(net.dims(op.inputs[0]))
    axis = axis_of(op.options["axis"], len(dims) + 1)
    dims.insert(axis, 1)
    if len(net.dims(y)) != len(dims):
        raise TfliteError(f"{len(op.inputs)} tensors like {net.info(op.inputs[0])} into {net.info(y)}")
    layout = common_layout([tuple(dims), net.dims(y)], [net.tensor(i).shape for i in op.inputs])
    join(net, [net.view(i, layout.shape(tuple(dims))) for i in op.inputs], y, layout, axis)


def cut(net: Net, x: int, y: int, layout: Layout, cuts: list[Slice]) -> None:
    """Output y is a block of x, one cut a dimension of x; dimensions that y leaves out or adds count 1."""
    dims = net.dims(x)
    begin, size, stride = [0, 0, 0], list(layout.shape(dims)), [1, 1, 1]
    for axis, one in enumerate(cuts):
        place = layout.axis(len(dims), axis)
        if place is not None:
            begin[place], size[place], stride[place] = one.begin, one.size, one.stride
    source = net.view(x, layout.shape(dims))
    whole = tuple(size) == source.shape and begin == [0, 0, 0] and all(n == 1 or s == 1 for n, s in zip(size, stride, strict=True))
    net.bind(y, net.tensor(x) if whole else net.writer.slice(source, tuple(begin), tuple(size), tuple(stride)))


def strided_slice(net: Net, op: Operator) -> None:
    expect(op, 4)
    x, y = op.inputs[0], op.outputs[0]
    net.same_quant(op)
    begin, end, strides = (net.numbers(i, 8) for i in op.inputs[1:])
    cuts, dims = strided(net.dims(x), begin, end, strides, op.options)
    net.settle(y, dims)
    cut(net, x, y, net.layout([x], []), cuts)


def slice_(net: Net, op: Operator) -> None:
    expect(op, 3)
    x, y = op.inputs[0], op.outputs[0]
    net.same_quant(op)
    dims = net.dims(x)
    begin, size = (net.numbers(i) for i in op.inputs[1:])
    if len(begin) != len(dims) or len(size) != len(dims):
        raise TfliteError(f"a slice at {begin} of {size} from {net.info(x)}")
    size = [n - b if s == -1 else s for n, b, s in zip(dims, begin, size, strict=True)]
    blocks(net, x, [y], [[Slice(b, s) for b, s in zip(begin, size, strict=True)]])


def blocks(net: Net, x: int, outputs: list[int], all_cuts: list[list[Slice]], axis: int | None = None) -> None:
    """Each output is a contiguous block; `axis`: a dimension of size 1 that the outputs leave out."""
    dims = net.dims(x)
    layout = net.layout([x], [])
    for y, cuts in zip(outputs, all_cuts, strict=True):
        if any(c.size < 1 or c.begin < 0 or c.begin + c.size > n for c, n in zip(cuts, dims, strict=True)):
            raise TfliteError(f"a block outside of {net.info(x)}")
        if tuple(c.size for a, c in enumerate(cuts) if a != axis) != net.dims(y):
            raise TfliteError(f"{[c.size for c in cuts]} of {net.info(x)} into {net.info(y)}")
        cut(net, x, y, layout, cuts)


def parts(net: Net, op: Operator, x: int, axis: int, sizes: list[int], drop: bool = False) -> None:
    """The outputs are x, cut along an axis."""
    net.same_quant(op)
    dims = net.dims(x)
    if len(sizes) != len(op.outputs) or any(n < 1 for n in sizes) or sum(sizes) != dims[axis]:
        raise TfliteError(f"dimension {axis} of {net.info(x)} into {len(op.outputs)} parts of {sizes[:8]}")
    begins = np.cumsum([0, *sizes[:-1]]).tolist()
    all_cuts = [[Slice(b, n) if a == axis else Slice(0, m) for a, m in enumerate(dims)] for b, n in zip(begins, sizes, strict=True)]
    blocks(net, x, list(op.outputs), all_cuts, axis if drop else None)


def split(net: Net, op: Operator) -> None:
    expect(op, 2, len(op.outputs))
    x = op.inputs[1]
    (axis,) = net.numbers(op.inputs[0], 1)
    axis, n = axis_of(axis, len(net.dims(x))), max(1, len(op.outputs))
    if net.dims(x)[axis] % n:
        raise TfliteError(f"{net.info(x)} into {n} parts")
    parts(net, op, x, axis, [net.dims(x)[axis] // n] * n)


def split_v(net: Net, op: Operator) -> None:
    expect(op, 3, len(op.outputs))
    x, sizes = op.inputs[0], net.numbers(op.inputs[1], 1 << 16)
    (axis,) = net.numbers(op.inputs[2], 1)
    axis = axis_of(axis, len(net.dims(x)))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = net.dims(x)[axis] - sum(sizes) - 1
    parts(net, op, x, axis, sizes)


def unpack(net: Net, op: Operator) -> None:
    expect(op, 1, len(op.outputs))
    (x,) = op.inputs
    axis = axis_of(op.options["axis"], len(net.dims(x)))
    parts(net, op, x, axis, [1] * net.dims(x)[axis] if net.dims(x)[axis] == len(op.outputs) else [], drop=True)


def pad(net: Net, op: Operator) -> None:
    expect(op, 3 if op.name == "PADV2" else 2)
    x, y = op.inputs[0], op.outputs[0]
    dims = net.dims(x)
    quant = net.same_quant(op)
    pads = np.reshape(net.numbers(op.inputs[1], 8), (-1, 2)).tolist()
    if net.info(op.inputs[1]).dims != (len(dims), 2) or any(not 0 <= n < 1 << 16 for pair in pads for n in pair):
        raise TfliteError(f"paddings {pads} of {net.info(x)}")
    value = quant.zero_point
    if op.name == "PADV2":
        values = net.constant(op.inputs[2])
        if values is None or values.size != 1:
            raise TfliteError(f"{net.info(op.inputs[2])} is not a constant value")
        value = int(values.reshape(-1)[0]) - (128 if net.info(x).type == TensorType.UINT8 else 0)
    layout = net.layout([x], [y])
    amounts = [(0, 0)] * 3
    for axis, pair in enumerate(pads):
        place = layout.axis(len(dims), axis)
        if place is not None:
            amounts[place] = tuple(pair)
        elif any(pair):
            raise TfliteError(f"paddings {pads}: the batch must stay 1")
    net.bind(y, net.writer.pad(net.view(x, layout.shape(dims)), tuple(amounts), value), layout.shape(net.dims(y)))


def transpose(net: Net, op: Operator) -> None:
    expect(op, 2)
    x, y = op.inputs[0], op.outputs[0]
    dims = net.dims(x)
    perm = [axis_of(a, len(dims)) for a in net.numbers(op.inputs[1])]
    if sorted(perm) != list(range(len(dims))) or tuple(dims[a] for a in perm) != net.dims(y):
        raise TfliteError(f"dimensions {perm} of {net.info(x)} into {net.info(y)}")
    net.same_quant(op)
    long = [a for a, n in enumerate(dims) if n > 1]  # dimensions of 1 may be anywhere
    moved = [long.index(a) for a in perm if dims[a] > 1]
    if len(long) > 3:
        raise TfliteError(f"{net.info(x)}: the batch must be 1")
    dims4(dims)
    if moved == list(range(len(long))):
        net.bind(y, net.tensor(x))
        return
    lead = 3 - len(long)
    shape: Dims = (1,) * lead + tuple(dims[a] for a in long)
    net.bind(y, net.writer.transpose(net.view(x, shape), (*range(lead), *(lead + m for m in moved))))


HANDLERS: dict[str, Handler] = {
    "RESHAPE": reshape,
    "EXPAND_DIMS": expand_dims,
    "SQUEEZE": squeeze,
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "STRIDED_SLICE": strided_slice,
    "SLICE": slice_,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "PAD": pad,
    "PADV2": pad,
    "TRANSPOSE": transpose,
}
