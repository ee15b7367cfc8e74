"""A program over symbols, in the arena that its blob describes: shows which bytes hold what, and so whether the plan is right.

It knows of the writer and the planner only what the blob says. Each byte of the arena holds a symbol; what does not last is
poisoned: scratch behind each op, everything but the state behind each run.
"""

import numpy as np
import symbols as sym

from tools.blob import format as fmt
from tools.blob.format import Op, Storage
from tools.blob.network import Window
from tools.blob.reader import OpInfo, ProgramInfo, TensorInfo


class CheckedProgram:
    def __init__(self, program: ProgramInfo, weights: bytes) -> None:
        self.program, self.weights = program, weights
        self.arena = np.zeros(program.arena_bytes, np.uint64)
        self.rings: dict[int, np.ndarray] = {}
        self.poisoned = 1
        self.runs = 0
        self._poison(0, program.arena_bytes)
        self._begin()

    def feed(self, features: np.ndarray) -> np.ndarray:
        """One run: symbols of the input -> symbols of the output."""
        self._write(self.program.input, features)
        for op in self.program.ops:
            self._run(op)
        result = self._read(self.program.output).copy()
        self.runs += 1
        self._poison(self.program.state_bytes, self.program.arena_bytes)
        self._begin()
        return result

    def _poison(self, start: int, end: int) -> None:
        self.poisoned += 1
        self.arena[start:end] = np.random.default_rng(self.poisoned).integers(0, 1 << 64, end - start, dtype=np.uint64)

    def _begin(self) -> None:
        for s in self.program.states:
            assert s.offset + s.keep + s.shift <= self.program.state_bytes
            if self.runs:
                self.arena[s.offset : s.offset + s.keep] = self.arena[s.offset + s.shift : s.offset + s.shift + s.keep].copy()
                continue
            size = s.keep + s.shift
            values = np.full(size, s.fill) if s.init_offset is None else np.frombuffer(self.weights, np.int8, size, s.init_offset)
            self.arena[s.offset : s.offset + size] = sym.constant(values)

    def _read(self, t: TensorInfo) -> np.ndarray:
        if t.storage == Storage.WEIGHTS:
            return sym.constant(np.frombuffer(self.weights, np.int8, t.bytes, t.offset)).reshape(t.shape)
        return self.arena[t.offset : t.offset + t.bytes].reshape(t.shape)

    def _write(self, t: TensorInfo, values: np.ndarray) -> None:
        self.arena[t.offset : t.offset + t.bytes] = values.reshape(-1)

    def _run(self, op: OpInfo) -> None:
        inputs, y = [self.program.tensors[i] for i in op.inputs], self.program.tensors[op.output]
        self._write(y, self._compute(op, inputs, y))
        missing = min(y.shape[0], max(0, y.missing - self.runs * y.shape[0]))
        self.arena[y.offset : y.offset + missing * y.shape[1] * y.shape[2]] = sym.constant(np.array(y.zero_point))
        if op.code != Op.AVG_POOL_STEP:
            self._poison(op.scratch_offset, op.scratch_offset + op.scratch_bytes)

    def _compute(self, op: OpInfo, inputs: list[TensorInfo], y: TensorInfo) -> np.ndarray:
        values = [self._read(t).copy() for t in inputs]
        window = Window(op.kernel, op.stride, op.dilation, op.pads) if op.kernel else None
        match op.code:
            case Op.CONV_2D | Op.DEPTHWISE_CONV_2D | Op.FULLY_CONNECTED:
                *_, channels = fmt.WINDOW_PARAMS.unpack(op.params)
                rows = op.weight_bytes - y.shape[2] * fmt.CHANNEL.size
                key = sym.key_of(self._bytes(op.weights_offset, rows), self._bytes(channels, y.shape[2] * fmt.CHANNEL.size))
                if window is None:
                    return sym.fully_connected(*values, y.shape, key)
                kernel = sym.conv2d if op.code == Op.CONV_2D else sym.depthwise_conv2d
                return kernel(*values, window, y.shape, inputs[0].zero_point, key)
            case Op.AVG_POOL_2D | Op.MAX_POOL_2D:
                return sym.pool2d(*values, window, y.shape, sym.pool_key(op.code, window.kernel, op.clamp))
            case Op.AVG_POOL_STEP:
                return self._pool_step(op, *values, y)
            case Op.MEAN:
                bits = fmt.SCALE_PARAMS.unpack(op.params)[2]
                return sym.mean(*values, tuple(axis for axis, bit in enumerate(fmt.AXIS_BITS) if bits & bit), sym.key_of(op.params))
            case Op.ADD | Op.SUB | Op.MUL | Op.PRELU:
                return sym.binary(*values, sym.key_of(op.code, op.params))
            case Op.SOFTMAX:
                return sym.softmax(*values, sym.key_of(op.params))
            case Op.LUT:
                return sym.lut(*values, sym.key_of(self._bytes(op.weights_offset, 256)))
            case Op.FILL:
                return np.full(y.shape, sym.constant(np.array(fmt.SCALE_PARAMS.unpack(op.params)[0])))
            case Op.COPY:
                return self._copy(op, values[0].reshape(-1), y)
        raise AssertionError(f"no symbols for {op.code.name}")

    def _bytes(self, offset: int, size: int) -> bytes:
        return self.weights[offset : offset + size]

    def _copy(self, op: OpInfo, x: np.ndarray, y: TensorInfo) -> np.ndarray:
        numbers = fmt.COPY.unpack_from(self.weights, op.weights_offset)
        grid = np.indices(numbers[:4]).reshape(4, -1)
        source, target = (numbers[12 + side] + np.asarray(numbers[4 + 4 * side : 8 + 4 * side]) @ grid for side in (0, 1))
        result = self._read(y).reshape(-1).copy()
        result[target] = x[source]
        return result

    def _pool_step(self, op: OpInfo, x: np.ndarray, y: TensorInfo) -> np.ndarray:
        """The ring itself is the kernel's; here stands a list of the rows' sums, and its bytes in the arena must stay untouched."""
        window = Window((1, op.kernel[1]), (1, op.stride[1]), (1, 1), (0, op.pads[1]))
        p, there = sym.patches(x, window, (x.shape[0], y.shape[1]), 0)
        rows = np.where(there[..., None], sym.mix(p), np.uint64(0)).sum(axis=2, dtype=np.uint64)
        place, size = op.scratch_offset, op.scratch_bytes
        ring = self.rings.get(place, np.zeros((op.kernel[0], *rows.shape[1:]), np.uint64))
        mark = sym.constant(np.arange(size) + self.runs)
        if self.runs:
            assert np.array_equal(self.arena[place : place + size], sym.constant(np.arange(size) + self.runs - 1)), "state was written over"
        self.arena[place : place + size] = mark
        self.rings[place] = np.concatenate([ring, rows])[-op.kernel[0] :]
        return sym.pooled(self.rings[place].sum(axis=0, dtype=np.uint64)[None], sym.pool_key(op.code, op.kernel, op.clamp))
