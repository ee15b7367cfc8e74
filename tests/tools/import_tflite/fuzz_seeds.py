"""Small sound models that mutants are made of: together they have every operator."""

import numpy as np
from tflite_graphs import Act, GraphBuilder, Pad, Type


def convolutions(rng: np.random.Generator) -> bytes:
    """uint8 and float edges, PAD, convolutions, MEAN, dense, softmax."""
    b = GraphBuilder()
    x = b.tensor((1, 8, 4, 1), 0.1, 128, dtype=Type.UINT8)
    q = b.tensor((1, 8, 4, 1), 0.1, 0)
    b.add("QUANTIZE", [x], q)
    padded = b.tensor((1, 9, 5, 1), 0.1, 0)
    b.add("PAD", [q, b.ints([[0, 0], [1, 0], [0, 1], [0, 0]])], padded)
    w = b.tensor((4, 2, 2, 1), [0.01] * 4, data=rng.integers(-127, 128, (4, 2, 2, 1)).astype(np.int8))
    bias = b.tensor((4,), [0.001] * 4, data=rng.integers(-99, 99, 4).astype(np.int32), dtype=Type.INT32)
    y = b.tensor((1, 8, 4, 4), 0.05, -3)
    b.add("CONV_2D", [padded, w, bias], y, strideH=1, strideW=1, padding=Pad.VALID, dilationHFactor=1, dilationWFactor=1)
    w = b.tensor((1, 3, 3, 4), [0.01] * 4, axis=3, data=rng.integers(-127, 128, (1, 3, 3, 4)).astype(np.int8))
    z = b.tensor((1, 4, 2, 4), 0.05, -3)
    b.add("DEPTHWISE_CONV_2D", [y, w, bias], z, strideH=2, strideW=2, padding=Pad.SAME, depthMultiplier=1, dilationHFactor=1, dilationWFactor=1,
          fusedActivationFunction=Act.RELU)  # fmt: skip
    pooled = b.tensor((1, 2, 2, 4), 0.05, -3)
    b.add("AVERAGE_POOL_2D", [z], pooled, filterHeight=2, filterWidth=1, strideH=2, strideW=1, padding=Pad.VALID)
    mean = b.tensor((1, 4), 0.05, -3)
    b.add("MEAN", [pooled, b.ints([1, 2])], mean, keepDims=False)
    w = b.tensor((3, 4), 0.02, data=rng.integers(-127, 128, (3, 4)).astype(np.int8))
    logits = b.tensor((1, 3), 0.1, 0)
    b.add("FULLY_CONNECTED", [mean, w, -1], logits)
    scores, floats = b.tensor((1, 3), 1 / 256, -128), b.tensor((1, 3), dtype=Type.FLOAT32)
    b.add("SOFTMAX", [logits], scores, beta=1.0)
    b.add("DEQUANTIZE", [scores], floats)
    return b.bytes([x], [floats])


def moves(rng: np.random.Generator) -> bytes:
    """Everything that moves bytes, with arithmetic between."""
    b = GraphBuilder()

    def like(dims: tuple[int, ...]) -> int:
        return b.tensor(dims, 0.1, 5)

    x, flat, grid = like((1, 24)), like((1, 6, 4)), like((1, 6, 1, 4))
    b.add("RESHAPE", [x, b.ints([1, 6, -1])], flat, newShape=[1, 6, -1])
    b.add("EXPAND_DIMS", [flat, b.ints(2)], grid)
    left, right = like((1, 6, 1, 2)), like((1, 6, 1, 2))
    b.add("SPLIT", [b.ints(-1), grid], [left, right], numSplits=2)
    both = like((1, 12, 1, 2))
    b.add("CONCATENATION", [left, right], both, axis=1)
    some = like((1, 4, 2))
    b.add("STRIDED_SLICE", [both, b.ints([0, 10, 0, 0]), b.ints([1, 2, 1, 2]), b.ints([1, -2, 1, 1])], some, shrinkAxisMask=4, beginMask=1)
    turned = like((1, 2, 4))
    b.add("TRANSPOSE", [some, b.ints([0, 2, 1])], turned)
    one, two = like((1, 1, 4)), like((1, 1, 4))
    b.add("SPLIT_V", [turned, b.ints([1, -1]), b.ints(1)], [one, two], numSplits=2)
    piece = like((1, 1, 3))
    b.add("SLICE", [one, b.ints([0, 0, 1]), b.ints([-1, 1, 3])], piece)
    parts = [like((1, 1)) for _ in range(3)]
    b.add("UNPACK", [piece], parts, num=3, axis=2)
    packed = like((1, 1, 2))
    b.add("PACK", [parts[2], parts[0]], packed, axis=2, valuesCount=2)
    wide = like((1, 3, 4))
    value = b.tensor((1,), 0.1, 5, data=np.array([7], np.int8))
    b.add("PADV2", [packed, b.ints([[0, 0], [1, 1], [0, 2]]), value], wide)
    total, product = b.tensor((1, 3, 4), 0.2, 1), b.tensor((1, 3, 4), 0.2, 1)
    b.add("ADD", [wide, two], total, fusedActivationFunction=Act.RELU6)
    factor = b.tensor((4,), 0.1, 0, data=rng.integers(-128, 128, 4).astype(np.int8))
    b.add("MUL", [factor, total], product)
    gated, slope = b.tensor((1, 3, 4), 1 / 256, -128), b.tensor((1, 3, 4), 0.1, 0)
    b.add("LOGISTIC", [product], gated)
    b.add("LEAKY_RELU", [gated], slope, alpha=0.1)
    alpha = b.tensor((1, 4), 0.01, 3, data=rng.integers(-128, 128, (1, 4)).astype(np.int8))
    curved, squeezed = b.tensor((1, 3, 4), 0.1, 0), b.tensor((3, 4), 0.1, 0)
    b.add("PRELU", [slope, alpha], curved)
    b.add("SQUEEZE", [curved], squeezed, squeezeDims=[0])
    y = b.tensor((3, 4), 0.1, 9)
    b.add("SUB", [squeezed, squeezed], y)
    return b.bytes([x], [y])


def streaming(rng: np.random.Generator) -> bytes:
    """A variable with a first value, and an SVDF."""
    b = GraphBuilder()
    x = b.tensor((1, 1, 8), 0.1, 0)
    b.add("CALL_ONCE", [], [], initSubgraphIndex=1)
    handle = b.resource("ring")
    old, both, new = b.tensor((1, 3, 8), 0.1, 0), b.tensor((1, 4, 8), 0.1, 0), b.tensor((1, 3, 8), 0.1, 0)
    b.add("READ_VARIABLE", [handle], old)
    b.add("CONCATENATION", [old, x], both, axis=1)
    b.add("STRIDED_SLICE", [both, b.ints([0, 1, 0]), b.ints([1, 4, 8]), b.ints([1, 1, 1])], new)
    b.add("ASSIGN_VARIABLE", [handle, new], [])
    w = b.tensor((6, 32), 0.01, data=rng.integers(-127, 128, (6, 32)).astype(np.int8))
    y = b.tensor((1, 6), 0.1, 3)
    b.add("FULLY_CONNECTED", [both, w, -1], y)
    feature = b.tensor((4, 6), 0.01, data=rng.integers(-127, 128, (4, 6)).astype(np.int8))
    time = b.tensor((4, 5), 1e-4, data=rng.integers(-32767, 32768, (4, 5)).astype(np.int16), dtype=Type.INT16)
    bias = b.tensor((2,), 1e-7, data=rng.integers(-99, 99, 2).astype(np.int32), dtype=Type.INT32)
    state = b.tensor((1, 20), 0.001, dtype=Type.INT16, variable=True)
    z = b.tensor((1, 2), 0.1, 0)
    b.add("SVDF", [y, feature, time, bias, state], z, rank=2, fusedActivationFunction=Act.RELU)
    inputs, outputs = [x], [z]
    b.new_graph()
    handle = b.resource("ring")
    b.add("ASSIGN_VARIABLE", [handle, b.tensor((1, 3, 8), 0.1, 0, data=rng.integers(-128, 128, (1, 3, 8)).astype(np.int8))], [])
    return b.bytes(inputs, outputs)


def roundabout(rng: np.random.Generator) -> bytes:
    """A dilated convolution through batches, shapes computed by operators, open dimensions, float edges, groups."""
    b = GraphBuilder()

    def like(dims: tuple[int, ...], zero: int = 3) -> int:
        index = b.tensor(dims, 0.1, zero)
        b.graph.tensors[index].shapeSignature = [-1, *dims[1:]]
        return index

    x = b.tensor((1, 7, 4), dtype=Type.FLOAT32)
    q, dealt, wide, out, narrow, y = like((1, 7, 4)), like((2, 5, 4)), like((2, 1, 5, 4)), like((2, 1, 4, 6)), like((2, 4, 6)), like((1, 7, 6))
    b.add("QUANTIZE", [x], q)
    b.add("SPACE_TO_BATCH_ND", [q, b.ints([2]), b.ints([[2, 1]])], dealt)
    b.add("EXPAND_DIMS", [dealt, b.ints(1)], wide)
    w = b.tensor((6, 1, 2, 4), [0.01] * 6, data=rng.integers(-127, 128, (6, 1, 2, 4)).astype(np.int8))
    bias = b.tensor((6,), [0.001] * 6, data=rng.integers(-99, 99, 6).astype(np.int32), dtype=Type.INT32)
    b.add("CONV_2D", [wide, w, bias], out, strideH=1, strideW=1, padding=Pad.VALID, dilationHFactor=1, dilationWFactor=1)
    b.add("SQUEEZE", [out], narrow, squeezeDims=[1])
    b.add("BATCH_TO_SPACE_ND", [narrow, b.ints([2]), b.ints([[0, 1]])], y)
    shape, batch, target = (b.tensor(dims, dtype=Type.INT32) for dims in ((3,), (), (4,)))
    b.add("SHAPE", [y], shape, outType=Type.INT32)
    b.add("STRIDED_SLICE", [shape, b.ints([0]), b.ints([1]), b.ints([1])], batch, shrinkAxisMask=1)
    b.add("PACK", [batch, b.ints(7), b.ints(1), b.ints(6)], target, valuesCount=4)
    image, grouped, floats = like((1, 7, 1, 6)), like((1, 7, 1, 4)), b.tensor((1, 7, 1, 4), dtype=Type.FLOAT32)
    b.add("RESHAPE", [y, target], image)
    w = b.tensor((4, 3, 1, 3), 0.01, data=rng.integers(-127, 128, (4, 3, 1, 3)).astype(np.int8))
    bias = b.tensor((4,), 0.001, data=rng.integers(-99, 99, 4).astype(np.int32), dtype=Type.INT32)
    b.add("CONV_2D", [image, w, bias], grouped, strideH=1, strideW=1, padding=Pad.SAME, dilationHFactor=1, dilationWFactor=1)
    b.add("DEQUANTIZE", [grouped], floats)
    return b.bytes([x], [floats])


def seeds() -> list[bytes]:
    rng = np.random.default_rng(1)
    return [convolutions(rng), moves(rng), streaming(rng), roundabout(rng)]
