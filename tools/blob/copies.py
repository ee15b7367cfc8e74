"""The geometry of copy ops (kws_copy_t) and of what lies in one piece already."""

from tools.blob import format as fmt
from tools.blob.network import Concat, Pad, Shape, Slice


def strides(shape: Shape) -> Shape:
    """Bytes from one element to the next along each dimension."""
    return shape[1] * shape[2], shape[2], 1


def block(n: Shape, in_strides: Shape, out_strides: Shape, in_offset: int = 0, out_offset: int = 0) -> bytes:
    """kws_copy_t of `n` elements."""
    return fmt.COPY.pack(1, *n, 0, *in_strides, 0, *out_strides, in_offset, out_offset)


def offset_of(shape: Shape, at: Shape) -> int:
    """Byte at which an element lies."""
    return sum(i * s for i, s in zip(at, strides(shape), strict=True))


def slice_block(x: Shape, begin: Shape, step: Shape, out: Shape) -> bytes:
    in_strides = tuple(a * b for a, b in zip(strides(x), step, strict=True))
    return block(out, in_strides, strides(out), in_offset=offset_of(x, begin))


def part_block(part: Shape, whole: Shape, at: Shape) -> bytes:
    """`part` into its place in `whole`: concatenation and padding."""
    return block(part, strides(part), strides(whole), out_offset=offset_of(whole, at))


def transpose_block(x: Shape, perm: Shape, out: Shape) -> bytes:
    return block(out, tuple(strides(x)[axis] for axis in perm), strides(out))


def slices_rows(layer: Slice) -> bool:
    """Whether it takes a run of whole rows."""
    x, y = layer.inputs[0].shape, layer.output.shape
    return x[1:] == y[1:] and layer.stride == (1, 1, 1)


def slice_is_contiguous(layer: Slice) -> bool:
    """Whether its elements lie side by side in the input."""
    x, y = layer.inputs[0].shape, layer.output.shape
    if layer.stride != (1, 1, 1):
        return False
    cut = next((axis for axis in (2, 1, 0) if y[axis] != x[axis]), 0)
    return all(n == 1 for n in y[:cut])


def concat_is_contiguous(layer: Concat) -> bool:
    """Whether its inputs lie one behind the other in the output."""
    return all(n == 1 for n in layer.output.shape[: layer.axis])


def pads_rows(layer: Pad) -> bool:
    """Whether it adds whole rows only."""
    return layer.pads[1] == layer.pads[2] == (0, 0)
