"""Whole networks against TensorFlow Lite: what the importer, the planner and the executor make of a chain of layers."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kernels"))
from tensorflow.lite.python import schema_py_generated as schema
from tflite_models import ModelBuilder, options, reference_run

from tools.import_tflite import import_model
from tools.kwslib import Model

Act, Op, Pad = schema.ActivationFunctionType, schema.BuiltinOperator, schema.Padding


class Chain(ModelBuilder):
    """Adds layers with random weights; every output is relu-like."""

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.x = self.input = self.tensor((1, *shape), 0.1, -3)
        self.shape, self.scale = shape, 0.1

    def _linear(
        self, code: int, shape: tuple[int, ...], channels: int, axis: int, y_shape: tuple[int, ...], opts: tuple, activation_scale: float = 0.15
    ) -> None:
        products = int(np.prod(shape)) // channels
        scales = self.rng.uniform(0.5, 1.5, channels) * 0.02 / np.sqrt(products)
        weights = self.tensor(shape, scales, data=self.rng.integers(-127, 128, shape).astype(np.int8), axis=axis)
        bias = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        bias_scales = scales.astype(np.float32) * np.float32(self.scale)
        b = self.tensor((channels,), bias_scales, data=bias, dtype=schema.TensorType.INT32)
        y = self.tensor(y_shape, activation_scale, -120)
        self.op(code, [self.x, weights, b], y, *opts, version=3)
        self.x, self.scale = y, activation_scale

    def conv(self, channels: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> None:
        out = tuple(-(-n // s) for n, s in zip(self.shape[:2], stride, strict=True))
        opts = options("Conv2D", strideH=stride[0], strideW=stride[1], padding=Pad.SAME, fusedActivationFunction=Act.RELU,
                       dilationHFactor=1, dilationWFactor=1)  # fmt: skip
        self._linear(Op.CONV_2D, (channels, *kernel, self.shape[2]), channels, 0, (1, *out, channels), opts)
        self.shape = (*out, channels)

    def depthwise(self, kernel: tuple[int, int]) -> None:
        c = self.shape[2]
        opts = options("DepthwiseConv2D", strideH=1, strideW=1, padding=Pad.SAME, fusedActivationFunction=Act.RELU, depthMultiplier=1,
                       dilationHFactor=1, dilationWFactor=1)  # fmt: skip
        self._linear(Op.DEPTHWISE_CONV_2D, (1, *kernel, c), c, 3, (1, *self.shape), opts)

    def add(self, other: int) -> None:
        y = self.tensor((1, *self.shape), 0.2, -110)
        self.op(Op.ADD, [other, self.x], y, *options("Add", fusedActivationFunction=Act.RELU), version=2)
        self.x, self.scale = y, 0.2

    def head(self, classes: int) -> None:
        h, w, c = self.shape
        y = self.tensor((1, 1, 1, c), self.scale, int(self.graph.tensors[self.x].quantization.zeroPoint[0]))
        pool = options("Pool2D", filterHeight=h, filterWidth=w, strideH=h, strideW=w, padding=Pad.VALID, fusedActivationFunction=Act.NONE)
        self.op(Op.AVERAGE_POOL_2D, [self.x], y, *pool, version=2)
        flat = self.tensor((1, c), self.scale, int(self.graph.tensors[y].quantization.zeroPoint[0]))
        target = self.tensor((2,), data=np.array([1, c], np.int32), dtype=schema.TensorType.INT32)
        self.op(Op.RESHAPE, [y, target], flat)
        weights = self.tensor((classes, c), 0.004, data=self.rng.integers(-127, 128, (classes, c)).astype(np.int8))
        bias = self.tensor((classes,), np.float32(0.004) * np.float32(self.scale), data=np.arange(classes, dtype=np.int32) * 99,
                           dtype=schema.TensorType.INT32)  # fmt: skip
        logits = self.tensor((1, classes), 0.1, 5)
        self.op(Op.FULLY_CONNECTED, [flat, weights, bias], logits, *options("FullyConnected", fusedActivationFunction=Act.NONE), version=4)
        scores = self.tensor((1, classes), 1 / 256, -128)
        self.op(Op.SOFTMAX, [logits], scores, *options("Softmax", beta=1.0), version=2)
        self.x = scores

    def check(self, n: int = 8) -> None:
        model = self.finish([self.input], self.x)
        shape = self.graph.tensors[self.input].shape[1:]
        inputs = self.rng.integers(-128, 128, (n, *shape)).astype(np.int8)
        ours = Model(import_model(model).blob).run(inputs)
        np.testing.assert_array_equal(ours, reference_run(model, inputs).reshape(n, -1))
        assert len(np.unique(ours)) > 4  # a network that says nothing proves nothing


def test_dscnn() -> None:
    """The shipped model's architecture computes on the device what it computed in TensorFlow."""
    chain = Chain((49, 10, 1), seed=1)
    chain.conv(64, (10, 4), (2, 2))
    for _ in range(4):
        chain.depthwise((3, 3))
        chain.conv(64, (1, 1))
    chain.head(12)
    chain.check()


@pytest.mark.parametrize("seed", range(4))
def test_residual(seed: int) -> None:
    """Skip connections keep a tensor alive over several layers: a bad arena plan shows here."""
    chain = Chain((20, 1, 40), seed=seed)
    chain.conv(16, (3, 1))
    for channels in (17, 24):
        start, start_shape, start_scale = chain.x, chain.shape, chain.scale
        chain.conv(channels, (9, 1), (2, 1))
        chain.conv(channels, (9, 1))
        branch = chain.x
        chain.x, chain.shape, chain.scale = start, start_shape, start_scale
        chain.conv(channels, (1, 1), (2, 1))
        chain.add(branch)
    chain.head(12)
    chain.check()
