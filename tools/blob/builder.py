"""What all layers of BlobWriter share: tensors, the list of layers, and errors that name the layer."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tools.blob import format as fmt
from tools.blob import quantise
from tools.blob.network import Layer, Pair, Quant, Reshape, Shape, Tensor

Method = TypeVar("Method", bound=Callable[..., Any])


def layer(method: Method) -> Method:
    """A method that adds a layer: what it complains about begins with its name and the layer's number."""

    @wraps(method)
    def named(self: "Builder", *args: object, **options: object) -> object:
        if self.method:
            return method(self, *args, **options)  # part of a layer
        self.method = method.__name__
        try:
            return method(self, *args, **options)
        except ValueError as error:
            raise ValueError(f"layer {len(self.layers)} ({self.method}): {error}") from error
        finally:
            self.method = ""

    return named


class Builder:
    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.layers: list[Layer] = []
        self.constants: dict[int, bytes] = {}
        self.method = ""  # that is being called

    @staticmethod
    def check_shape(shape: Sequence[int]) -> None:
        if not (len(shape) == 3 and all(1 <= n <= fmt.MAX_DIMENSION for n in shape)):
            raise ValueError(f"shape {tuple(shape)} is not (h, w, c), each 1..{fmt.MAX_DIMENSION}")
        if np.prod([int(n) for n in shape]) > fmt.MAX_BYTES:
            raise ValueError(f"shape {tuple(shape)} has more than {fmt.MAX_BYTES} elements")

    def new_tensor(self, shape: Sequence[int], quant: Quant) -> Tensor:
        self.check_shape(shape)
        tensor = Tensor(len(self.tensors), tuple(int(n) for n in shape), quant)
        self.tensors.append(tensor)
        return tensor

    def add_layer(self, kind: type[Layer], inputs: Sequence[Tensor], shape: Sequence[int], quant: Quant, *fields: object) -> Tensor:
        """Appends a layer, named as the writer's method, and returns its output."""
        for t in inputs:
            if not (t.index < len(self.tensors) and self.tensors[t.index] is t):
                raise ValueError("an input is a tensor of another network")
        output = self.new_tensor(shape, quant)
        self.layers.append(kind(self.method or kind.__name__.lower(), tuple(inputs), output, *fields))
        return output

    @staticmethod
    def clamp(activation: str, out: Quant) -> Pair:
        try:
            return quantise.clamp_of(activation, out.scale, out.zero_point)
        except KeyError:
            raise ValueError(f"activation {activation!r} is not known") from None

    @layer
    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        """The same elements in the same order. Costs nothing."""
        if np.prod(shape) != np.prod(x.shape):
            raise ValueError(f"{list(x.shape)} to {list(shape)}")
        return self.add_layer(Reshape, [x], shape, x.quant)
