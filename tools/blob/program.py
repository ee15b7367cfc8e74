"""A program of a blob while it is made: ops over views of buffers, and the buffers before and after they have a place."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.blob import format as fmt
from tools.blob.format import Op, ProgramKind
from tools.blob.network import Pair, Quant, Shape


@dataclass(eq=False)
class Buffer:
    """`size` bytes of the arena, needed from op `first` to op `last`; a state's are needed for ever.

    home: the buffer whose bytes these are, and where in it; else `offset` is the place that the plan has found.
    """

    size: int
    state: bool = False
    first: int = 1 << 30
    last: int = -1
    offset: int = -1
    home: "tuple[Buffer, int] | None" = None

    def used(self, op: int) -> None:
        self.first, self.last = min(self.first, op), max(self.last, op)

    def root(self) -> "tuple[Buffer, int]":
        """The buffer that has the bytes, and where they begin in it."""
        buffer, at = self, 0
        while buffer.home:
            buffer, at = buffer.home[0], at + buffer.home[1]
        return buffer, at

    @property
    def place(self) -> int:
        """Offset in the arena."""
        root, at = self.root()
        return root.offset + at


@dataclass(frozen=True)
class View:
    """A tensor as an op sees it: rows of a buffer, or a constant in the weights section (buffer None)."""

    buffer: Buffer | None
    start: int  # in the buffer, or in the weights section
    shape: Shape
    quant: Quant
    missing: int = 0

    @property
    def bytes(self) -> int:
        h, w, c = self.shape
        return h * w * c

    def span(self) -> tuple[Buffer, int, int]:
        """Root buffer, first byte, byte behind the last."""
        root, at = self.buffer.root()
        return root, at + self.start, at + self.start + self.bytes

    @property
    def offset(self) -> int:
        """As it is stored."""
        return self.start + (self.buffer.place if self.buffer else 0)


@dataclass(eq=False)
class ProgramOp:
    code: Op
    inputs: list[View]
    output: View
    params: bytes
    clamp: Pair = (-128, 127)
    scratch: Buffer | None = None
    layer: str = ""
    tensor: int = -1  # the network's tensor that it computes, or a part of it

    def views(self) -> Iterator[View]:
        """All of the arena that it touches, but for the scratch."""
        yield from (v for v in self.inputs if v.buffer)
        yield self.output


@dataclass
class State:
    """kws_state_t over a buffer's first keep + shift bytes."""

    buffer: Buffer
    keep: int
    shift: int
    fill: int
    init_offset: int = fmt.NO_OFFSET


@dataclass
class Program:
    kind: ProgramKind
    input: View
    output: View
    ops: list[ProgramOp] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    arena_bytes: int = 0
    state_bytes: int = 0

    def buffers(self) -> list[Buffer]:
        """The buffers that need a place."""
        found = [v.buffer for op in self.ops for v in op.views()] + [op.scratch for op in self.ops if op.scratch]
        found += [s.buffer for s in self.states] + [self.input.buffer, self.output.buffer]
        return list(dict.fromkeys(b.root()[0] for b in found if b))


class Weights:
    """The weights section; equal contents are stored once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[bytes, int] = {}

    def store(self, data: bytes) -> int:
        """Offset of `data`, a multiple of 16."""
        if data not in self._known:
            self.data += bytes(-len(self.data) % fmt.BUFFER_ALIGN)
            self._known[data] = len(self.data)
            self.data += data
        return self._known[data]
