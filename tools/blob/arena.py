"""Places a program's buffers in its arena: the state in front, behind it what lives at the same time lies apart."""

from tools.blob import format as fmt
from tools.blob.format import BUFFER_ALIGN, align
from tools.blob.program import Buffer, Program, ProgramOp, View


def _meets(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def _lowest_gap(buffer: Buffer, placed: list[Buffer]) -> int:
    offset = 0
    for other in sorted((b for b in placed if _meets(b, buffer)), key=lambda b: b.offset):
        if offset + buffer.size <= other.offset:
            break
        offset = max(offset, align(other.offset + other.size, BUFFER_ALIGN))
    return offset


def _place(buffers: list[Buffer]) -> int:
    placed: list[Buffer] = []
    for buffer in buffers:
        buffer.offset = _lowest_gap(buffer, placed)
        placed.append(buffer)
    return max((align(b.offset + b.size, BUFFER_ALIGN) for b in buffers), default=0)


def pack_buffers(buffers: list[Buffer]) -> int:
    """Sets every buffer's offset (a multiple of 16) and returns the bytes that they take.

    First fit in several orders, the best kept: largest first is good for chains, time order for long skips.
    """
    orders = [
        sorted(buffers, key=lambda b: (-b.size, b.first)),
        sorted(buffers, key=lambda b: (b.first, -b.size)),
        sorted(buffers, key=lambda b: (b.first - b.last, -b.size)),
    ]
    best = min(orders, key=_place)
    return _place(best)


def set_lifetimes(program: Program) -> None:
    """When each buffer is needed: the input before the first op, the output behind the last."""
    for i, op in enumerate(program.ops):
        for view in op.views():
            view.buffer.root()[0].used(i)
        if op.scratch:
            op.scratch.used(i)
    program.input.buffer.root()[0].used(-1)
    program.output.buffer.root()[0].used(len(program.ops))


def _in_place(program: Program, i: int, op: ProgramOp, source: View) -> bool:
    """Lets op i write over `source`, where nobody misses it."""
    (a, a0, a1), (b, b0, b1) = source.span(), op.output.span()
    if a is b or a.state or b.state or source.shape != op.output.shape or a.last != i:
        return False
    # Every other access to either buffer must be able to live with the two being one.
    others = [v.span() for v in op.inputs if v.buffer and v != source]
    if any(root in (a, b) for root, _, _ in others):
        return False
    if (b0, b1) == (0, b.size) and b.first == i:
        b.home = (a, a0)
        a.used(b.last)
        return True
    if (a0, a1) != (0, a.size):
        return False
    for earlier in program.ops[:i]:
        for root, start, end in (v.span() for v in earlier.views()):
            if root is b and start < b1 and b0 < end:
                return False
    a.home = (b, b0)
    b.used(a.first)
    return True


def plan(program: Program) -> None:
    """Offsets of all buffers, and the sizes of the program's arena and state."""
    set_lifetimes(program)
    for i, op in enumerate(program.ops):
        if op.code in fmt.IN_PLACE:
            any(_in_place(program, i, op, v) for v in op.inputs if v.buffer)
    buffers = program.buffers()
    at = 0
    for buffer in (b for b in buffers if b.state):
        buffer.offset = at
        at = align(at + buffer.size, BUFFER_ALIGN)
    rest = [b for b in buffers if not b.state]
    program.state_bytes = at
    program.arena_bytes = at + pack_buffers(rest)
    for buffer in rest:
        buffer.offset += at
