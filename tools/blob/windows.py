"""Padding rules: the output's size and the pad in front of it along one axis."""

from tools.blob.network import Pair, Shape, Window

# "same", "valid", "causal", or the pads ((top, bottom), (left, right)).
Padding = str | tuple[Pair, Pair]


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """(output size, pad in front) of TensorFlow's padding "same"."""
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return out, total // 2


def explicit_padding(size: int, kernel: int, stride: int, dilation: int, pads: Pair) -> Pair:
    """(output size, pad in front) with `pads` in front and behind."""
    return (size + sum(pads) - (kernel - 1) * dilation - 1) // stride + 1, pads[0]


def valid_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """(output size, pad in front) of padding "valid"."""
    return explicit_padding(size, kernel, stride, dilation, (0, 0))


def causal_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """(output size, pad in front) where no window looks beyond its newest row, as Keras has it."""
    return explicit_padding(size, kernel, stride, dilation, ((kernel - 1) * dilation, 0))


def touches(size: int, outputs: int, kernel: int, stride: int, dilation: int, pad: int) -> bool:
    """Whether every window covers at least one position of the input."""
    return pad <= (kernel - 1) * dilation and (outputs - 1) * stride - pad < size


def place(x: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding) -> tuple[Pair, Window]:
    """(output height and width, window). ValueError where no window fits, or one would cover padding only."""
    numbers = (*kernel, *stride, *dilation)
    if not all(1 <= n < 1 << 16 for n in numbers):
        raise ValueError(f"kernel {kernel}, stride {stride} and dilation {dilation} must be 1..65535")
    rules = {"same": (same_padding,) * 2, "valid": (valid_padding,) * 2, "causal": (causal_padding, same_padding)}
    out, front = [], []
    for axis in (0, 1):
        one = (x[axis], kernel[axis], stride[axis], dilation[axis])
        if isinstance(padding, str):
            if padding not in rules:
                raise ValueError(f'padding {padding!r} is none of "same", "valid" and "causal"')
            n, pad = rules[padding][axis](*one)
        else:
            if min(padding[axis]) < 0:
                raise ValueError(f"padding {padding} is negative")
            n, pad = explicit_padding(*one, padding[axis])
        if n < 1:
            raise ValueError(f"a {kernel} window does not fit into {list(x)}")
        if not touches(*one[:1], n, *one[1:], pad):
            raise ValueError(f"padding {padding} is as wide as the {kernel} window")
        out.append(n)
        front.append(pad)
    return tuple(out), Window(tuple(kernel), tuple(stride), tuple(dilation), tuple(front))
