"""What layers cost: which of them become ops, and which are views of bytes that are there already."""

import numpy as np
import pytest

from tools.blob import BlobWriter, Quant, Tensor
from tools.blob.format import Op
from tools.kwslib import Model

Q = Quant(0.1, 7)


def conv(writer: BlobWriter, x: Tensor, rows: int = 3, columns: int = 1, **options: object) -> Tensor:
    weights = np.random.default_rng(1).integers(-127, 128, (4, rows, columns, x.shape[2])).astype(np.int8)
    return writer.conv2d(x, weights, np.zeros(4, np.int32), np.array([0.005]), Q, **options)


def start(*shape: int) -> tuple[BlobWriter, Tensor]:
    writer = BlobWriter()
    return writer, writer.input(shape or (8, 3, 4), Q)


def ops(writer: BlobWriter) -> list[str]:
    Model(writer.finish())
    return [op.code.name for op in writer.programs[0].ops]


def test_padding_before_a_convolution_is_the_convolutions() -> None:
    """Keras makes a padding layer of every strided SAME or causal convolution: as ops of their own they fill and copy activations."""
    writer, x = start()
    y = conv(writer, writer.pad(x, ((2, 0), (1, 1), (0, 0))), 3, 3)
    assert ops(writer) == ["CONV_2D"] and writer.programs[0].ops[0].output.shape == y.shape == (8, 3, 4)
    other, x = start()
    weights = np.random.default_rng(1).integers(-127, 128, (4, 3, 3, 4)).astype(np.int8)
    other.conv2d(x, weights, np.zeros(4, np.int32), np.array([0.005]), Q, padding=((2, 0), (1, 1)))
    assert other.finish() == writer.finish()


@pytest.mark.parametrize("pads, value", [(((2, 0), (0, 0), (0, 0)), 0), (((3, 0), (0, 0), (0, 0)), None), (((1, 0), (0, 0), (0, 2)), None)])
def test_other_padding_stays(pads: tuple, value: int | None) -> None:
    """Another value than the zero point, pads as wide as the window or new channels are not what a convolution's padding means."""
    writer, x = start()
    conv(writer, writer.pad(x, pads, value))
    assert ops(writer)[-1] == "CONV_2D" and "FILL" in ops(writer)


def test_wide_explicit_padding_becomes_a_layer() -> None:
    """The core refuses windows that see padding only; the network may have them."""
    writer, x = start()
    y = conv(writer, x, padding=((5, 4), (0, 0)))
    assert y.shape == (15, 3, 4) and ops(writer) == ["FILL", "COPY", "CONV_2D"]


def test_reshapes_and_crops_are_views() -> None:
    """Their copies would double the memory of what they only look at."""
    writer, x = start()
    x = writer.reshape(writer.reshape(conv(writer, x), (6, 12, 1)), (6, 3, 4))
    x = writer.slice(x, (1, 0, 0), (4, 3, 4))
    writer.softmax(writer.transpose(writer.reshape(x, (1, 12, 4)), (1, 0, 2)))
    assert ops(writer) == ["CONV_2D", "SOFTMAX"]


def test_parts_are_written_to_their_place() -> None:
    """Joining branches by copies takes time and memory that grow with the network's width."""
    writer, x = start(8, 1, 4)
    parts = [conv(writer, x), writer.reshape(conv(writer, x, 5), (4, 1, 4))]
    whole = writer.concat([*parts, parts[0]], 0)
    writer.pad(writer.relu(whole, Q), ((1, 2), (0, 0), (0, 0)))
    assert ops(writer) == ["CONV_2D", "CONV_2D", "COPY", "LUT", "FILL", "FILL"]


def test_elementwise_layers_write_over_what_dies() -> None:
    """Each would need a third activation, and residual networks do not fit then."""
    writer, x = start(8, 3, 16)
    y = conv(writer, x, 1)
    for _ in range(6):
        y = writer.add(writer.relu(y, Q), writer.prelu(y, writer.constant(np.ones((1, 1, 4), np.int8), Q), Q), Q)
    writer.finish()
    assert writer.programs[0].arena_bytes <= 8 * 3 * 16 + 2 * 96 + writer.programs[0].ops[0].scratch.size


def test_dead_layers_are_left_out() -> None:
    """Auxiliary heads from training cost nothing on the device."""
    writer, x = start()
    y = conv(writer, x)
    writer.softmax(conv(writer, x, 5))
    Model(writer.finish(y))
    assert [op.code for op in writer.programs[0].ops] == [Op.CONV_2D]


def test_equal_tables_are_stored_once() -> None:
    """Weights that the window and the step program share, and tables of equal activations, would fill the flash twice."""
    writer, x = start()
    for _ in range(5):
        x = writer.relu(x, Q)
    one = len(writer.finish())
    writer.relu(x, Q)
    assert len(writer.finish()) - one < 128
