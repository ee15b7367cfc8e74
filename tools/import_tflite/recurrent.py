"""SVDF."""

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.linear import bias, weights
from tools.import_tflite.net import Handler, Net, activation, expect
from tools.import_tflite.schema import TensorType


def svdf(net: Net, op: Operator) -> None:
    """Its state is a variable tensor, int16, which begins as zeros."""
    expect(op, 5)
    x, _, time_index, _, state_index = op.inputs
    y = op.outputs[0]
    net.int8(x)
    feature, feature_scales = weights(net, op.inputs[1], 2, axis=-1)
    time, state = net.info(time_index), net.info(state_index)
    if time.type != TensorType.INT16 or len(time.dims) != 2 or len(time.scales) != 1 or any(time.zero_points):
        raise TfliteError(f"time weights {time} are not symmetric int16 of rank 2")
    filters, memory = time.dims
    rank = op.options["rank"]
    if feature.shape != (filters, net.info(x).elements) or rank < 1 or filters % rank:
        raise TfliteError(f"rank {rank}, weights {list(feature.shape)} and {list(time.dims)} on {net.info(x)}")
    if not state.variable or state.type != TensorType.INT16 or state.elements != filters * memory or len(state.scales) != 1 or any(state.zero_points):
        raise TfliteError(f"{state} is not a variable for the state of {filters} filters of {memory}")
    if any(state_index in other.inputs for other in net.graph.operators if other.index != op.index):
        raise TfliteError(f"{state} is the state of more than one operator")
    if state.scales[0] == 0 or time.scales[0] == 0:
        raise TfliteError(f"{state} and {time} have scales of 0")
    units = filters // rank
    if net.info(y).elements != units:
        raise TfliteError(f"{units} units into {net.info(y)}")
    # TensorFlow Lite's int8 kernel wants to be told relu, and then clamps to the limits of int8 only.
    if activation(op) != "relu":
        raise TfliteError("the integer kernel has relu as its activation")
    tensor = net.view(x, (1, 1, feature.shape[1]))
    scales = {"feature_scale": float(feature_scales[0]), "time_scale": time.scales[0], "state_scale": state.scales[0]}
    out = net.writer.svdf(tensor, feature, net.array(time_index), bias(net, op, 3, units), net.int8(y), rank=rank, **scales)
    net.bind(y, out)


HANDLERS: dict[str, Handler] = {"SVDF": svdf}
