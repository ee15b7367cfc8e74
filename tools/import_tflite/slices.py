"""STRIDED_SLICE's begins, ends, strides and masks resolved to one cut a dimension."""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.shapes import Dims


@dataclass(frozen=True)
class Slice:
    """Elements begin, begin + stride, ... of a dimension."""

    begin: int
    size: int
    stride: int = 1


def strided(dims: Dims, begin: list[int], end: list[int], strides: list[int], o: Mapping[str, object]) -> tuple[list[Slice], Dims]:
    """(a cut for each dimension, the result's dimensions) as TensorFlow Lite's reference resolves them."""
    n = len(begin)
    if len(end) != n or len(strides) != n or 0 in strides:
        raise TfliteError(f"begins {begin}, ends {end} and strides {strides}")
    masks = {name: int(o[f"{name}_mask"]) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}

    def has(name: str, i: int) -> bool:
        return bool(masks[name] >> i & 1)

    ellipses = [i for i in range(n) if has("ellipsis", i)]
    if len(ellipses) > 1:
        raise TfliteError("more than one ellipsis")
    # How many dimensions the entries speak of; an ellipsis stands for the rest.
    named = sum(not has("new_axis", i) and not has("ellipsis", i) for i in range(n))
    if named > len(dims):
        raise TfliteError(f"{named} slices of a tensor of shape {list(dims)}")
    cuts: list[Slice] = []
    result: list[int] = []
    for i in range(n):
        if has("ellipsis", i):
            for _ in range(len(dims) - named):
                result.append(dims[len(cuts)])
                cuts.append(Slice(0, dims[len(cuts)]))
        elif has("new_axis", i):
            result.append(1)
        else:
            one = _cut(dims[len(cuts)], begin[i], end[i], strides[i], has("begin", i), has("end", i), has("shrink_axis", i), bool(o["offset"]))
            cuts.append(one)
            if not has("shrink_axis", i):
                result.append(one.size)
    result += dims[len(cuts) :]
    cuts += [Slice(0, size) for size in dims[len(cuts) :]]
    return cuts, tuple(result)


def _cut(size: int, begin: int, end: int, stride: int, begin_masked: bool, end_masked: bool, shrink: bool, offset: bool) -> Slice:
    if shrink:
        at = 0 if begin_masked else begin + size if begin < 0 else begin
        if not 0 <= at < size:
            raise TfliteError(f"index {begin} of a dimension of {size}")
        return Slice(at, 1)
    end = begin + end if offset else end
    chosen = range(size)[slice(None if begin_masked else begin, None if end_masked else end, stride)]
    if not chosen:
        raise TfliteError(f"an empty slice {begin}:{end}:{stride} of a dimension of {size}")
    return Slice(chosen[0], len(chosen), stride)
