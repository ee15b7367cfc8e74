"""The parameter structs of kernels.h as data classes that pack themselves for 32 and 64-bit processors."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


class Struct:
    """Packs its dataclass fields as a C compiler lays them out. A str field is a pointer to the buffer of that name."""

    def pack(self, addresses: Mapping[str, int], pointer_bytes: int) -> bytes:
        out = bytearray()
        self._append(out, addresses, pointer_bytes)
        widest = pointer_bytes if any(f.type is str for f in fields(self)) else 4
        return bytes(out + bytes(-len(out) % widest))

    def _append(self, out: bytearray, addresses: Mapping[str, int], pointer_bytes: int) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Struct):
                value._append(out, addresses, pointer_bytes)
            elif isinstance(value, str):
                out += bytes(-len(out) % pointer_bytes)
                out += struct.pack("<I" if pointer_bytes == 4 else "<Q", addresses[value])
            else:
                code = f.metadata.get("code", "i")
                out += bytes(-len(out) % struct.calcsize("<" + code[-1]))
                out += struct.pack("<" + code, *(value if isinstance(value, tuple) else (value,)))


def u16() -> int:
    return field(metadata={"code": "H"})


def u32() -> int:
    return field(metadata={"code": "I"})


def four(code: str) -> tuple[int, int, int, int]:
    return field(metadata={"code": "4" + code})


@dataclass(frozen=True)
class Shape(Struct):
    h: int = u16()
    w: int = u16()
    c: int = u16()

    @property
    def size(self) -> int:
        return self.h * self.w * self.c


@dataclass(frozen=True)
class Window(Struct):
    kernel_h: int = u16()
    kernel_w: int = u16()
    stride_h: int = u16()
    stride_w: int = u16()
    dilation_h: int = u16()
    dilation_w: int = u16()
    pad_top: int = u16()
    pad_left: int = u16()


@dataclass(frozen=True)
class Linear(Struct):
    in_shape: Shape
    out_shape: Shape
    window: Window
    in_zero: int
    out_zero: int
    out_min: int
    out_max: int
    weights: str = "weights"
    channels: str = "channels"


@dataclass(frozen=True)
class Pool(Struct):
    in_shape: Shape
    out_shape: Shape
    window: Window
    out_min: int
    out_max: int


@dataclass(frozen=True)
class Binary(Struct):
    in0: Shape
    in1: Shape
    out: Shape
    in0_zero: int
    in1_zero: int
    out_zero: int
    in0_mult: int
    in0_shift: int
    in1_mult: int
    in1_shift: int
    out_mult: int
    out_shift: int
    out_min: int
    out_max: int
    subtract: int


@dataclass(frozen=True)
class Mean(Struct):
    in_shape: Shape
    axes: int
    in_zero: int
    out_zero: int
    mult: int
    shift: int
    out_min: int
    out_max: int


@dataclass(frozen=True)
class Prelu(Struct):
    in_shape: Shape
    alpha: Shape
    in_zero: int
    alpha_zero: int
    out_zero: int
    pos_mult: int
    pos_shift: int
    neg_mult: int
    neg_shift: int


@dataclass(frozen=True)
class Softmax(Struct):
    rows: int
    classes: int
    mult: int
    shift: int


@dataclass(frozen=True)
class Copy(Struct):
    n: tuple[int, int, int, int] = four("I")
    in_stride: tuple[int, int, int, int] = four("i")
    out_stride: tuple[int, int, int, int] = four("i")
    in_offset: int = u32()
    out_offset: int = u32()


@dataclass(frozen=True)
class Svdf(Struct):
    inputs: int
    units: int
    rank: int
    memory: int
    in_zero: int
    out_zero: int
    out_min: int
    out_max: int
    feature_mult: int
    feature_shift: int
    out_mult: int
    out_shift: int
    feature: str = "feature"
    time: str = "time"
    bias: str = "bias"
