"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN."""

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.linear import window
from tools.import_tflite.net import Handler, Net, expect
from tools.import_tflite.shapes import axis_of, dims4


def pool(net: Net, op: Operator) -> None:
    expect(op, 1)
    (x,), (y,) = op.inputs, op.outputs
    net.int8(x)
    net.same_quant(op)
    layout = net.layout([x], [y])
    kernel = op.options["filter_h"], op.options["filter_w"]
    if not all(1 <= n < 1 << 16 for n in kernel):
        raise TfliteError(f"a filter of {kernel}")
    arguments = window(op, layout)
    del arguments["dilation"]
    add = net.writer.avg_pool2d if op.name == "AVERAGE_POOL_2D" else net.writer.max_pool2d
    out = add(net.view(x, layout.shape(net.dims(x))), layout.pair(*kernel), **arguments)
    net.bind(y, out, layout.shape(net.dims(y)))


def mean(net: Net, op: Operator) -> None:
    expect(op, 2)
    x, y = op.inputs[0], op.outputs[0]
    net.int8(x)
    dims = net.dims(x)
    axes = {axis_of(a, len(dims)) for a in net.numbers(op.inputs[1])}
    kept = tuple(1 if a in axes else n for a, n in enumerate(dims))
    expected = kept if op.options["keep_dims"] else tuple(n for a, n in enumerate(dims) if a not in axes)
    net.settle(y, expected)
    dims4(dims)
    layout = net.layout([x], [])
    places = sorted({place for a in axes if (place := layout.axis(len(dims), a)) is not None})
    if not places:
        raise TfliteError(f"a mean over the batch of {net.info(x)}")
    net.bind(y, net.writer.mean(net.view(x, layout.shape(dims)), tuple(places), net.int8(y)), layout.shape(kept))


HANDLERS: dict[str, Handler] = {"AVERAGE_POOL_2D": pool, "MAX_POOL_2D": pool, "MEAN": mean}
