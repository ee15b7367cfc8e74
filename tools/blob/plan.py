"""Places activations and scratch in one arena, so that what lives at the same time lies apart."""

from dataclasses import dataclass

from tools.blob.format import TENSOR_ALIGN, align


@dataclass
class Buffer:
    """`size` bytes that are needed from op `first` to op `last`, both included; `offset` is the plan."""

    size: int
    first: int
    last: int
    offset: int = -1

    def meets(self, other: "Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


def _lowest_gap(buffer: Buffer, placed: list[Buffer]) -> int:
    offset = 0
    for other in sorted((b for b in placed if b.meets(buffer)), key=lambda b: b.offset):
        if offset + buffer.size <= other.offset:
            break
        offset = max(offset, align(other.offset + other.size, TENSOR_ALIGN))
    return offset


def _place(buffers: list[Buffer]) -> int:
    placed: list[Buffer] = []
    for buffer in buffers:
        buffer.offset = _lowest_gap(buffer, placed)
        placed.append(buffer)
    return max((align(b.offset + b.size, TENSOR_ALIGN) for b in buffers), default=0)


def plan(buffers: list[Buffer]) -> int:
    """Sets every buffer's offset (a multiple of 16) and returns the arena's bytes.

    First fit in several orders, the best kept: largest first is good for chains, time order for long skips.
    """
    orders = [
        sorted(buffers, key=lambda b: (-b.size, b.first)),
        sorted(buffers, key=lambda b: (b.first, -b.size)),
        sorted(buffers, key=lambda b: (b.first - b.last, -b.size)),
    ]
    best = min(orders, key=_place)
    return _place(best)
