"""Integer arithmetic on shapes, done here: what Keras' Reshape and Dense leave in a model whose batch is not fixed."""

import numpy as np

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.graph import Operator
from tools.import_tflite.net import Net
from tools.import_tflite.schema import DTYPES, TensorType
from tools.import_tflite.shapes import axis_of
from tools.import_tflite.slices import strided

ONLY_FOLDED = ("SHAPE", "GATHER", "REDUCE_PROD")
FOLDED = (*ONLY_FOLDED, "STRIDED_SLICE", "PACK", "CONCATENATION", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")
MAX_FOLDED = 64  # elements: these are shapes, not data


def fold(net: Net, op: Operator) -> bool:
    """Computes an operator on constant integers; False when it is none."""
    if op.name not in FOLDED or len(op.outputs) != 1 or not op.inputs:
        return False
    y = net.info(op.outputs[0])
    if y.type not in (TensorType.INT32, TensorType.INT64) or y.elements > MAX_FOLDED:
        return False
    if op.name == "SHAPE":
        value = np.array(net.dims(op.inputs[0]), np.int64)
    else:
        values = [net.constant(i) for i in op.inputs]
        if any(v is None for v in values):
            return False
        value = _value(op, values, y.dims)
    if value.shape != y.dims:
        raise TfliteError(f"{y}: its operator makes {list(value.shape)}")
    net.folded[y.index] = value.astype(DTYPES[y.type])
    return True


def _value(op: Operator, values: list[np.ndarray], dims: tuple[int, ...]) -> np.ndarray:
    if op.name == "STRIDED_SLICE" and len(values) == 4 and all(v.size <= 8 for v in values[1:]):
        cuts, kept = strided(values[0].shape, *(v.reshape(-1).tolist() for v in values[1:]), op.options)
        for axis, cut in enumerate(cuts):
            values[0] = np.take(values[0], [cut.begin + i * cut.stride for i in range(cut.size)], axis)
        return values[0].reshape(kept)
    if op.name == "PACK" and len({v.shape for v in values}) == 1:
        return np.stack(values, axis_of(op.options["axis"], values[0].ndim + 1))
    if op.name == "CONCATENATION" and len({v.ndim for v in values}) == 1:
        return np.concatenate(values, axis_of(op.options["axis"], values[0].ndim))
    if op.name == "GATHER" and len(values) == 2 and not op.options["batch_dims"] and values[1].size <= MAX_FOLDED:
        axis = axis_of(op.options["axis"], values[0].ndim)
        if values[1].size and 0 <= values[1].min() and values[1].max() < values[0].shape[axis]:
            return np.take(values[0], values[1], axis)
    if op.name == "REDUCE_PROD" and len(values) == 2 and values[0].size <= MAX_FOLDED and values[1].size <= 8:
        axes = tuple({axis_of(int(a), values[0].ndim) for a in values[1].reshape(-1)})
        return np.prod(values[0].astype(np.int64), axis=axes, keepdims=bool(op.options["keep_dims"]))
    if op.name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS") and values[0].size == np.prod(dims):
        return values[0].reshape(dims)
    raise TfliteError("its constant inputs do not fit together")
