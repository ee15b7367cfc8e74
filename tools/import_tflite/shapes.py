"""TensorFlow Lite's shapes of rank 0 to 4 as the core's (h, w, c).

The batch is 1 and left out, missing dimensions count as 1 in front. Rows (h) are what streams, so a sequence [1, steps, c]
becomes (steps, 1, c), and so does the [1, 1, steps, c] that a one-dimensional convolution works on: a layout says
which of the two a layer's tensors are in. Both have the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from tools.blob.network import Shape
from tools.import_tflite.flatbuffer import TfliteError

Dims = tuple[int, ...]
T = TypeVar("T")


def dims4(dims: Dims) -> tuple[int, int, int, int]:
    """[1, h, w, c] of any supported shape."""
    if len(dims) > 4:
        raise TfliteError(f"a tensor of shape {list(dims)}: rank above 4")
    padded = (1,) * (4 - len(dims)) + tuple(dims)
    if padded[0] != 1:
        raise TfliteError(f"a tensor of shape {list(dims)}: the batch must be 1")
    return padded


def natural_shape(dims: Dims) -> Shape:
    """Where nothing else decides: sequences of rank 3 have their steps in h."""
    _, h, w, c = dims4(dims)
    return (w, 1, c) if len(dims) == 3 and h == 1 else (h, w, c)


@dataclass(frozen=True)
class Layout:
    """swapped: h and w have changed places; only where all tensors of a layer have h = 1."""

    swapped: bool = False

    def shape(self, dims: Dims) -> Shape:
        _, h, w, c = dims4(dims)
        return (w, h, c) if self.swapped else (h, w, c)

    def axis(self, rank: int, axis: int) -> int | None:
        """The place of a dimension in (h, w, c); None for the batch."""
        place = axis + 4 - rank - 1
        if place < 0:
            return None
        return 1 - place if self.swapped and place < 2 else place

    def pair(self, vertical: T, horizontal: T) -> tuple[T, T]:
        """(along h, along w) of what the operator calls vertical and horizontal."""
        return (horizontal, vertical) if self.swapped else (vertical, horizontal)


def common_layout(all_dims: Iterable[Dims], shapes: Iterable[Shape]) -> Layout:
    """all_dims: of a layer's inputs and outputs; shapes: what its inputs have in the blob now."""
    flat = all(dims4(dims)[1] == 1 for dims in all_dims)
    return Layout(flat and any(h > 1 and w == 1 for h, w, _ in shapes))


def axis_of(axis: int, rank: int) -> int:
    """A dimension's number from the file, which may count from the end."""
    if not -rank <= axis < rank:
        raise TfliteError(f"dimension {axis} of a tensor of rank {rank}")
    return axis % rank
