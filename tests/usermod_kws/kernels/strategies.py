"""What the tests against TensorFlow Lite draw from, and how they call a kernel."""

import numpy as np
from direct import Buffer, Case, Struct, Window, reference, scratch_bytes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tensorflow.lite.python import schema_py_generated as schema

Act, Pad = schema.ActivationFunctionType, schema.Padding
CASES = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

ACTIVATIONS = {"none": Act.NONE, "relu": Act.RELU, "relu6": Act.RELU6, "relu_n1_to_1": Act.RELU_N1_TO_1}
activations = st.sampled_from(list(ACTIVATIONS))
paddings = st.sampled_from([Pad.SAME, Pad.VALID])
zero_points = st.integers(-128, 127) | st.sampled_from([-128, 127, 0])
scales = st.floats(-4, 0).map(lambda e: 10.0**e)
ratios = st.floats(-2, 2).map(lambda e: 10.0**e) | st.sampled_from([1.0, 0.5, 2.0, 1 / 3])
seeds = st.integers(0, 2**32 - 1)
small = st.integers(1, 5)


def inputs_for(rng: np.random.Generator, shape: tuple[int, ...], n: int = 4) -> np.ndarray:
    """int8 [n, *shape]; the first is all extremes, which reach the largest sums."""
    x = rng.integers(-128, 128, (n, *shape)).astype(np.int8)
    x[0] = rng.choice(np.array([-128, 127], np.int8), shape)
    return x


def weights_for(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    extreme = rng.random() < 0.2
    return (rng.choice([-127, 127], shape) if extreme else rng.integers(-127, 128, shape)).astype(np.int8)


def rows_of(weights: np.ndarray) -> np.ndarray:
    """[rows][products] with every row padded to 4 bytes."""
    return np.pad(weights, ((0, 0), (0, -weights.shape[1] % 4)))


def axis(n: int, kernel: int, stride: int, dilation: int, padding: int) -> tuple[int, int]:
    """Output length and front pad, as TensorFlow Lite has them."""
    extent = (kernel - 1) * dilation + 1
    if padding == Pad.VALID:
        return (n - extent) // stride + 1, 0
    out = -(-n // stride)
    return out, max(0, (out - 1) * stride + extent - n) // 2


def call(kernel: str, params: Struct | None, x: list[np.ndarray], out_bytes: int, **constants: np.ndarray) -> np.ndarray:
    """The C reference on one set of inputs at odd addresses, with poisoned output and scratch -> int8 [out_bytes]."""
    buffers = {f"in{i}": Buffer.of(v, 2 * i + 1) for i, v in enumerate(x)}
    arguments = ["params", *buffers, "out"]
    buffers["out"] = Buffer.poisoned(out_bytes, 3)
    if kernel in ("conv2d", "depthwise_conv2d"):
        buffers["scratch"] = Buffer.poisoned(scratch_bytes(kernel, params.in_shape, params.window))
        arguments.append("scratch")
    buffers.update({name: Buffer.of(values) for name, values in constants.items()})
    return np.frombuffer(reference(Case(kernel, params, buffers, tuple(arguments)))["out"], np.int8)


NO_WINDOW = Window(0, 0, 0, 0, 0, 0, 0, 0)
