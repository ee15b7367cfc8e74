"""BlobWriter: a quantised network, layer by layer, into the bytes of a .kws blob."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tools.blob import format as fmt
from tools.blob import quantise
from tools.blob.format import Op
from tools.blob.plan import Buffer, plan

Shape = tuple[int, int, int]  # h, w, c; the batch is always 1


@dataclass(frozen=True)
class Quant:
    """value = scale * (int8 - zero_point)."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (-128 <= self.zero_point <= 127 and 0 < np.float32(self.scale) < np.inf):
            raise ValueError(f"{self} is no int8 quantisation")


@dataclass(frozen=True)
class Tensor:
    """A layer's output: what the writer's methods return and take."""

    index: int
    shape: Shape
    quant: Quant


@dataclass
class _Op:
    code: Op
    inputs: list[int]
    clamp: tuple[int, int]
    params: bytes
    scratch: int = 0
    scratch_offset: int = field(default=0, init=False)


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """(output size, pad in front) of TensorFlow's padding "same"."""
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return out, total // 2


def valid_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """(output size, pad in front) of padding "valid"."""
    return (size - (kernel - 1) * dilation - 1) // stride + 1, 0


class BlobWriter:
    """Collects a network; `finish` returns the blob.

    frontend: section bytes (FrontendConfig.section), or b"" for a bare network that cannot be streamed.
    labels: one a class, or none. meta: anything JSON can hold (command, seed, figures, detector defaults).
    decision_hop_frames: a stream runs the network every so many frames; 0 exactly when there is no front end.
    Methods that add a layer take and return tensors, weights are int8, biases int32 as TensorFlow Lite has them.
    They raise ValueError for what the kernels cannot do.
    """

    def __init__(self, *, frontend: bytes = b"", labels: Sequence[str] = (), decision_hop_frames: int = 0, meta: dict | None = None) -> None:
        if bool(frontend) != bool(decision_hop_frames):
            raise ValueError("decision_hop_frames is for a blob with a front end, and needed there")
        self._frontend, self._labels, self._hop = frontend, list(labels), decision_hop_frames
        self._meta = meta or {}
        self._tensors: list[Tensor] = []
        self._ops: list[_Op] = []
        self._weights = bytearray()

    def input(self, shape: Shape, quant: Quant) -> Tensor:
        """The network's input [h, w, c]; with a front end h is the window in frames and w * c its features."""
        if self._tensors:
            raise ValueError("a network has one input")
        return self._tensor(shape, quant)

    def conv2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *, stride: tuple[int, int] = (1, 1),
               dilation: tuple[int, int] = (1, 1), padding: str = "valid", activation: str = "none") -> Tensor:  # fmt: skip
        """weights int8 [c_out, kh, kw, c_in], bias int32 [c_out], weight_scales float [c_out] or [1]."""
        c_out, kh, kw, c_in = weights.shape
        if c_in != x.shape[2]:
            raise ValueError(f"conv2d weights for {c_in} channels on an input of {x.shape[2]}")
        sums = weights.astype(np.int64).sum(axis=(1, 2, 3))
        return self._linear(Op.CONV_2D, x, weights, bias, sums, weight_scales, out, c_out, (kh, kw), stride, dilation, padding, activation)

    def depthwise_conv2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *,
                         stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), padding: str = "valid",
                         activation: str = "none") -> Tensor:  # fmt: skip
        """weights int8 [kh, kw, c_out] with c_out a multiple of the input's channels, weight_scales float [c_out] or [1]."""
        kh, kw, c_out = weights.shape
        if c_out % x.shape[2]:
            raise ValueError(f"{c_out} depthwise filters on an input of {x.shape[2]} channels")
        sums = weights.astype(np.int64).sum(axis=(0, 1))
        return self._linear(Op.DEPTHWISE_CONV_2D, x, weights, bias, sums, weight_scales, out, c_out, (kh, kw), stride, dilation, padding, activation)

    def fully_connected(
        self, x: Tensor, weights: np.ndarray, bias: np.ndarray, weight_scales: np.ndarray, out: Quant, *, activation: str = "none"
    ) -> Tensor:
        """weights int8 [c_out, h * w * c of the input], weight_scales float [c_out] or [1]."""
        c_out, n = weights.shape
        if n != np.prod(x.shape):
            raise ValueError(f"fully connected weights for {n} values on an input of {list(x.shape)}")
        sums = weights.astype(np.int64).sum(axis=1)
        return self._linear(Op.FULLY_CONNECTED, x, weights, bias, sums, weight_scales, out, c_out, None, (1, 1), (1, 1), "", activation)

    def avg_pool2d(
        self, x: Tensor, kernel: tuple[int, int], *, stride: tuple[int, int] | None = None, padding: str = "valid", activation: str = "none"
    ) -> Tensor:
        return self._pool(Op.AVG_POOL_2D, x, kernel, stride or kernel, padding, activation)

    def max_pool2d(
        self, x: Tensor, kernel: tuple[int, int], *, stride: tuple[int, int] | None = None, padding: str = "valid", activation: str = "none"
    ) -> Tensor:
        return self._pool(Op.MAX_POOL_2D, x, kernel, stride or kernel, padding, activation)

    def add(self, a: Tensor, b: Tensor, out: Quant, *, activation: str = "none") -> Tensor:
        """Elementwise; both inputs have one shape."""
        if a.shape != b.shape:
            raise ValueError(f"add of {list(a.shape)} and {list(b.shape)}")
        multipliers = quantise.add_multipliers(a.quant.scale, b.quant.scale, out.scale)
        if multipliers[2][1] > 0:
            raise ValueError("add to an output scale that is a million times finer than the inputs'")
        return self._op(Op.ADD, [a, b], a.shape, out, self._clamp(activation, out), fmt.SCALE_PARAMS.pack(*sum(multipliers, ())))

    def relu(self, x: Tensor, out: Quant, *, activation: str = "relu") -> Tensor:
        """activation: "relu", "relu6", "relu_n1_to_1", or "none" to requantise only."""
        mult, shift = quantise.rescale(x.quant.scale, out.scale)
        if shift > 22:
            raise ValueError("relu to an output scale that is a million times finer than the input's")
        return self._op(Op.RELU, [x], x.shape, out, self._clamp(activation, out), fmt.SCALE_PARAMS.pack(mult, shift, 0, 0, 0, 0))

    def softmax(self, x: Tensor, *, beta: float = 1.0) -> Tensor:
        """Over the last axis (at most 256 classes); the output's quantisation is (q + 128) / 256."""
        if x.shape[2] > 256:
            raise ValueError("softmax takes at most 256 classes")
        mult, shift = quantise.softmax_multiplier(beta, x.quant.scale)
        return self._op(Op.SOFTMAX, [x], x.shape, Quant(1 / 256, -128), (-128, 127), fmt.SCALE_PARAMS.pack(mult, shift, 0, 0, 0, 0))

    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        if np.prod(shape) != np.prod(x.shape):
            raise ValueError(f"reshape of {list(x.shape)} to {list(shape)}")
        return self._op(Op.RESHAPE, [x], shape, x.quant, (-128, 127), bytes(24))

    def finish(self) -> bytes:
        """The blob. Its output is the tensor that was added last."""
        if not self._tensors:
            raise ValueError("the network has no input")
        classes = int(np.prod(self._tensors[-1].shape))
        if self._labels and len(self._labels) != classes:
            raise ValueError(f"{len(self._labels)} labels for {classes} classes")
        offsets, arena_bytes = self._plan()
        sections = [
            (self._frontend, 0),
            (self._label_bytes(), len(self._labels)),
            (b"".join(self._pack_tensor(t, offsets[t.index]) for t in self._tensors), len(self._tensors)),
            (b"".join(self._pack_op(op) for op in self._ops), len(self._ops)),
            (bytes(self._weights), 0),
            (json.dumps(self._meta, ensure_ascii=False, sort_keys=True, allow_nan=False).encode(), 0),
        ]
        table, body = b"", b""
        for section_id, (data, count) in zip(fmt.Section, sections, strict=True):
            body += bytes(-len(body) % fmt.SECTION_ALIGN)
            table += fmt.SECTION.pack(section_id, fmt.HEADER_BYTES + len(body), len(data), count)
            body += data
        length = fmt.HEADER_BYTES + len(body)
        header = fmt.HEADER.pack(fmt.MAGIC, fmt.VERSION, 0, length, len(fmt.Section), arena_bytes, self._hop, 0, 0)
        blob = bytearray(header + table + body)
        blob[fmt.CRC_FIELD] = zlib.crc32(blob[fmt.CRC_COVERS_FROM :]).to_bytes(4, "little")
        if length > fmt.MAX_BYTES or arena_bytes > fmt.MAX_BYTES or len(self._ops) > fmt.MAX_OPS:
            raise ValueError("the network is larger than the format allows")
        return bytes(blob)

    # Layers

    def _tensor(self, shape: Shape, quant: Quant) -> Tensor:
        if not (len(shape) == 3 and all(1 <= n < 1 << 16 for n in shape)):
            raise ValueError(f"shape {shape} is not (h, w, c), each 1..65535")
        tensor = Tensor(len(self._tensors), tuple(int(n) for n in shape), quant)
        self._tensors.append(tensor)
        return tensor

    def _op(self, code: Op, inputs: list[Tensor], shape: Shape, out: Quant, clamp: tuple[int, int], params: bytes, scratch: int = 0) -> Tensor:
        self._ops.append(_Op(code, [t.index for t in inputs], clamp, params, scratch))
        return self._tensor(shape, out)

    @staticmethod
    def _clamp(activation: str, out: Quant) -> tuple[int, int]:
        return quantise.clamp_of(activation, out.scale, out.zero_point)

    @staticmethod
    def _window(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], padding: str) -> tuple[int, int, tuple]:
        rule = {"same": same_padding, "valid": valid_padding}[padding]
        (h, top), (w, left) = (rule(x.shape[i], kernel[i], stride[i], dilation[i]) for i in (0, 1))
        if h < 1 or w < 1:
            raise ValueError(f"a {kernel} window does not fit into {list(x.shape)}")
        return h, w, (*kernel, *stride, *dilation, top, left)

    def _linear(self, code: Op, x: Tensor, weights: np.ndarray, bias: np.ndarray, sums: np.ndarray, scales: np.ndarray, out: Quant, c_out: int,
                kernel: tuple[int, int] | None, stride: tuple[int, int], dilation: tuple[int, int], padding: str, activation: str) -> Tensor:  # fmt: skip
        if weights.dtype != np.int8 or np.shape(bias) != (c_out,):
            raise ValueError("weights are int8, the bias has one int32 an output channel")
        scales = np.atleast_1d(scales)
        if code == Op.FULLY_CONNECTED:
            h, w, window = 1, 1, (0,) * 8
        else:
            h, w, window = self._window(x, kernel, stride, dilation, padding)
        if code == Op.FULLY_CONNECTED and scales.size == 1:
            multipliers = [quantise.per_tensor(x.quant.scale, scales[0], out.scale)] * c_out
        else:
            multipliers = quantise.per_channel(x.quant.scale, np.broadcast_to(scales, c_out), out.scale)
        # The kernels sum x * w, not (x - zero) * w: what is missing is a constant, padding included (it counts as zero).
        folded = np.asarray(bias, dtype=np.int64) - x.quant.zero_point * sums
        products = weights.size // c_out
        if products >= 1 << 15 or np.abs(folded).max() >= (1 << 30) - (products << 15):
            raise ValueError(f"{products} products an output and a bias of up to {np.abs(folded).max()} may not fit 30 bits")
        weights_offset = self._store(np.ascontiguousarray(weights).tobytes())
        channels = b"".join(fmt.CHANNEL.pack(int(b), *m) for b, m in zip(folded, multipliers, strict=True))
        params = fmt.WINDOW_PARAMS.pack(*window, weights_offset, self._store(channels))
        scratch = fmt.scratch_bytes(code, x.shape, window) if kernel else 0
        return self._op(code, [x], (h, w, c_out), out, self._clamp(activation, out), params, scratch)

    def _pool(self, code: Op, x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], padding: str, activation: str) -> Tensor:
        h, w, window = self._window(x, kernel, stride, (1, 1), padding)
        return self._op(code, [x], (h, w, x.shape[2]), x.quant, self._clamp(activation, x.quant), fmt.WINDOW_PARAMS.pack(*window, 0, 0))

    def _store(self, data: bytes) -> int:
        """Appends to the weights section, 16-byte aligned; returns the offset."""
        self._weights += bytes(-len(self._weights) % fmt.SECTION_ALIGN)
        offset = len(self._weights)
        self._weights += data
        return offset

    # Packing

    def _plan(self) -> tuple[list[int], int]:
        """Arena offsets of all tensors, and the arena's size. Ops get their scratch."""
        last = list(range(-1, len(self._tensors) - 1))  # tensor i + 1 is written by op i
        for i, op in enumerate(self._ops):
            for t in op.inputs:
                last[t] = max(last[t], i)
        last[-1] = len(self._ops)  # the output survives the run
        buffers: list[Buffer] = []
        for t in self._tensors:
            op = self._ops[t.index - 1] if t.index else None
            size = int(np.prod(t.shape))
            source = next((i for i in op.inputs if last[i] == t.index - 1), None) if op and op.code in fmt.IN_PLACE else None
            if source is None:
                buffers.append(Buffer(size, t.index - 1, last[t.index]))
            else:
                # The input is not needed behind this op: write over it.
                buffers.append(buffers[source])
                buffers[source].last = max(buffers[source].last, last[t.index])
        scratch = {i: Buffer(op.scratch, i, i) for i, op in enumerate(self._ops) if op.scratch}
        unique = list({id(b): b for b in [*buffers, *scratch.values()]}.values())
        arena_bytes = plan(unique)
        for i, buffer in scratch.items():
            self._ops[i].scratch_offset = buffer.offset
        return [b.offset for b in buffers], arena_bytes

    @staticmethod
    def _pack_tensor(t: Tensor, offset: int) -> bytes:
        return fmt.TENSOR.pack(offset, *t.shape, 0, t.quant.zero_point, t.quant.scale)

    @staticmethod
    def _pack_op(op: _Op) -> bytes:
        inputs = (op.inputs + [fmt.NO_TENSOR])[:2]
        return fmt.OP.pack(op.code, 0, *inputs, 0, op.scratch_offset, op.scratch, *op.clamp, op.params, 0)

    def _label_bytes(self) -> bytes:
        encoded = [label.encode() for label in self._labels]
        for data in encoded:
            if not 1 <= len(data) <= fmt.MAX_LABEL_BYTES or min(data) < 0x20:
                raise ValueError(f"label {data!r} is not 1..{fmt.MAX_LABEL_BYTES} bytes of text")
        return b"".join(data + b"\0" for data in encoded)
